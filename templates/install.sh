#!/bin/sh
# Puts what nomad-pki packed for this node in place, and has the agent load it.
#
#   sh install.sh --tls DIR --reload PID|UNIT|none [--owner USER] [--dry-run]
#   sh install.sh --tls DIR --reload PID|UNIT|none --rollback
#   sh install.sh --tls DIR --proven|--settled
#
# Run it from the folder that the archive unpacked to.
#
#   --tls DIR        where the agent's files are: DIR/current is the link that its configuration names
#   --reload WHAT    a process (a number, or the path of a file with one), a unit of systemd, or none
#   --owner USER     the user that the agent runs as (default: what the archive says, if it exists here)
#   --archive FILE   the archive that this folder came from: must be the same, and is noted in the receipt
#   --fingerprint H  the SHA-256 that the archive must have; with --archive
#   --key FILE       a key that never left this node, for an archive without one
#   --dry-run        check everything, change nothing
#   --rollback       back to the generation before this one, if it still fits
#   --give-up        switch although the last switch was never proven
#   --probe H:P      where the agent serves HTTPS: openssl asks it which leaf it presents
#   --hold           leave the switch unproven until --proven or --settled says otherwise
#   --proven         somebody saw the agent present the current generation
#   --settled        nothing can show it, and the receipt must do
#   --settle SECONDS how old a process must be before it is signalled (default 15)
#   --watch SECONDS  how long it is watched after that (default 5)
#   --verified       the caller has verified chains and pairs itself
#
# Exit status: 0 it is in place, or was; 1 it went wrong, and is as it was before, unless it says so;
# 2 it is in place, and not loaded or not proven; 3 refused, nothing was changed; 64 called wrongly.
#
# Interrupted at any moment, the same command goes on. Whatever interrupts it, DIR/current leads to a
# whole generation, the old one or the new one. It never prints a key.

# `A && B || refuse`: what refuses does not return, and where B fails that is what is meant.
# shellcheck disable=SC2015
set -eu
umask 077
LC_ALL=C
export LC_ALL
unset CDPATH

# An archive's words must not move anybody's cursor.
say() {
  case $* in
    *[![:print:]]*)
      printf '%s' "$*" | tr -d '\000-\037\177'
      echo
      ;;
    *) printf '%s\n' "$*" ;;
  esac
}
die() { # STATUS MESSAGE
  status=$1
  shift
  say "install.sh: $*" >&2
  told=1
  exit "$status"
}
refuse() { die 3 "refused: $*"; }
usage() { die 64 "$* (--help says how)"; }

tls='' reload='' owner='' archive='' wanted='' keyfile='' dry='' rollback='' giveup='' hold=''
told='' proven='' probe='' settle=15 watch=5 verified=''
while [ $# -gt 0 ]; do
  case $1 in
    --tls | --reload | --owner | --archive | --fingerprint | --key | --probe | --settle | --watch)
      [ $# -ge 2 ] || usage "$1 needs a value"
      case $1 in
        --tls) tls=$2 ;;
        --reload) reload=$2 ;;
        --owner) owner=$2 ;;
        --archive) archive=$2 ;;
        --fingerprint) wanted=$2 ;;
        --key) keyfile=$2 ;;
        --probe) probe=$2 ;;
        --settle) settle=$2 ;;
        --watch) watch=$2 ;;
      esac
      shift
      ;;
    --dry-run) dry=1 ;;
    --rollback) rollback=1 ;;
    --give-up) giveup=1 ;;
    --hold) hold=1 ;;
    --proven) proven=proven ;;
    --settled) proven=settled ;;
    --verified) verified=1 ;;
    -h | --help)
      # The head of this file.
      sed -n '1d; /^$/q; s/^# \{0,1\}//; p' "$0"
      exit 0
      ;;
    *) usage "unknown option: $1" ;;
  esac
  shift
