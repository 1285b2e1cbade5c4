#!/bin/sh
# Renews the certificate of this node from Vault or OpenBao, where there is no Node: with curl and openssl, around
# install.sh. Reads /etc/nomad-pki/renew.env, or the file that is its argument.
#
# Against `nomad-pki renew` it lacks: lint; the comparison of usages, dates and extensions (key, names, signature and
# chain are compared); pins of the roots; repeated calls to an engine that elects or is sealed; the spread by address
# (the timer has one); renewal after a change of names or roots; a proof that the agent has the key (install.sh asks which leaf it presents); finishing a run
# whose agent was not told. Refused names, a wrong CA and a lost answer end it, and the pair in place stays.
#
# `A && B || die`: what dies does not return, and where B fails that is what is meant.
# Exit status: 0 nothing is due, or it is done; 2 in place and not loaded or not proven; 3 refused; 1 all else.
# shellcheck disable=SC2015,SC2153
set -eu
umask 077
LC_ALL=C
export LC_ALL

die() { # STATUS MESSAGE
  echo "renew.sh: $2" >&2
  exit "$1"
}

conf=${1:-/etc/nomad-pki/renew.env}
case $conf in /*) ;; *) conf=./$conf ;; esac
me=$(id -u)
guarded() { # FILE: another user cannot have written it; a link is not followed
  [ -f "$1" ] && [ -r "$1" ] || die 1 "$1 is not a file that can be read"
  [ ! -L "$1" ] || die 1 "$1 is a link: put the file itself there"
  [ -z "$(find "$1" \( -perm -020 -o -perm -002 -o ! -user 0 ! -user "$me" \))" ] ||
    die 1 "other users can change $1: after you have read it, chown root and chmod go-w"
}
# It says where the secret goes, and is run as a script.
guarded "$conf"
# shellcheck disable=SC1090
. "$conf"
for name in ADDR MOUNT ISSUER ROLE CLUSTER ADDRESS CN SANS TTL WINDOW TLS RELOAD CA CHAIN INSTALLER ROLE_ID SECRET_ID; do
  eval "value=\${$name:-}"
  [ -n "$value" ] || die 1 "$conf does not set $name"
done
for file in "$INSTALLER" "$CA" "$CHAIN"; do guarded "$file"; done
case $ADDR in https://* | http://127.0.0.1:*) ;; *) die 1 "$ADDR is not encrypted" ;; esac
for tool in curl openssl awk sed; do
  command -v "$tool" >/dev/null 2>&1 || die 1 "there is no $tool"
done

if [ -f "$TLS/current/cert.pem" ] &&
  openssl x509 -in "$TLS/current/cert.pem" -noout -checkend "$WINDOW" >/dev/null; then
  echo "nothing is due: $(openssl x509 -in "$TLS/current/cert.pem" -noout -enddate)"
  exit 0
fi

[ -d "$TLS" ] || (umask 022 && mkdir -p "$TLS")
work=$(mktemp -d)
part=''
trap 'rm -rf "$work"; [ -z "$part" ] || rm -f "$part"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The key: made here, and it stays here. One that waits is used again.
key=$TLS/requested-key.pem
if [ ! -e "$key" ]; then
  part=$(mktemp "$TLS/.renew-XXXXXXXX")
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 >"$part"
  mv "$part" "$key"
  part=''
fi
[ -f "$key" ] && [ ! -L "$key" ] && [ -z "$(find "$key" \( -perm -040 -o -perm -004 \))" ] ||
  die 3 "$key is a link, or open to other users: find out who did it, and remove it"

openssl req -new -key "$key" -subj "/CN=$CN" -addext "subjectAltName=$SANS" -out "$work/csr.pem"

# Secrets go by standard input: never on a command line. No redirect is followed.
quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }
ask() { # PATH, the body is a file; the token in $token
  {
    [ -z "$token" ] || printf 'header = "X-Vault-Token: %s"\n' "$token"
    [ -z "${NAMESPACE:-}" ] || printf 'header = "X-Vault-Namespace: %s"\n' "$NAMESPACE"
    [ -z "${ENGINE_CA:-}" ] || printf 'cacert = "%s"\n' "$(quoted "$ENGINE_CA")"
    printf 'url = "%s/v1/%s"\ndata = "@%s"\n' "$ADDR" "$1" "$(quoted "$work/body")"
  } | curl -q --silent --show-error --max-time 30 --max-filesize 1048576 --proto '=https,http' --config - >"$work/answer" ||
    die 3 "$ADDR cannot be asked; the pair in place stays"
}
text_of() { # FIELD: a text in the answer, with its escapes undone
  sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p' "$work/answer" | sed -n 1p | sed 's/\\n/\
/g'
}
refused() { # WHAT
  why=$(sed -n 's/.*"errors" *: *\[\([^]]*\)\].*/\1/p' "$work/answer" | tr -d '\000-\037\177' | cut -c1-300)
  die 3 "$1: ${why:-an answer without a reason}; the pair in place stays"
}

