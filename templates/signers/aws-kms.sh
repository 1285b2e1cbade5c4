#!/usr/bin/env bash
# Signs with a key of AWS KMS, by the aws command line. Untried.
#
# nomad-pki.local.yaml:
#   signers:
#     agent: { command: [/usr/local/libexec/aws-kms.sh, alias/nomad-pki-agent-] }
# Argument: what stands before the number of the generation in the key's alias: alias/nomad-pki-agent-1.
# The key: KeyUsage SIGN_VERIFY; KeySpec ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521 or RSA_3072.
set -euo pipefail
umask 077
[ $# -eq 1 ] || { echo "usage: aws-kms.sh ALIAS-PREFIX" >&2; exit 64; }
key="$1$NOMAD_PKI_GENERATION"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $NOMAD_PKI_OPERATION in
  public-key) aws kms get-public-key --key-id "$key" --output text --query PublicKey | base64 -d ;;
  sign)
    bits=${NOMAD_PKI_HASH#sha}
    case $NOMAD_PKI_SIGNATURE in
      ecdsa) algorithm=ECDSA_SHA_$bits ;;
      rsa-pkcs1v15) algorithm=RSASSA_PKCS1_V1_5_SHA_$bits ;;
      *) echo "this script knows ECDSA and RSA keys, not $NOMAD_PKI_KEY" >&2; exit 1 ;;
    esac
    openssl dgst "-$NOMAD_PKI_HASH" -binary -out "$work/hash"
    aws kms sign --key-id "$key" --message-type DIGEST --message "fileb://$work/hash" \
      --signing-algorithm "$algorithm" --output text --query Signature | base64 -d
    ;;
  *) echo "unknown operation $NOMAD_PKI_OPERATION" >&2; exit 1 ;;
esac