done
[ -n "$tls" ] || usage '--tls DIR is missing'
while :; do
  case $tls in
    /) usage '--tls / is no place for it' ;;
    */) tls=${tls%/} ;;
    /*) break ;;
    *) tls=$(pwd)/$tls ;;
  esac
done
[ -n "$reload" ] || [ -n "$proven" ] || usage '--reload PID, UNIT or none is missing'
for number in "$settle" "$watch"; do
  case $number in '' | *[!0-9]* | ?????*) usage "not a number of seconds: $number" ;; esac
done
[ -z "$wanted" ] || [ -n "$archive" ] || usage '--fingerprint needs --archive FILE'
# As pack prints it, or as openssl and people do: SHA256:AB:CD:…
wanted=$(printf '%s' "$wanted" | tr -d ':' | tr 'A-F' 'a-f' | sed 's/^[Ss][Hh][Aa]256//')
case $probe in
  '') ;;
  -* | *[!]A-Za-z0-9.:_%[-]*) usage "--probe $probe is no HOST:PORT" ;;
  *:[0-9]*) [ "$reload" != none ] || usage '--probe asks what a reload did: --reload PID or UNIT' ;;
  *) usage "--probe $probe is no HOST:PORT" ;;
esac

# ── what this system can do ──────────────────────────────────────────────────────────────────

nap() { # SECONDS; a signal ends it at once
  sleep "$1" >/dev/null 2>&1 &
  wait $!
}
have() { command -v "$1" >/dev/null 2>&1; }

sum() { # FILE: its SHA-256
  if have sha256sum; then
    set -- "$(sha256sum <"$1")"
  elif have shasum; then
    set -- "$(shasum -a 256 <"$1")"
  else
    set -- "$(openssl dgst -sha256 -r <"$1")"
  fi
  printf '%s\n' "${1%% *}"
}
have sha256sum || have shasum || have openssl || refuse 'there is no sha256sum, shasum or openssl'

flush() { sync -f "$tls" 2>/dev/null || sync; }

# One rename, also over a link that leads to a directory; never into it.
turn() { # FROM TO
  case $turner in
    T) mv -f -T "$1" "$2" ;;
    h) mv -f -h "$1" "$2" ;;
    perl) perl -e 'rename($ARGV[0], $ARGV[1]) or exit 1' "$1" "$2" ;;
  esac
}
find_turner() { # SCRATCH: which of the ways is there
  for turner in T h perl; do
    rm -f "$1/a" "$1/b"
    ln -s . "$1/a"
    ln -s . "$1/b"
    if turn "$1/a" "$1/b" 2>/dev/null && [ ! -L "$1/a" ] && [ -L "$1/b" ]; then
      rm -f "$1/b"
      return 0
    fi
  done
  return 1
}

# ── what is written down ─────────────────────────────────────────────────────────────────────

field() { # FILE KEY: the first of that name; the manifests and the receipt have one key a line
  [ -f "$1" ] || return 0
  while IFS= read -r row || [ -n "$row" ]; do
    row=${row#"${row%%[! ]*}"}
    case $row in "\"$2\": "*) ;; *) continue ;; esac
    row=${row#"\"$2\": "}
    row=${row%,}
    row=${row#\"}
    row=${row%\"}
    case $row in *[\",]*) ;; *) printf '%s\n' "$row" ;; esac
    return 0
  done <"$1"
}
is_generation() { # NAME: such as 3-9f2c41ab
  case $1 in
    [1-9]*-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]) ;;
    *) return 1 ;;
  esac
  case ${1%-*} in *[!0-9]* | ??????????*) return 1 ;; esac
}
is_instant() { # 2027-03-01T09:30:00Z
  case $1 in
    [0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z) ;;
    *) return 1 ;;
  esac
}
is_hash() { # SHA-256, hex
  case $1 in *[!0-9a-f]*) return 1 ;; esac
  [ "${#1}" = 64 ]
}
before() { [ "$1" != "$2" ] && expr "x$1" '<' "x$2" >/dev/null; }
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

current_of() { # the name of the generation that is in use; empty where there is none
  [ -L "$tls/current" ] || return 0
  # Not every system that has a shell has readlink.
  link=$(ls -ld "$tls/current")
  link=${link##* -> }
  if is_generation "$link" && [ -d "$tls/$link" ]; then printf '%s\n' "$link"; fi
}

whole() { # DIR: all of it is there and is what its manifest says
  for part in ca cert key; do
    [ -f "$1/$part.pem" ] && [ ! -L "$1/$part.pem" ] || return 1
    [ "$(sum "$1/$part.pem")" = "$(field "$1/manifest.json" "$part.pem")" ] ||
      # A key that never left this node may be another's file for the same key.
      { [ "$part" = key ] && fits "$1/key.pem" "$1/cert.pem"; } || return 1
  done
}
fits() { # KEY CERT
  have openssl || { [ -n "$verified" ] && return 0; } || return 1
  [ -n "$(public_of_cert "$2")" ] && [ "$(public_of_key "$1")" = "$(public_of_cert "$2")" ]
}

public_of_key() { openssl pkey -in "$1" -passin pass: -pubout 2>/dev/null </dev/null; }
public_of_cert() { openssl x509 -in "$1" -noout -pubkey 2>/dev/null; }
trusts() { # CA CERT: the trust beside it and nothing else
  # Before 1.1.0 it ended with 0 whatever it found.
  verdict=$(SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/nonexistent \
    openssl verify -CAfile "$1" -untrusted "$2" "$2" 2>&1) || return 1
  case $verdict in *': OK') return 0 ;; *) return 1 ;; esac
}

check_times() { # MANIFEST WHAT
  ends=$(field "$1" notAfter)
  begins=$(field "$1" notBefore)
  is_instant "$ends" && is_instant "$begins" || refuse "the manifest of $2 says no dates"
  before "$(now)" "$ends" || refuse "$2 expired at $ends"
  ! before "$(now)" "$begins" ||
    refuse "$2 is valid from $begins, and it is $(now) here: is the clock right?"
}

# ── the process ──────────────────────────────────────────────────────────────────────────────

pid='' unit=''
birth_of() { # PID: when it was started, in ticks since boot, where /proc says so
  [ -r "/proc/$1/stat" ] || return 0
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # Behind the last parenthesis: a name may hold anything.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  shift 19
  printf '%s\n' "$1"
}
alive() { # PID, whoever's
  kill -0 "$1" 2>/dev/null || [ -d "/proc/$1" ] || ps -p "$1" >/dev/null 2>&1 || return 1
  case $(cat "/proc/$1/stat" 2>/dev/null || :) in *') Z '*) return 1 ;; esac
}
age_of() { # PID: seconds, where the system tells
  if [ -r /proc/uptime ] && [ -n "$(birth_of "$1")" ]; then
    ticks=$(getconf CLK_TCK 2>/dev/null || echo 100)
    uptime=$(cat /proc/uptime)
    uptime=${uptime%%.*}
    echo $((uptime - $(birth_of "$1") / ticks))
  else
    # [[dd-]hh:]mm:ss
    elapsed=$(ps -o etime= -p "$1" 2>/dev/null | tr -d ' ') || return 0
    case $elapsed in
      *-* | *:*:*) echo 3600 ;;
      ??:??) echo $((1${elapsed%:*} * 60 - 6000 + 1${elapsed#*:} - 100)) ;;
    esac
  fi
}
catches_hup() { # PID: a process that doesn't would be killed
  caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 0
  case $caught in '' | *[13579bdf]) return 0 ;; *) return 1 ;; esac
}
main_pid() { systemctl show -p MainPID "$unit" 2>/dev/null | sed -n 's/^MainPID=//p'; }

find_process() { # what is to be reloaded must be there before anything is changed
  [ -z "$probe" ] || have openssl || refuse 'openssl, which could ask the agent, is not here: without --probe'
  case $reload in
    none) return 0 ;;
    */*)
      [ -r "$reload" ] || refuse "$reload can't be read: whose process is to be reloaded?"
      pid=$(tr -d '[:space:]' <"$reload")
      ;;
    *[!0-9]*) unit=$reload ;;
    *) pid=$reload ;;
  esac
  if [ -n "$unit" ]; then
    case $unit in -*) usage "not a unit: $unit" ;; esac
    have systemctl || refuse "there is no systemctl to reload $unit with: --reload PID"
    case $(systemctl is-active "$unit" 2>/dev/null || :) in
      active | reloading | activating) ;;
      *) refuse "$unit is not active: --reload none puts it in place for the next start" ;;
    esac
    return 0
  fi
  case $pid in '' | *[!0-9]* | 0 | 1) refuse "no process to reload: '$pid'" ;; esac
  alive "$pid" || refuse "there is no process $pid: --reload none puts it in place for the next start"
  kill -0 "$pid" 2>/dev/null || refuse "process $pid is another user's, and $(id -un) may not signal it"
  catches_hup "$pid" || refuse "process $pid does not catch SIGHUP and would be killed: is it the agent?"
}

