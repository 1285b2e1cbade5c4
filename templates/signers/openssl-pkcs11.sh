#!/usr/bin/env bash
# Signs with a key in a PKCS#11 token, by openssl with the pkcs11 engine (libengine-pkcs11-openssl) or provider.
# Untried as it stands: neither is on the machine that tries these recipes.
#
# nomad-pki.local.yaml:
#   signers:
#     agent: { command: [/usr/local/libexec/openssl-pkcs11.sh, engine, pki, /etc/nomad-pki/pin] }
# Arguments: engine or provider, the label of the token, a file with the PIN (mode 0600).
# The key of each generation has the label AUTHORITY-GENERATION, agent-1.
set -euo pipefail
umask 077
[ $# -eq 3 ] || { echo "usage: openssl-pkcs11.sh engine|provider TOKEN-LABEL PIN-FILE" >&2; exit 64; }
key="pkcs11:token=$2;object=$NOMAD_PKI_AUTHORITY-$NOMAD_PKI_GENERATION;pin-source=file:$3"
case $1 in
  engine) with=(-engine pkcs11) form=(-engine pkcs11 -keyform engine) ;;
  provider) with=(-provider pkcs11 -provider default) form=("${with[@]}") ;;
  *) echo "unknown way $1: engine or provider" >&2; exit 64 ;;
esac
case $NOMAD_PKI_OPERATION in
  public-key)
    if [ "$1" = engine ]; then
      exec openssl pkey "${with[@]}" -inform engine -in "$key;type=public" -pubin -pubout
    fi
    exec openssl pkey "${with[@]}" -in "$key;type=public" -pubin -pubout
    ;;
  sign) exec openssl dgst "${form[@]}" "-$NOMAD_PKI_HASH" -sign "$key;type=private" ;;
  *) echo "unknown operation $NOMAD_PKI_OPERATION" >&2; exit 1 ;;
esac
