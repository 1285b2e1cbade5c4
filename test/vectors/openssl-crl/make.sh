#!/bin/sh
# Makes the lists of this folder anew. OpenSSL 3.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
cat >"$work/ca.cnf" <<CNF
[ca]
default_ca = own
[own]
database         = $work/index.txt
crlnumber        = $work/number
default_md       = sha256
crl_extensions   = with_number
[with_number]
authorityKeyIdentifier = keyid
CNF
: >"$work/index.txt"
echo 01 >"$work/number"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/ca.key" -out ca.pem \
  -subj '/CN=crl test CA' -days 36500 -addext keyUsage=critical,keyCertSign,cRLSign
list() { openssl ca -config "$work/ca.cnf" -keyfile "$work/ca.key" -cert ca.pem -gencrl -crldays 36500 "$@"; }
list -out empty.pem
# Two leaves that nobody needs, with serial numbers on both sides of the sign bit.
for serial in 7f01 ff02; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/leaf.key" -subj "/CN=$serial" |
    openssl x509 -req -CA ca.pem -CAkey "$work/ca.key" -set_serial "0x$serial" -days 36500 -out "leaf-$serial.pem"
  openssl ca -config "$work/ca.cnf" -keyfile "$work/ca.key" -cert ca.pem -revoke "leaf-$serial.pem" \
    -crl_reason keyCompromise
done
list -out two.pem
openssl crl -in two.pem -outform DER -out two.der
