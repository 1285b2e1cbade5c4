#!/usr/bin/env bash
# Signs with a key of Google Cloud KMS, by gcloud. Untried.
#
# nomad-pki.local.yaml:
#   signers:
#     agent: { command: [/usr/local/libexec/gcloud-kms.sh, europe-west1, pki, nomad-agent] }
# Arguments: location, key ring, key. The version of the key is the number of the generation.
set -euo pipefail
umask 077
[ $# -eq 3 ] || { echo "usage: gcloud-kms.sh LOCATION KEYRING KEY" >&2; exit 64; }
key=(--location "$1" --keyring "$2" --key "$3")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $NOMAD_PKI_OPERATION in
  public-key)
    gcloud kms keys versions get-public-key "$NOMAD_PKI_GENERATION" "${key[@]}" --output-file "$work/key" >&2
    cat "$work/key"
    ;;
  sign)
    cat >"$work/bytes"
    gcloud kms asymmetric-sign --version "$NOMAD_PKI_GENERATION" "${key[@]}" \
      --digest-algorithm "$NOMAD_PKI_HASH" --input-file "$work/bytes" --signature-file "$work/signature" >&2
    cat "$work/signature"
    ;;
  *) echo "unknown operation $NOMAD_PKI_OPERATION" >&2; exit 1 ;;
esac
