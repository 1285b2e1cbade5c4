// Prints the microseconds that the library behind `nomad tls cert create` takes for one certificate.
package main

import (
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/hashicorp/nomad/helper/tlsutil"
)

func main() {
	signer, _, err := tlsutil.GeneratePrivateKey()
	check(err)
	ca, _, err := tlsutil.GenerateCA(tlsutil.CAOpts{Signer: signer, Days: 3650})
	check(err)
	once := func() {
		_, _, err := tlsutil.GenerateCert(tlsutil.CertOpts{
			Signer: signer, CA: ca, Name: "server.global.nomad", Days: 90,
			DNSNames:    []string{"server.global.nomad", "localhost", "s1.example"},
			IPAddresses: []net.IP{net.ParseIP("127.0.0.1"), net.ParseIP("10.0.0.1")},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		})
		check(err)
	}
	for range 200 {
		once()
	}
	const count = 2000
	begun := time.Now()
	for range count {
		once()
	}
	fmt.Printf("%.2f\n", float64(time.Since(begun).Microseconds())/count)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
