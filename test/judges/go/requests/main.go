// Command requests reads certificate requests (PEM, the first block of each file that is named) and says of each
// what Go's crypto/x509 says of its signature and of its names.
package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
)

type answer struct {
	OK    bool     `json:"ok"`
	Error string   `json:"error,omitempty"`
	CN    string   `json:"cn"`
	DNS   []string `json:"dns"`
	URIs  []string `json:"uris"`
}

func judge(path string) answer {
	text, err := os.ReadFile(path)
	if err != nil {
		return answer{Error: err.Error()}
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return answer{Error: "no request"}
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return answer{Error: err.Error()}
	}
	if err := request.CheckSignature(); err != nil {
		return answer{Error: err.Error()}
	}
	said := answer{OK: true, CN: request.Subject.CommonName, DNS: request.DNSNames}
	for _, uri := range request.URIs {
		said.URIs = append(said.URIs, uri.String())
	}
	return said
}

func main() {
	for _, path := range os.Args[1:] {
		_ = json.NewEncoder(os.Stdout).Encode(judge(path))
	}
}