settle() { # PID
  age=$(age_of "$1")
  [ -n "$age" ] && [ "$age" -lt "$settle" ] || return 0
  say "process $1 was started $age s ago: waiting until it is $settle s old"
  nap $((settle - age))
}

# A SIGHUP during start-up kills the agent (command/agent/command.go:1093-1108).
signal() { # 0: the agent lives; 1: it died; 2: it could not be signalled
  if [ -n "$unit" ]; then
    waited=0
    while [ "$(systemctl is-active "$unit" 2>/dev/null || :)" = activating ]; do
      [ "$waited" -lt 90 ] || return 2
      nap 1
      waited=$((waited + 1))
    done
    first=$(main_pid)
    # A unit of another type is active before its process is ready.
    case $(systemctl show -p Type "$unit" 2>/dev/null || :) in
      Type=notify*) ;;
      *) settle "$first" ;;
    esac
    if ! systemctl reload "$unit"; then
      [ "$(main_pid)" = "$first" ] || return 1
      return 2
    fi
    waited=0
    while [ "$waited" -lt "$watch" ]; do
      nap 1
      waited=$((waited + 1))
      [ "$(main_pid)" = "$first" ] || return 1
    done
    case $(systemctl is-active "$unit" 2>/dev/null || :) in
      active | reloading) return 0 ;;
      *) return 1 ;;
    esac
  fi
  alive "$pid" || return 2
  birth=$(birth_of "$pid")
  settle "$pid"
  [ "$(birth_of "$pid")" = "$birth" ] || return 2
  kill -HUP "$pid" 2>/dev/null || return 2
  waited=0
  while [ "$waited" -lt "$watch" ]; do
    nap 1
    waited=$((waited + 1))
    alive "$pid" && [ "$(birth_of "$pid")" = "$birth" ] || return 1
  done
  return 0
}

