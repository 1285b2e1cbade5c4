// Command verify reads questions, one JSON object a line, and answers each with one line: what Go's
// crypto/x509, the verifier Nomad itself uses, says of a certificate chain.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

type question struct {
	ID    string `json:"id"`
	Chain string `json:"chain"` // PEM: the leaf, then what follows it in cert_file
	Roots string `json:"roots"` // PEM: what ca_file holds
	Key   string `json:"key"`   // PEM: when given, must load together with the chain
	Name  string `json:"name"`  // a DNS name or address the leaf must be valid for
	Usage string `json:"usage"` // "serverAuth", "clientAuth" or "any"
	At    int64  `json:"at"`    // milliseconds since the epoch; 0 is now
}

type answer struct {
	ID    string   `json:"id"`
	OK    bool     `json:"ok"`
	Error string   `json:"error,omitempty"`
	CN    string   `json:"cn"`
	DNS   []string `json:"dns"`
	IPs   []string `json:"ips"`
	URIs  []string `json:"uris"`
	Path  int      `json:"path"` // certificates in the shortest path found
}

func certificates(text string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	rest := []byte(text)
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("unexpected PEM block %q", block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, certificate)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no certificate")
	}
	return out, nil
}

func judge(q question) (a answer) {
	a.ID = q.ID
	fail := func(err error) answer {
		a.Error = err.Error()
		return a
	}
	chain, err := certificates(q.Chain)
	if err != nil {
		return fail(fmt.Errorf("chain: %w", err))
	}
	leaf := chain[0]
	a.CN, a.DNS = leaf.Subject.CommonName, leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		a.IPs = append(a.IPs, ip.String())
	}
	for _, uri := range leaf.URIs {
		a.URIs = append(a.URIs, uri.String())
	}
	roots, err := certificates(q.Roots)
	if err != nil {
		return fail(fmt.Errorf("roots: %w", err))
	}
	if q.Key != "" {
		if _, err := tls.X509KeyPair([]byte(q.Chain), []byte(q.Key)); err != nil {
			return fail(err)
		}
	}
	options := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		DNSName:       q.Name,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	switch q.Usage {
	case "serverAuth":
		options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	case "clientAuth":
		options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	if q.At != 0 {
		options.CurrentTime = time.UnixMilli(q.At)
	}
	for _, certificate := range roots {
		options.Roots.AddCert(certificate)
	}
	for _, certificate := range chain[1:] {
		options.Intermediates.AddCert(certificate)
	}
	paths, err := leaf.Verify(options)
	if err != nil {
		return fail(err)
	}
	a.OK = true
	a.Path = len(paths[0])
	for _, path := range paths {
		a.Path = min(a.Path, len(path))
	}
	return a
}

func main() {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for scanner.Scan() {
		var q question
		if err := json.Unmarshal(scanner.Bytes(), &q); err != nil {
			fmt.Fprintln(os.Stderr, "verify:", err)
			os.Exit(1)
		}
		if err := encoder.Encode(judge(q)); err != nil {
			os.Exit(1)
		}
	}
	if err := scanner.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "verify:", err)
		os.Exit(1)
	}
}
