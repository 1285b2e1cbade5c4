#!/usr/bin/env bash
# Signs with a key in a PKCS#11 token (HSM, smart card, SoftHSM), by pkcs11-tool of OpenSC.
# Tried: OpenSC 0.23 with SoftHSM 2.6, ECDSA P-384 and RSA 3072.
#
# nomad-pki.local.yaml:
#   signers:
#     agent: { command: [/usr/local/libexec/pkcs11-tool.sh, /usr/lib/softhsm/libsofthsm2.so, pki, /etc/nomad-pki/pin] }
# Arguments: the PKCS#11 module, the label of the token, a file with the PIN (mode 0600).
# The key of each generation has the label AUTHORITY-GENERATION, agent-1. To make one:
#   pkcs11-tool --module MODULE --token-label pki --login --keypairgen \
#     --key-type EC:prime256v1 --usage-sign --label agent-1 --id 01
set -euo pipefail
umask 077
[ $# -eq 3 ] || { echo "usage: pkcs11-tool.sh MODULE TOKEN-LABEL PIN-FILE" >&2; exit 64; }
# pkcs11-tool takes the PIN from a variable of its own environment: nothing shows on a command line.
PIN=$(cat "$3")
export PIN
label="$NOMAD_PKI_AUTHORITY-$NOMAD_PKI_GENERATION"
token() { pkcs11-tool --module "$1" --token-label "$2" --login --pin env:PIN "${@:4}"; }
# pkcs11-tool 0.23 signs with any key where it is given a label alone: the ID says which one.
id_of() {
  token "${@:2}" --list-objects --type "$1" |
    awk -v label="$label" '$1 == "label:" { found = $2 == label } $1 == "ID:" && found { print $2; exit }'
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $NOMAD_PKI_OPERATION in
  public-key)
    if [ "$NOMAD_PKI_SIGNATURE" = rsa-pkcs1v15 ]; then
      token "$@" --read-object --type pubkey --id "$(id_of pubkey "$@")" --output-file "$work/key" >&2
      cat "$work/key"
      exit
    fi
    # Some versions of pkcs11-tool cannot write EC keys; what they list has the point (an OCTET STRING).
    point=$(token "$@" --list-objects --type pubkey |
      awk -v label="$label" '
        /^Public Key Object/ { point = "" }
        $1 == "EC_POINT:" { point = $2 }
        $1 == "label:" && $2 == label && point != "" { print point; exit }')
    case $NOMAD_PKI_KEY in
      ecdsa-p256) prefix=3059301306072a8648ce3d020106082a8648ce3d030107034200 wrap=0441 ;;
      ecdsa-p384) prefix=3076301006072a8648ce3d020106052b81040022036200 wrap=0461 ;;
      ecdsa-p521) prefix=30819b301006072a8648ce3d020106052b8104002303818600 wrap=048185 ;;
      *) echo "this script knows ECDSA and RSA keys, not $NOMAD_PKI_KEY" >&2; exit 1 ;;
    esac
    [ -n "$point" ] || { echo "the token has no public key with the label $label" >&2; exit 1; }
    [ "${point#"$wrap"}" != "$point" ] || { echo "the key $label is not $NOMAD_PKI_KEY" >&2; exit 1; }
    printf '%b' "$(printf '%s' "$prefix${point#"$wrap"}" | sed 's/../\\x&/g')"
    ;;
  sign)
    cat >"$work/bytes"
    id=$(id_of privkey "$@")
    [ -n "$id" ] || { echo "the token has no private key with the label $label" >&2; exit 1; }
    if [ "$NOMAD_PKI_SIGNATURE" = ecdsa ]; then
      openssl dgst "-$NOMAD_PKI_HASH" -binary -out "$work/hash" "$work/bytes"
      token "$@" --sign --mechanism ECDSA --signature-format openssl --id "$id" \
        --input-file "$work/hash" --output-file "$work/signature" >&2
    else
      mechanism=$(printf '%s' "$NOMAD_PKI_HASH" | tr '[:lower:]' '[:upper:]')-RSA-PKCS
      token "$@" --sign --mechanism "$mechanism" --id "$id" \
        --input-file "$work/bytes" --output-file "$work/signature" >&2
    fi
    cat "$work/signature"
    ;;
  *) echo "unknown operation $NOMAD_PKI_OPERATION" >&2; exit 1 ;;
esac