check_place() { # of the directories, those that are there
  place=$tls
  while [ ! -e "$place" ]; do
    [ ! -L "$place" ] || refuse "$place is a link that leads nowhere"
    place=${place%/*}
    place=${place:-/}
  done
  [ -d "$place" ] || refuse "$place is no directory"
  [ -w "$place" ] && [ -x "$place" ] || refuse "$place can't be written by $(id -un)"
}

# ── one at a time ────────────────────────────────────────────────────────────────────────────

# DIR/.lock, a directory that only one can make. One whose holder was killed is inherited by whoever
# makes `next` in it: nobody removes what might be somebody's by now.
locked=''
take_lock() {
  place=$tls/.lock
  tries=0
  while :; do
    if mkdir "$place" 2>/dev/null; then
      printf '%s %s\n' "$$" "$(birth_of $$)" >"$place/pid" || {
        rm -rf "$place"
        die 1 "nothing can be written to $tls"
      }
      # Where the one before it changed meanwhile, it was not dead.
      if [ "$place" = "$tls/.lock" ] ||
        [ "$(cat "${place%/next}/pid" 2>/dev/null || :)" = "$holder" ]; then
        locked=1
        return 0
      fi
      rm -rf "$place"
      place=$tls/.lock
      continue
    fi
    if [ ! -d "$place" ]; then
      # Given back this very moment; or it can't be made.
      [ ! -e "$place" ] || die 1 "$place is in the way"
      [ -d "$tls" ] && [ -w "$tls" ] || die 1 "$tls can't be written"
      place=$tls/.lock
      tries=$((tries + 1))
      [ "$tries" -lt 10 ] || die 1 "$place can't be made"
      continue
    fi
    holder=$(cat "$place/pid" 2>/dev/null || :)
    process=${holder%% *}
    if [ -n "$process" ] &&
      { ! alive "$process" || [ "$(birth_of "$process")" != "${holder#* }" ]; }; then
      place=$place/next
      continue
    fi
    # Without a name in it: made this very moment, or by one who was killed that very moment.
    tries=$((tries + 1))
    if [ -z "$process" ] && [ "$tries" -ge 3 ]; then
      place=$place/next
      tries=0
      continue
    fi
    [ "$tries" -lt 10 ] || die 3 "refused: process $process is installing here already ($tls/.lock)"
    nap 1
  done
}
release_lock() {
  [ -n "$locked" ] || return 0
  locked=''
  # After a fault too: a full disk has room again.
  tidy
  rm -rf "$tls/.lock"
}
leave() { # STATUS
  [ "$1" = 0 ] || [ -n "$told" ] || [ -z "$locked" ] || {
    place=$(current_of)
    say "install.sh: stopped half-way: ${place:-nothing} is in place; the same command goes on" >&2
  }
  release_lock
  exit "$1"
}
trap 'leave $?' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# ── the steps ────────────────────────────────────────────────────────────────────────────────

# What nobody reads: from here on a torn file has no name that means anything.
tidy() {
  for left in "$tls"/.new-* "$tls"/.gone-* "$tls"/.turn-* "$tls"/.write-*; do
    [ -e "$left" ] || [ -L "$left" ] || continue
    rm -rf "$left"
  done
}

write() { # FILE MODE, from stdin: whole or not at all
  cat >"$tls/.write-$1"
  chmod "$2" "$tls/.write-$1"
  mv -f "$tls/.write-$1" "$tls/$1"
}

own() { # FILE
  [ -z "$owner" ] || chown -h "$owner" "$1"
}

put() { # FROM TO MODE: owner and mode come before the content
  : >"$2"
  own "$2"
  chmod "$3" "$2"
  cat "$1" >"$2"
}

mended=''
guard() { # GENERATION: modes and owner as they were given, whoever changed them since
  for part in key.pem:600 cert.pem:644 ca.pem:644 manifest.json:644; do
    file=$1/${part%:*}
    [ ! -L "$file" ] || die 1 "$file is a link: look who made it"
    [ -z "$(find "$file" ! -perm "${part#*:}")" ] || {
      chmod "${part#*:}" "$file"
      mended=1
      say "the mode of $file was not ${part#*:}, and is now"
    }
    [ -z "$owner" ] || [ -z "$(find "$file" ! -user "$owner")" ] || {
      chown -h "$owner" "$file"
      mended=1
      say "$file did not belong to $owner, and does now"
    }
  done
}

switch() { # TO WAY: with a note of where from and which way, on or back, until it is proven
  from=$(current_of)
  if [ "$from" != "$1" ]; then
    printf 'from %s\nto %s\nat %s\nway %s\n' "${from:--}" "$1" "$(now)" "$2" | write .pending 0644
    ln -s "$1" "$tls/.turn-current"
    flush
    turn "$tls/.turn-current" "$tls/current" || die 1 "$tls/current could not be turned"
    flush
  fi
}

pending() { # WORD: of a switch that was made and not proven
  [ -f "$tls/.pending" ] || return 0
  value=$(sed -n "s/^$1 //p" "$tls/.pending")
  made=$(sed -n 's/^to //p' "$tls/.pending")
  [ "$made" != "$(current_of)" ] || printf '%s\n' "$value"
}

receipt() { # STATE: switched, reloaded, proven
  generation=$tls/$(current_of)
  hash=null
  [ -z "$archive" ] || hash="\"$(sum "$archive")\""
  if [ "$1" = proven ] && [ -z "$archive" ] && [ -f "$tls/receipt.json" ] &&
    [ "$(field "$tls/receipt.json" directory)" = "${generation##*/}" ]; then
    kept=$(field "$tls/receipt.json" archive)
    case $kept in [0-9a-f]*) hash="\"$kept\"" ;; esac
  fi
  host=$(uname -n | tr -cd 'A-Za-z0-9._-')
  [ -n "${cluster:-}" ] || cluster=$(field "$tls/receipt.json" cluster)
  {
    printf '{\n  "format": "nomad-pki/receipt",\n  "version": 1,\n'
    printf '  "address": "%s",\n' "$(field "$generation/manifest.json" address)"
    printf '  "generation": %s,\n' "$(field "$generation/manifest.json" generation)"
    printf '  "directory": "%s",\n' "${generation##*/}"
    printf '  "fingerprint": "%s",\n' "$(field "$generation/manifest.json" fingerprint)"
    printf '  "archive": %s,\n' "$hash"
    [ -z "$cluster" ] || printf '  "cluster": "%s",\n' "$cluster"
    if [ -n "$host" ]; then printf '  "host": "%s",\n' "$host"; else printf '  "host": null,\n'; fi
    printf '  "at": %s000,\n' "$(date +%s)"
    printf '  "state": "%s"\n}\n' "$1"
  } | write receipt.json 0644
}

