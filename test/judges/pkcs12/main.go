// Opens a PKCS#12 file with a Go library that other tools use, and says what is in it.
//
//	pkcs12 FILE PASSWORD   prints {"error", "key": SPKI of the key, "leaf", "others": certificates}, base64
package main

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"os"

	"software.sslmate.com/src/go-pkcs12"
)

type answer struct {
	Error  string   `json:"error,omitempty"`
	Key    string   `json:"key,omitempty"`
	Leaf   string   `json:"leaf,omitempty"`
	Others []string `json:"others,omitempty"`
}

func open(file, password string) answer {
	bytes, err := os.ReadFile(file)
	if err != nil {
		return answer{Error: err.Error()}
	}
	key, leaf, others, err := pkcs12.DecodeChain(bytes, password)
	if err != nil {
		return answer{Error: err.Error()}
	}
	spki, err := x509.MarshalPKIXPublicKey(key.(crypto.Signer).Public())
	if err != nil {
		return answer{Error: err.Error()}
	}
	encode := base64.StdEncoding.EncodeToString
	said := answer{Key: encode(spki), Leaf: encode(leaf.Raw)}
	for _, other := range others {
		said.Others = append(said.Others, encode(other.Raw))
	}
	return said
}

func main() {
	if len(os.Args) != 3 {
		os.Exit(64)
	}
	if err := json.NewEncoder(os.Stdout).Encode(open(os.Args[1], os.Args[2])); err != nil {
		os.Exit(1)
	}
}
