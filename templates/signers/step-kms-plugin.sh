#!/usr/bin/env bash
# Signs with a key that step-kms-plugin reaches: YubiKey, TPM, cloud services, PKCS#11. Untried.
#
# nomad-pki.local.yaml:
#   signers:
#     agent: { command: [/usr/local/libexec/step-kms-plugin.sh, "yubikey:slot-id=9c;pin-source=/etc/nomad-pki/pin"] }
# Argument: the URI of the key. {generation} in it is replaced by the number of the generation.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: step-kms-plugin.sh URI" >&2; exit 64; }
uri=${1//"{generation}"/$NOMAD_PKI_GENERATION}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $NOMAD_PKI_OPERATION in
  public-key) exec step-kms-plugin key "$uri" ;;
  sign)
    cat >"$work/bytes"
    hash=()
    case $NOMAD_PKI_HASH in
      sha256) hash=(--alg SHA256) ;;
      sha384) hash=(--alg SHA384) ;;
      sha512) hash=(--alg SHA512) ;;
    esac
    step-kms-plugin sign "${hash[@]}" --in "$work/bytes" "$uri" | base64 -d
    ;;
  *) echo "unknown operation $NOMAD_PKI_OPERATION" >&2; exit 1 ;;
esac