generations() { # all of them, the newest first
  for found in "$tls"/*-*; do
    name=${found##*/}
    is_generation "$name" && [ -d "$found" ] && [ ! -L "$found" ] || continue
    made=$(field "$found/manifest.json" made)
    printf '%s %s %s\n' "${made:--}" "${name%-*}" "$name"
  done | sort -k1,1r -k2,2nr | sed 's/.* //'
}

prune() { # three are kept: the current one, the one before it, and the newest besides
  keep=$(current_of)
  [ -n "$keep" ] || return 0
  last=$(pending from)
  kept=1
  case $last in '' | - | "$keep") last='' ;; *) kept=2 ;; esac
  for name in $(generations); do
    case $name in "$keep" | "$last") continue ;; esac
    kept=$((kept + 1))
    [ "$kept" -gt 3 ] || continue
    mv "$tls/$name" "$tls/.gone-$name"
    rm -rf "$tls/.gone-$name"
  done
}

finish() { # what follows every switch: reload, receipt, the proof as far as a shell can see it
  target=$(current_of)
  state=switched
  if [ "$reload" != none ]; then
    result=0
    signal || result=$?
    case $result in
      0) state=reloaded ;;
      1) went_back died ;;
      2)
        receipt switched
        die 2 "$target is in place, and the agent could not be reloaded: run the same command again when it runs"
        ;;
    esac
  fi
  if [ "$state" = reloaded ] && [ -n "$probe" ]; then
    ask "$target" "$(pending from)"
    case $answer in
      new) state=proven ;;
      old) went_back presents ;;
      same) say 'note: the leaf is the one from before: whether its trust was loaded can not be seen from here' ;;
      *)
        receipt reloaded
        die 2 "$target is in place, and not proven: $answer"
        ;;
    esac
  fi
  receipt "$state"
  prune
  flush
  # Last, so that the same command goes on until all of it is done.
  if [ -z "$hold" ]; then
    case $state-$(pending from) in reloaded-* | proven-* | switched--) rm -f "$tls/.pending" ;; esac
  fi
  case $state in
    proven) say "$target is in place, and the agent presents it" ;;
    reloaded) say "$target is in place, and the agent was told to load it" ;;
    *) say "$target is in place; the agent loads it at its next reload or start" ;;
  esac
  [ -n "$verified" ] || [ ! -f "${next:-}/key.pem" ] ||
    say "a private key is in $(pwd) and in its archive: remove both"
}

