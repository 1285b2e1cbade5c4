#!/bin/sh
# Posts what happened to a URL, as one JSON document: {"cluster": "acme", "events": [ … ]}.
#
# nomad-pki.local.yaml:
#   hook: { command: [/usr/local/libexec/nomad-pki-webhook, /etc/nomad-pki/webhook] }
# The argument is a configuration of curl, mode 0600, because a URL is often a secret:
#   url = "https://hooks.example/T0/B0"
#   header = "Authorization: Bearer …"
set -eu
[ $# -eq 1 ] || { echo "usage: webhook.sh CURL-CONFIG" >&2; exit 64; }
{
  printf '{"cluster":"%s","events":[' "$NOMAD_PKI_CLUSTER"
  sed '$!s/$/,/'
  printf ']}\n'
} | curl --config "$1" --fail --silent --show-error --max-time 20 --output /dev/null \
  --header 'Content-Type: application/json' --data-binary @-
