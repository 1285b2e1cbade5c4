#!/bin/sh
# Makes the files here with OpenSSL 3; see README.md.
set -eu
cd "$(dirname "$0")"
for kind in ec rsa; do
  case $kind in
    ec) openssl ecparam -name prime256v1 -genkey -noout -out key-$kind.pem ;;
    rsa) openssl genrsa -traditional -out key-$kind.pem 2048 ;;
  esac
  openssl req -x509 -key key-$kind.pem -subj "/CN=$kind" -days 36500 -out cert-$kind.pem
  openssl pkcs12 -export -inkey key-$kind.pem -in cert-$kind.pem -passout pass:test -out modern-$kind.p12
  openssl pkcs12 -export -inkey key-$kind.pem -in cert-$kind.pem -passout pass:test -out compat-$kind.p12 \
    -legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1
  openssl pkcs12 -export -inkey key-$kind.pem -in cert-$kind.pem -passout pass:test -out rc2-$kind.p12 \
    -legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-RC2-40 -macalg sha1
done
openssl pkcs12 -export -inkey key-ec.pem -in cert-ec.pem -passout 'pass:pässwörd€' -out utf8-ec.p12