# A reload that was asked for proves nothing: what is presented does. Whoever it is that verifies it
# afterwards, the leaf is sent before.
presented() { # the SHA-256 of the leaf
  limit=''
  ! have timeout || limit='timeout 5'
  # shellcheck disable=SC2086
  set -- "$($limit openssl s_client -connect "$probe" </dev/null 2>/dev/null |
    openssl x509 -outform DER 2>/dev/null | openssl dgst -sha256 -r)"
  # Of nothing.
  case $1 in e3b0c44298fc1c14*) ;; *) printf '%s\n' "${1%% *}" ;; esac
}
ask() { # TARGET BEFORE: answer=new, old, same, or what is wrong
  new=$(field "$tls/$1/manifest.json" fingerprint)
  old=''
  case $2 in '' | -) ;; *) old=$(field "$tls/$2/manifest.json" fingerprint) ;; esac
  asked=0
  while :; do
    leaf=$(presented)
    case $leaf in
      '') answer="nobody answers at $probe, or it is no TLS" ;;
      "$new") answer=new ;;
      "$old") answer=old ;;
      *) answer="the agent at $probe presents $leaf, which is neither the new leaf nor the one before" ;;
    esac
    [ "$answer" != new ] || break
    asked=$((asked + 1))
    [ "$asked" -lt 10 ] || break
    nap 1
  done
  [ "$answer-$new" != "new-$old" ] || answer=same
}

# Only where the agent died of it, or still presents what it had: one that cannot be reached may be well.
went_back() { # died | presents
  dead=$(current_of)
  back=$(pending from)
  case $back in '' | -) die 1 "the agent died after the reload of $dead, and there is nothing to go back to" ;; esac
  whole "$tls/$back" || die 1 "the agent died after the reload of $dead, and $back is not whole"
  rm -f "$tls/.turn-current"
  ln -s "$back" "$tls/.turn-current"
  turn "$tls/.turn-current" "$tls/current"
  rm -f "$tls/.pending"
  archive=''
  receipt switched
  flush
  if [ "$1" = presents ]; then
    die 1 "the agent still presents the leaf of $back after the reload of $dead: $back is in place again; the agent's log says why"
  fi
  if [ -n "$unit" ]; then
    systemctl reset-failed "$unit" 2>/dev/null || :
    if systemctl restart "$unit"; then
      die 1 "the agent died after the reload of $dead: $back is in place again, and $unit was restarted"
    fi
  fi
  die 1 "the agent died after the reload of $dead: $back is in place again; start the agent"
}

begin() { # under the lock: what an interruption left goes first
  take_lock
  tidy
  find_turner "$tls/.lock" ||
    refuse "neither mv -T, mv -h nor perl is here: $tls/current can't be turned in one step"
}

# ── proven ───────────────────────────────────────────────────────────────────────────────────

if [ -n "$proven" ]; then
  [ -n "$(current_of)" ] || refuse "nothing is in place in $tls"
  begin
  [ "$proven" = settled ] || receipt proven
  prune
  rm -f "$tls/.pending"
  say "$(current_of) is $proven"
  exit 0
fi

[ ! -e "$tls/current" ] || [ -L "$tls/current" ] ||
  refuse "$tls/current is no link: what put it there must keep it, or it must be moved away"
next=''
here=$(current_of)
[ -n "$here" ] || [ ! -L "$tls/current" ] ||
  refuse "$tls/current leads to nothing that this installs; look at it, and remove it"

# ── back ─────────────────────────────────────────────────────────────────────────────────────

if [ -n "$rollback" ]; then
  [ -n "$here" ] || refuse "nothing is in place in $tls"
  back=$(pending from)
  # Asked again before it was proven: it goes on, and not back to where it came from.
  [ "$(pending way)" != back ] || [ -n "$giveup" ] || back=$here
  case $back in
    '' | -)
      back=''
      seen=''
      for name in $(generations); do
        if [ -n "$seen" ]; then
          back=$name
          break
        fi
        [ "$name" != "$here" ] || seen=1
      done
      ;;
  esac
  [ -n "$back" ] || refuse "there is no generation before $here"
  whole "$tls/$back" || refuse "$back is not whole"
  check_times "$tls/$back/manifest.json" "$back"
  if [ -z "$verified" ] && ! cmp -s "$tls/$here/ca.pem" "$tls/$back/ca.pem"; then
    have openssl || refuse "the trust of $back is another, and openssl, which could compare them, is not here"
    trusts "$tls/$here/ca.pem" "$tls/$back/cert.pem" ||
      refuse "the leaf of $back is not trusted by what $here trusts: who is there already would refuse it"
    trusts "$tls/$back/ca.pem" "$tls/$here/cert.pem" ||
      refuse "the leaf of $here is not trusted by what $back trusts: it would refuse who is there already"
  fi
  check_place
  find_process
  if [ -n "$dry" ]; then
    say "would go back: $here to $back; reload: $reload"
    exit 0
  fi
  begin
  [ "$(current_of)" = "$here" ] || refuse 'somebody installed something else meanwhile'
  switch "$back" back
  finish
  exit 0
