module nomad-pki/test/judges/pkcs12

go 1.23

require software.sslmate.com/src/go-pkcs12 v0.7.4

require golang.org/x/crypto v0.11.0 // indirect
