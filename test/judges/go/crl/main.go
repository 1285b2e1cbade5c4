// Command crl reads revocation lists and says what Go's crypto/x509 says of each: pairs of files, the list and the
// certificate of its authority.
package main

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
)

type entry struct {
	Serial string `json:"serial"`
	At     int64  `json:"at"`
	Reason int    `json:"reason"`
}

type answer struct {
	OK         bool    `json:"ok"`
	Error      string  `json:"error,omitempty"`
	Number     string  `json:"number"`
	ThisUpdate int64   `json:"thisUpdate"`
	NextUpdate int64   `json:"nextUpdate"`
	KeyID      string  `json:"keyId"`
	Extensions int     `json:"extensions"`
	Critical   int     `json:"critical"`
	Entries    []entry `json:"entries"`
}

func judge(listPath, authorityPath string) answer {
	text, err := os.ReadFile(listPath)
	if err != nil {
		return answer{Error: err.Error()}
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "X509 CRL" || len(rest) > 0 {
		return answer{Error: "not one list"}
	}
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		return answer{Error: err.Error()}
	}
	text, err = os.ReadFile(authorityPath)
	if err != nil {
		return answer{Error: err.Error()}
	}
	block, _ = pem.Decode(text)
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return answer{Error: err.Error()}
	}
	if err := list.CheckSignatureFrom(authority); err != nil {
		return answer{Error: err.Error()}
	}
	if string(list.RawIssuer) != string(authority.RawSubject) {
		return answer{Error: "the issuer is not the authority"}
	}
	said := answer{
		OK: true, Number: list.Number.String(),
		ThisUpdate: list.ThisUpdate.Unix(), NextUpdate: list.NextUpdate.Unix(),
		KeyID: hex.EncodeToString(list.AuthorityKeyId), Extensions: len(list.Extensions),
		Entries: []entry{},
	}
	for _, extension := range list.Extensions {
		if extension.Critical {
			said.Critical++
		}
	}
	for _, one := range list.RevokedCertificateEntries {
		said.Entries = append(said.Entries, entry{one.SerialNumber.String(), one.RevocationTime.Unix(), one.ReasonCode})
	}
	return said
}

func main() {
	for at := 1; at+1 < len(os.Args); at += 2 {
		_ = json.NewEncoder(os.Stdout).Encode(judge(os.Args[at], os.Args[at+1]))
	}
}