fi

# ── forward: check ───────────────────────────────────────────────────────────────────────────

[ -f manifest.json ] && [ -f SHA256SUMS ] ||
  refuse "no archive is unpacked here: $(pwd) has no manifest.json and SHA256SUMS"
[ "$(field manifest.json format)" = nomad-pki/archive ] || refuse 'manifest.json is not that of an archive'
[ "$(field manifest.json version)" = 1 ] || refuse 'the archive is of another version'
[ "$(field manifest.json layout)" = links ] ||
  refuse 'an archive of the layout flat is copied, not installed'
next=$(field manifest.json directory)
is_generation "$next" || refuse "manifest.json names no generation: '$next'"
address=$(field manifest.json address)
case $address in '' | *[!A-Za-z0-9._/-]*) refuse "manifest.json names no address: '$address'" ;; esac

listed=$(sed -n 's/^[0-9a-f]\{64\}  //p' SHA256SUMS | sort)
found=$(find . -type f ! -path ./SHA256SUMS | sed 's/^\.\///' | sort)
[ -z "$(find . ! -type f ! -type d)" ] || refuse 'the folder holds links or worse'
[ "$listed" = "$found" ] || refuse 'the folder does not hold exactly what SHA256SUMS lists: torn, or somebody added to it'
while IFS= read -r line || [ -n "$line" ]; do
  name=${line#*  }
  case $name in
    manifest.json | install.sh | tls.hcl | "$next/ca.pem" | "$next/cert.pem" | "$next/key.pem" | "$next/manifest.json") ;;
    *) refuse "SHA256SUMS lists what no archive holds: $name" ;;
  esac
  [ "$(sum "$name")" = "${line%%  *}" ] || refuse "$name is torn or tampered with: its checksum is another"
done <SHA256SUMS
for name in manifest.json install.sh tls.hcl "$next/ca.pem" "$next/manifest.json"; do
  [ -f "$name" ] || refuse "$name is missing"
done
if [ -n "$archive" ]; then
  [ -r "$archive" ] || refuse "$archive can't be read"
  [ -z "$wanted" ] || [ "$(sum "$archive")" = "$wanted" ] ||
    refuse "the fingerprint of $archive is $(sum "$archive"), not $wanted"
  gzip -dc <"$archive" | tar -xOf - nomad-pki/SHA256SUMS 2>/dev/null | cmp -s - SHA256SUMS ||
    refuse "$archive is not what was unpacked here"
fi

inner=$next/manifest.json
[ "$(field "$inner" format)" = nomad-pki/generation ] && [ "$(field "$inner" version)" = 1 ] ||
  refuse "$inner is not that of a generation"
[ "$(field "$inner" address)" = "$address" ] || refuse "$inner is of another address"
[ "$(field "$inner" generation)" = "${next%-*}" ] || refuse "$inner is of another generation"
print=$(field "$inner" fingerprint)
is_hash "$print" || refuse "$inner names no leaf"
case $print in "${next#*-}"*) ;; *) refuse "$inner is of another leaf" ;; esac
is_instant "$(field "$inner" made)" || refuse "$inner does not say when it was made"
cluster=$(field manifest.json cluster)
case $cluster in '' | *[!A-Za-z0-9._-]*) refuse "manifest.json names no cluster: '$cluster'" ;; esac
check_times "$inner" "$next"

if [ -n "$here" ]; then
  there=$tls/$here/manifest.json
  for known in "$there" "$tls/receipt.json"; do
    other=$(field "$known" address)
    [ -z "$other" ] || [ "$other" = "$address" ] ||
      refuse "the archive is for $address, and this is $other"
  done
  other=$(field "$tls/receipt.json" cluster)
  [ -z "$other" ] || [ "$other" = "$cluster" ] ||
    refuse "the archive is of the cluster $cluster, and this node is of $other"
  if [ -f "$there" ]; then
    older=''
    ! before "$(field "$inner" made)" "$(field "$there" made)" || older=1
    # Two of one second: then the number.
    [ "$(field "$inner" made)" != "$(field "$there" made)" ] || [ "${next%-*}" -ge "${here%-*}" ] || older=1
    [ -z "$older" ] ||
      refuse "the archive was made at $(field "$inner" made), before what is in place ($here, $(field "$there" made)): --rollback goes back"
  fi
fi

# A key that never leaves its node, or trust alone: the rest is what the node has.
cert=$next/cert.pem
key=$next/key.pem
if [ ! -f "$cert" ]; then
  [ -n "$here" ] || refuse 'the archive has no certificate, and none is in place'
  cert=$tls/$here/cert.pem