token=''
read_secret() { # FILE
  [ -z "$(find "$1" \( -perm -040 -o -perm -004 \))" ] || die 1 "$1 is open to other users: chmod 600"
  tr -d '\r\n' <"$1"
}
role_id=$(read_secret "$ROLE_ID")
secret_id=$(read_secret "$SECRET_ID")
case $role_id$secret_id in '' | *[!A-Za-z0-9._-]*) die 1 "$ROLE_ID or $SECRET_ID does not hold one id" ;; esac
printf '{"role_id":"%s","secret_id":"%s"}' "$role_id" "$secret_id" >"$work/body"
ask "auth/${AUTH_MOUNT:-approle}/login"
token=$(text_of client_token)
[ -n "$token" ] || refused 'the login failed'
# A second line of it would be a setting of curl: a file that root writes.
case $token in *[!A-Za-z0-9._~+/=-]*) die 3 "$ADDR: the login gave a token that is not one word" ;; esac

# The role takes no name from the request: the call has them.
of_kind() { # DNS|IP: the names of that kind, with commas
  printf '%s' "$SANS" | tr ',' '\n' | sed -n "s/^[[:space:]]*$1:\(.*[^[:space:]]\)[[:space:]]*\$/\1/p" |
    awk '{ printf "%s%s", (NR > 1 ? "," : ""), $0 }'
}
{
  printf '{"csr":"%s","ttl":"%s"' "$(awk '{ printf "%s\\n", $0 }' "$work/csr.pem")" "$TTL"
  printf ',"common_name":"%s","alt_names":"%s"' "$(quoted "$CN")" "$(quoted "$(of_kind DNS)")"
  printf ',"ip_sans":"%s","uri_sans":"","exclude_cn_from_sans":true}' "$(quoted "$(of_kind IP)")"
} >"$work/body"
ask "$MOUNT/issuer/$ISSUER/sign/$ROLE"
text_of certificate >"$work/leaf.pem"
[ -s "$work/leaf.pem" ] || refused "$MOUNT/issuer/$ISSUER/sign/$ROLE"

# What came back is not trusted: key, names, signature and chain.
public() { openssl x509 -in "$1" -noout -pubkey; }
[ "$(public "$work/leaf.pem")" = "$(openssl pkey -in "$key" -pubout)" ] || die 1 'the answer is for another key'
names_in() { # of openssl's text: one a line, sorted
  tr ',' '\n' | sed 's/^[[:space:]]*//; s/[[:space:]]*$//; /^$/d' | sort
}
has=$(openssl x509 -in "$work/leaf.pem" -noout -ext subjectAltName | sed 1d | names_in)
# From the request: openssl writes an address in one way, and people in several.
want=$(openssl req -in "$work/csr.pem" -noout -text | sed -n '/X509v3 Subject Alternative Name/{n;p;}' | names_in)
[ "$has" = "$want" ] || die 1 "the answer has other names than were asked for: $(echo "$has" | tr '\n' ' ')"
subject=$(openssl x509 -in "$work/leaf.pem" -noout -subject -nameopt RFC2253)
[ "${subject#subject=}" = "CN=$CN" ] || die 1 "the answer has another subject: $subject"
# With -CAfile alone openssl takes the roots of the system as well.
SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/nonexistent openssl verify -CAfile "$CA" -untrusted "$CHAIN" "$work/leaf.pem" >/dev/null 2>&1 ||
  die 1 "the answer is not under the roots of $CA"

