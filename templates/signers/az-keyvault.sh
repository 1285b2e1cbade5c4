#!/usr/bin/env bash
# Signs with a key of Azure Key Vault, by az. Untried.
#
# nomad-pki.local.yaml:
#   signers:
#     agent: { command: [/usr/local/libexec/az-keyvault.sh, my-vault] }
# Argument: the name of the vault. The key of each generation is called AUTHORITY-GENERATION, agent-1.
# Key Vault answers with r and s one after the other, which nomad-pki takes as well as DER.
set -euo pipefail
umask 077
[ $# -eq 1 ] || { echo "usage: az-keyvault.sh VAULT" >&2; exit 64; }
name="$NOMAD_PKI_AUTHORITY-$NOMAD_PKI_GENERATION"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $NOMAD_PKI_OPERATION in
  public-key)
    az keyvault key download --vault-name "$1" --name "$name" --encoding PEM --file "$work/key" >&2
    cat "$work/key"
    ;;
  sign)
    bits=${NOMAD_PKI_HASH#sha}
    case $NOMAD_PKI_SIGNATURE in
      ecdsa) algorithm=ES$bits ;;
      rsa-pkcs1v15) algorithm=RS$bits ;;
      *) echo "this script knows ECDSA and RSA keys, not $NOMAD_PKI_KEY" >&2; exit 1 ;;
    esac
    digest=$(openssl dgst "-$NOMAD_PKI_HASH" -binary | base64 | tr -d '\n')
    az keyvault key sign --vault-name "$1" --name "$name" --algorithm "$algorithm" \
      --digest "$digest" --query signature --output tsv |
      tr '_-' '/+' | awk '{ while (length($0) % 4) $0 = $0 "="; print }' | base64 -d
    ;;
  *) echo "unknown operation $NOMAD_PKI_OPERATION" >&2; exit 1 ;;
esac
