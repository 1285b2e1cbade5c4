// Answers, line by line, what an agent makes of a presented chain and of its own files: Go's own
// verifier and loader, and Nomad's listener checks written down once more from what they do.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"strings"
	"time"
)

type question struct {
	// A presented chain, DER, and the anchors of whoever looks at it.
	Chain, Trust [][]byte
	Usage        string
	// The name that a dialer demands; the protocol that a listener is spoken to in.
	Host, Protocol, Region string
	Now                    int64
	// Or the texts of three files.
	Files         bool
	Ca, Cert, Key string
}

type answer struct {
	Refused string // empty: accepted
	Pool    int    // certificates that ca_file gives
	Blocks  int    // PEM blocks in ca_file
	Pair    string // why cert_file and key_file don't load
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<26)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			panic(err)
		}
		var a answer
		if q.Files {
			a = load(q)
		} else {
			a.Refused = judge(q)
		}
		if err := out.Encode(a); err != nil {
			panic(err)
		}
	}
}

func judge(q question) string {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, der := range q.Trust {
		if certificate, err := x509.ParseCertificate(der); err == nil {
			roots.AddCert(certificate)
		}
	}
	var leaf *x509.Certificate
	for _, der := range q.Chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return "parse: " + err.Error()
		}
		if leaf == nil {
			leaf = certificate
		} else {
			between.AddCert(certificate)
		}
	}
	usage := x509.ExtKeyUsageServerAuth
	if q.Usage == "clientAuth" {
		usage = x509.ExtKeyUsageClientAuth
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: time.UnixMilli(q.Now),
		KeyUsages: []x509.ExtKeyUsage{usage},
	}); err != nil {
		return "chain: " + err.Error()
	}
	if q.Host != "" {
		if err := leaf.VerifyHostname(q.Host); err != nil {
			return "host: " + err.Error()
		}
		return ""
	}
	server, client := "server."+q.Region+".nomad", "client."+q.Region+".nomad"
	names := append(append([]string{}, leaf.DNSNames...), leaf.Subject.CommonName)
	connects := false
	for _, name := range names {
		labels := strings.Split(name, ".")
		if len(labels) >= 3 && labels[len(labels)-1] == "nomad" {
			connects = connects || labels[0] == "server" || name == client
		}
	}
	if !connects {
		return "check 2"
	}
	wanted := map[string][]string{
		"raft": {server}, "server-only-rpc": {server}, "client-only-rpc": {server, client},
	}[q.Protocol]
	for _, name := range names {
		for _, want := range wanted {
			if name == want {
				return ""
			}
		}
	}
	if wanted == nil {
		return ""
	}
	return "check 3 or 4"
}

func load(q question) (a answer) {
	for rest := []byte(q.Ca); ; a.Blocks++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(q.Ca))
	a.Pool = len(pool.Subjects())
	if _, err := tls.X509KeyPair([]byte(q.Cert), []byte(q.Key)); err != nil {
		a.Pair = err.Error()
	}
	return a
}