fi
if [ ! -f "$key" ]; then
  key=$keyfile
  [ -n "$key" ] || [ -z "$here" ] || key=$tls/$here/key.pem
  [ -n "$key" ] && [ -f "$key" ] || refuse 'the archive has no key, and none is in place: --key FILE'
elif [ -n "$keyfile" ]; then
  refuse 'the archive has a key: --key is for one without'
fi
[ "$(sum "$next/ca.pem")" = "$(field "$inner" ca.pem)" ] || refuse "ca.pem is not that of $inner"
[ "$(sum "$cert")" = "$(field "$inner" cert.pem)" ] || refuse "cert.pem is not that of $inner"
if have openssl; then
  fits "$key" "$cert" || refuse 'the key does not belong to the certificate'
  trusts "$next/ca.pem" "$cert" || refuse 'the certificate is not trusted by the ca.pem beside it'
  leaf=$(openssl x509 -in "$cert" -outform DER 2>/dev/null | openssl dgst -sha256 -r)
  [ "${leaf%% *}" = "$(field "$inner" fingerprint)" ] || refuse 'the leaf is not that of the manifest'
elif [ -z "$verified" ]; then
  [ "$(sum "$key")" = "$(field "$inner" key.pem)" ] ||
    refuse 'the key is not the one that was packed, and openssl, which could compare them, is not here'
  say 'note: openssl is not here: chain and key were not looked at beyond their checksums'
fi

if [ "$(id -u)" = 0 ]; then
  [ -z "$owner" ] || id -u "$owner" >/dev/null 2>&1 || refuse "there is no user $owner"
  if [ -z "$owner" ]; then
    owner=$(field manifest.json owner)
    if ! id -u "$owner" >/dev/null 2>&1; then
      say "note: there is no user '$owner' here: the files will be root's"
      owner=''
    fi
  fi
elif [ -n "$owner" ] && [ "$owner" != "$(id -un)" ]; then
  refuse "only root can give files to $owner"
fi

unproven=''
if [ "$here" != "$next" ]; then
  case $(pending from) in
    '' | -) ;; # nothing was there that an agent could have mixed it with
    *)
      unproven="the switch to $here at $(pending at) was never proven"
      proves="--proven says that the agent has loaded it, its own archive again with --reload has it loaded"
      [ -z "$verified" ] || proves="its own archive again with --reload and --probe proves it"
      [ -n "$giveup" ] || refuse "$unproven: $proves, --give-up goes on without"
      ;;
  esac
fi
check_place
find_process

if [ "$here" = "$next" ] && [ -z "$(pending from)" ] && whole "$tls/$next" &&
  cmp -s "$inner" "$tls/$next/manifest.json"; then
  if [ -z "$dry" ]; then
    begin
    guard "$tls/$next"
    [ "$(field "$tls/receipt.json" directory)" = "$next" ] || receipt switched
    prune
    # What the agent could not read, it has not loaded.
    if [ -n "$mended" ] && [ "$reload" != none ]; then
      finish
      exit 0
    fi
  fi
  say "$next is in place already"
  exit 0
fi
if [ -n "$dry" ]; then
  say "would switch: ${here:-nothing} to $next, for $address; owner: ${owner:-$(id -un)}; reload: $reload"
  exit 0
fi

# ── forward: do ──────────────────────────────────────────────────────────────────────────────

# The agent must get through all of them.
[ -d "$tls" ] || (umask 022 && mkdir -p "$tls") || die 1 "$tls can't be made"
begin
[ "$(current_of)" = "$here" ] || refuse 'somebody installed something else meanwhile'

if ! whole "$tls/$next" || ! cmp -s "$inner" "$tls/$next/manifest.json"; then
  stage=$tls/.new-$next
  mkdir -m 0700 "$stage"
  put "$key" "$stage/key.pem" 0600
  put "$next/ca.pem" "$stage/ca.pem" 0644
  put "$cert" "$stage/cert.pem" 0644
  # The manifest says what this node has, which may be a key that nobody else has.
  put "$inner" "$stage/manifest.json" 0644
  # The agent's user owns the files and not the directory: it can't put a link where root will write.
  chmod 0755 "$stage"
  flush
  if [ ! -e "$tls/$next" ]; then
    mv "$stage" "$tls/$next"
  elif [ "$here" != "$next" ]; then
    mv "$tls/$next" "$tls/.gone-$next"
    mv "$stage" "$tls/$next"
  else
    # It is in use, and damaged: file by file, each in one rename.
    for part in key.pem cert.pem ca.pem manifest.json; do
      mv -f "$stage/$part" "$tls/$next/$part"
    done
    rm -rf "$stage"
    printf 'from %s\nto %s\nat %s\nway on\n' - "$next" "$(now)" | write .pending 0644
  fi
fi
guard "$tls/$next"
switch "$next" on
finish