# The folder of an archive, as install.sh takes it.
sum() { openssl dgst -sha256 -r "$1" | cut -d' ' -f1; }
iso() { # startdate|enddate
  openssl x509 -in "$work/leaf.pem" -noout "-$1" | awk -F'[= :]+' '{
    split("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", m, " ")
    for (i in m) if (m[i] == $2) n = i
    printf "%04d-%02d-%02dT%02d:%02d:%02dZ", $7, n, $3, $4, $5, $6
  }'
}
openssl x509 -in "$work/leaf.pem" -outform DER -out "$work/leaf.der"
print=$(sum "$work/leaf.der")
last=0
for found in "$TLS"/[1-9]*-????????; do
  number=${found##*/}
  number=${number%-*}
  case $number in '' | *[!0-9]*) continue ;; esac
  [ "$number" -le "$last" ] || last=$number
done
number=$((last + 1))
directory=$number-$(printf '%.8s' "$print")
made=$(date -u +%Y-%m-%dT%H:%M:%SZ)
mkdir -p "$work/nomad-pki/$directory"
cd "$work/nomad-pki"
cp "$INSTALLER" install.sh
cp "$CA" "$directory/ca.pem"
openssl x509 -in "$work/leaf.pem" >"$directory/cert.pem"
cat "$CHAIN" >>"$directory/cert.pem"
cat >"$directory/manifest.json" <<END
{
  "format": "nomad-pki/generation",
  "version": 1,
  "address": "$ADDRESS",
  "generation": $number,
  "made": "$made",
  "leaf": {
    "serial": "$(openssl x509 -in "$work/leaf.pem" -noout -serial | sed 's/^serial=//' | tr 'A-F' 'a-f')",
    "fingerprint": "$print",
    "notBefore": "$(iso startdate)",
    "notAfter": "$(iso enddate)"
  },
  "held": "node",
  "files": {
    "ca.pem": "$(sum "$directory/ca.pem")",
    "cert.pem": "$(sum "$directory/cert.pem")"
  }
}
END
cat >tls.hcl <<END
tls {
  http                   = true
  rpc                    = true
  ca_file                = "$TLS/current/ca.pem"
  cert_file              = "$TLS/current/cert.pem"
  key_file               = "$TLS/current/key.pem"
  verify_server_hostname = true
  verify_https_client    = true
}
END
cat >manifest.json <<END
{
  "format": "nomad-pki/archive",
  "version": 1,
  "cluster": "$CLUSTER",
  "address": "$ADDRESS",
  "generation": $number,
  "directory": "$directory",
  "made": "$made",
  "layout": "links",
  "tls": "$TLS",
  "owner": "${OWNER:-root}",
  "key": false
}
END
for name in manifest.json install.sh tls.hcl "$directory/ca.pem" "$directory/cert.pem" "$directory/manifest.json"; do
  printf '%s  %s\n' "$(sum "$name")" "$name"
done >SHA256SUMS

# Without a certificate in place no agent runs that could be told.
[ -e "$TLS/current" ] || RELOAD=none
set -- --tls "$TLS" --reload "$RELOAD"
[ -z "${OWNER:-}" ] || set -- "$@" --owner "$OWNER"
[ -z "${PROBE:-}" ] || [ "$RELOAD" = none ] || set -- "$@" --probe "$PROBE"
[ "$RELOAD" != none ] || set -- "$@" --give-up
status=0
sh install.sh "$@" || status=$?
exit "$status"
