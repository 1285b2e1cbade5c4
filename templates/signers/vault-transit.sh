#!/usr/bin/env bash
# Signs with a key of the transit engine of Vault or OpenBao. Tried: OpenBao 2.7.2, ECDSA P-256.
#
# nomad-pki.local.yaml:
#   signers:
#     agent: { command: [/usr/local/libexec/vault-transit.sh, bao, transit] }
# Arguments: the program (vault or bao), the path of the engine. Address and token come from the environment
# (VAULT_ADDR, BAO_ADDR; ~/.vault-token).
# The key of each generation is called AUTHORITY-GENERATION, agent-1. To make one:
#   bao write -f transit/keys/agent-1 type=ecdsa-p256
# A key's version 1 signs; do not rotate it there: a new generation has a key of its own.
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: vault-transit.sh vault|bao PATH" >&2; exit 64; }
name="$NOMAD_PKI_AUTHORITY-$NOMAD_PKI_GENERATION"
case $NOMAD_PKI_OPERATION in
  public-key)
    # The template prints the PEM of version 1.
    "$1" read -format=json "$2/keys/$name" |
      sed -n 's/.*"public_key": "\(-----BEGIN PUBLIC KEY-----.*-----END PUBLIC KEY-----\)\(\\n\)*".*/\1/p' |
      head -n 1 | sed 's/\\n/\n/g'
    ;;
  sign)
    case $NOMAD_PKI_HASH in
      sha256) hash=sha2-256 ;;
      sha384) hash=sha2-384 ;;
      sha512) hash=sha2-512 ;;
      none) hash=none ;;
      *) echo "unknown hash $NOMAD_PKI_HASH" >&2; exit 1 ;;
    esac
    signature=$(base64 | tr -d '\n' |
      "$1" write -field=signature "$2/sign/$name" input=- \
        hash_algorithm="$hash" signature_algorithm=pkcs1v15 marshaling_algorithm=asn1 key_version=1)
    # vault:v1:BASE64
    printf '%s' "${signature##*:}" | base64 -d
    ;;
  *) echo "unknown operation $NOMAD_PKI_OPERATION" >&2; exit 1 ;;
esac
