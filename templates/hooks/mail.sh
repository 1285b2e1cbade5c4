#!/bin/sh
# Mails what happened: a sentence a line.
#
# nomad-pki.local.yaml:
#   hook: { command: [/usr/local/libexec/nomad-pki-mail, ops@example.com] }
# To be told of some events only, name them: [ …, ops@example.com, due, expired, gate ]
set -eu
[ $# -ge 1 ] || { echo "usage: mail.sh ADDRESS [EVENT...]" >&2; exit 64; }
to=$1
shift
lines=$(cat)
if [ $# -gt 0 ]; then
  kinds=$(printf '%s\n' "$@" | sed 's/.*/"event":"&"/')
  lines=$(printf '%s\n' "$lines" | grep -F -e "$kinds") || exit 0
fi
{
  printf 'To: %s\nSubject: nomad-pki: %s\nContent-Type: text/plain; charset=utf-8\n\n' \
    "$to" "$NOMAD_PKI_CLUSTER"
  # `message` is the last member of each line.
  printf '%s\n' "$lines" | sed 's/.*"message":"//; s/"}$//'
} | sendmail -t -oi
