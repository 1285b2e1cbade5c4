// Command mint makes certificates, good and bad, that no careful issuer would sign: one JSON order a
// line in, one line with PEM out. It shares no code with the library, so what the library says about
// these certificates is not judged by itself.
package main

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"time"
	"unicode/utf16"
)

type commonName struct {
	Value string `json:"value"`
	Type  string `json:"type"` // utf8 (default), printable, ia5, t61, bmp
}

type order struct {
	ID       string       `json:"id"`
	Issuer   string       `json:"issuer"`  // the id of an earlier order; empty: self-signed
	SameKey  string       `json:"sameKey"` // the id of an earlier order whose key is used again
	Key      string       `json:"key"`
	CNs      []commonName `json:"cns"`
	OneRDN   bool         `json:"oneRdn"` // all common names within one relative distinguished name
	DNS      []string     `json:"dns"`
	IPs      []string     `json:"ips"`
	URIs     []string     `json:"uris"`
	CA       bool         `json:"ca"`
	PathLen  *int         `json:"pathLen"`
	EKU      []string     `json:"eku"`  // serverAuth, clientAuth, any; absent: no extension
	From     int64        `json:"from"` // seconds from now
	To       int64        `json:"to"`
	Permit   []string     `json:"permit"` // DNS subtrees of critical name constraints
	PermitIP []string     `json:"permitIp"`
}

type made struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

var keyUsages = map[string]x509.ExtKeyUsage{
	"serverAuth": x509.ExtKeyUsageServerAuth,
	"clientAuth": x509.ExtKeyUsageClientAuth,
	"any":        x509.ExtKeyUsageAny,
}

func newKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "", "p256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p224":
		return ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	case "p384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "p521":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "rsa2048":
		return rsa.GenerateKey(rand.Reader, 2048)
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("unknown key kind %q", kind)
}

func encodeCN(name commonName) (asn1.RawValue, error) {
	bytes := []byte(name.Value)
	tag := asn1.TagUTF8String
	switch name.Type {
	case "", "utf8":
	case "printable":
		tag = asn1.TagPrintableString
	case "ia5":
		tag = asn1.TagIA5String
	case "t61":
		tag = asn1.TagT61String
	case "bmp":
		tag = asn1.TagBMPString
		bytes = nil
		for _, unit := range utf16.Encode([]rune(name.Value)) {
			bytes = append(bytes, byte(unit>>8), byte(unit))
		}
	default:
		return asn1.RawValue{}, fmt.Errorf("unknown string type %q", name.Type)
	}
	return asn1.RawValue{Class: asn1.ClassUniversal, Tag: tag, Bytes: bytes}, nil
}

type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

type rdnSET []attribute // encoding/asn1 writes a type whose name ends in SET as a SET

func encodeSubject(o order) ([]byte, error) {
	cn := asn1.ObjectIdentifier{2, 5, 4, 3}
	subject := []rdnSET{}
	for i, name := range o.CNs {
		value, err := encodeCN(name)
		if err != nil {
			return nil, err
		}
		item := attribute{cn, value}
		if o.OneRDN && i > 0 {
			subject[0] = append(subject[0], item)
		} else {
			subject = append(subject, rdnSET{item})
		}
	}
	return asn1.Marshal(subject)
}

func mint(o order, stock map[string]made) (made, error) {
	var key crypto.Signer
	var err error
	if o.SameKey != "" {
		key = stock[o.SameKey].key
	} else if key, err = newKey(o.Key); err != nil {
		return made{}, err
	}
	subject, err := encodeSubject(o)
	if err != nil {
		return made{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return made{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		RawSubject:            subject,
		NotBefore:             now.Add(time.Duration(o.From) * time.Second),
		NotAfter:              now.Add(time.Duration(o.To) * time.Second),
		BasicConstraintsValid: true,
		IsCA:                  o.CA,
		MaxPathLen:            -1,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		DNSNames:              o.DNS,
	}
	if o.CA {
		template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	if o.PathLen != nil {
		template.MaxPathLen = *o.PathLen
		template.MaxPathLenZero = *o.PathLen == 0
	}
	for _, text := range o.IPs {
		ip := net.ParseIP(text)
		if ip == nil {
			return made{}, fmt.Errorf("not an address: %q", text)
		}
		template.IPAddresses = append(template.IPAddresses, ip)
	}
	for _, text := range o.URIs {
		uri, err := url.Parse(text)
		if err != nil {
			return made{}, err
		}
		template.URIs = append(template.URIs, uri)
	}
	for _, usage := range o.EKU {
		value, known := keyUsages[usage]
		if !known {
			return made{}, fmt.Errorf("unknown key usage %q", usage)
		}
		template.ExtKeyUsage = append(template.ExtKeyUsage, value)
	}
	if len(o.Permit)+len(o.PermitIP) > 0 {
		template.PermittedDNSDomainsCritical = true
		template.PermittedDNSDomains = o.Permit
		for _, text := range o.PermitIP {
			_, network, err := net.ParseCIDR(text)
			if err != nil {
				return made{}, err
			}
			template.PermittedIPRanges = append(template.PermittedIPRanges, network)
		}
	}
	parent := made{certificate: &x509.Certificate{RawSubject: subject, Subject: pkix.Name{}}, key: key}
	if o.Issuer != "" {
		var known bool
		if parent, known = stock[o.Issuer]; !known {
			return made{}, fmt.Errorf("unknown issuer %q", o.Issuer)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.certificate, key.Public(), parent.key)
	if err != nil {
		return made{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return made{}, err
	}
	return made{certificate, key}, nil
}

func run() error {
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	stock := map[string]made{}
	for scanner.Scan() {
		var o order
		if err := json.Unmarshal(scanner.Bytes(), &o); err != nil {
			return err
		}
		result, err := mint(o, stock)
		if err != nil {
			return fmt.Errorf("%s: %w", o.ID, err)
		}
		stock[o.ID] = result
		key, err := x509.MarshalPKCS8PrivateKey(result.key)
		if err != nil {
			return fmt.Errorf("%s: %w", o.ID, err)
		}
		line, err := json.Marshal(map[string]string{
			"id":   o.ID,
			"cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: result.certificate.Raw})),
			"key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		})
		if err != nil {
			return err
		}
		out.Write(line)
		out.WriteByte('\n')
	}
	return scanner.Err()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mint:", err)
		os.Exit(1)
	}
}
