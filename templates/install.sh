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
#   --restart        restart the unit instead: for a machine that reads its files at its start alone
#   --owner USER     the user that the agent runs as (default: what the archive says, if it exists here)
#   --archive FILE   the archive that this folder came from: must be the same, and is noted in the receipt
#   --fingerprint H  the SHA-256 that the archive must have; with --archive
#   --key FILE       a key that never left this node, for an archive without one (default: the key of the
#                    certificate among DIR/requested-key.pem, which nomad-pki request made, and those in DIR)
#   --dry-run        check everything, change nothing
#   --rollback       back to the generation before this one, if it still fits
#   --give-up        switch although the last switch was never proven
#   --stanza FILE    write the archive's tls stanza to FILE (.hcl), where FILE is absent or was written so
#   --override C=V   accept what a guard refuses, as its message says; with --reason; may be repeated
#   --reason TEXT    why a guard is overridden: it is noted in the receipt
#   --probe H:P      where the agent serves HTTPS: openssl asks it which leaf it presents
#   --hold           leave the switch unproven until --proven or --settled says otherwise
#   --untold         note that the agent has yet to load what is in place: the next run tells it
#   --proven         the agent was seen to present the current generation
#   --settled        nothing can show it, and the receipt must do
#   --settle SECONDS how old a process must be before it is signalled (default 15)
#   --watch SECONDS  how long it is watched after that (default 5)
#   --verified       the caller has verified chains and pairs itself
#   --porcelain      end stdout with one line for programs: KEY=VALUE pairs, - where nothing is known
#
# With --porcelain the last line of stdout is, in this order, with one space between two pairs:
#   porcelain=1 status=0 result=installed reason=- changed=yes before=2-0be1d7c5 wanted=3-9f2c41ab
#   generation=3-9f2c41ab fingerprint=SHA256:HEX address=identity/server/global/s1 state=reloaded
#   agent=presents message=
# generation, fingerprint, address and state are of what is in place now. message is the last one, and
# goes on to the end of the line. The values: see "For programs" in delivery.md. Before it a line for each
# of these moments, when it comes: moment=switched GENERATION, moment=reloaded GENERATION.
#
# Exit status: 0 it is in place, or was; 1 it went wrong, and is as it was before, unless it says so;
# 2 it is in place, and not loaded or not proven; 3 refused, nothing was changed; 64 called wrongly.
#
# Interrupted at any moment, the same command goes on. Whatever interrupts it, DIR/current leads to a
# whole generation, the old one or the new one. It never prints a key.
# Root refuses to write where another user can put a link: see "another user" in delivery.md.

# `A && B || refuse`: what refuses does not return, and where B fails that is what is meant.
# shellcheck disable=SC2015
set -eu
umask 077
LC_ALL=C
export LC_ALL
unset CDPATH

# A descriptor that is closed would be given to the next file or pipe.
(: 3<&0) 2>/dev/null || exec </dev/null
(: 3>&1) 2>/dev/null || exec >/dev/null
(: 3>&2) 2>/dev/null || exec 2>/dev/null

# An archive's words must not move anybody's cursor. Where nobody listens, the work goes on.
say() {
  case $* in
    *[![:print:]]*)
      printf '%s' "$*" | tr -d '\000-\037\177'
      echo
      ;;
    *) printf '%s\n' "$*" ;;
  esac || :
}

# What this ends with is set, never inherited: dash ends with 2 where a redirection fails, and 2 means
# that it is in place.
outcome='' told='' locked='' scratch=''
# What --porcelain tells: see report.
porcelain='' ready='' result='' code=- changed=no before='' wants='' agent=not-told message=''
for one; do [ "$one" != --porcelain ] || porcelain=1; done
end() { # STATUS
  outcome=$1
  exit "$1"
}
leave() {
  set +e
  trap '' INT TERM HUP
  [ -n "$outcome" ] || outcome=1
  [ "$outcome" = 0 ] || [ -n "$told" ] || {
    case $outcome in 130 | 143) code=interrupted ;; *) code=stopped ;; esac
    message='stopped: nothing was changed'
    if [ -n "$locked" ]; then
      place=$(current_of)
      message="stopped half-way: ${place:-nothing} is in place; the same command goes on"
    fi
    say "install.sh: $message" >&2
  }
  [ -z "$porcelain" ] || line=$(report)
  [ -z "$locked" ] || release_lock
  [ -z "$porcelain" ] || say "$line"
  exit "$outcome"
}
moment() { # WORD: for programs, when it happens
  [ -z "$porcelain" ] || say "moment=$1 $(current_of)"
}
report() { # for programs: how it ended, and what is in place; not a word of it depends on what people read
  case $outcome in
    0 | 2)
      # What was mended on the way is a change.
      [ "$result$changed" != unchangedyes ] || result=installed
      result=${result:-installed}
      ;;
    3) result=refused ;;
    64) result=usage ;;
    130 | 143) result=stopped ;;
    *) [ "$result" = returned ] || result=failed ;;
  esac
  place='' print='' state='' whose=''
  if [ -n "$ready" ]; then
    is_generation "$wants" || wants=''
    place=$(current_of)
  fi
  if [ -n "$place" ]; then
    print=$(field "$tls/$place/manifest.json" fingerprint)
    whose=$(field "$tls/$place/manifest.json" address)
    [ "$(field "$tls/receipt.json" directory)" != "$place" ] || state=$(field "$tls/receipt.json" state)
  fi
  case $print in '' | *[!0-9a-f]*) print=- ;; *) print=SHA256:$print ;; esac
  case $whose in '' | *[!A-Za-z0-9._/-]*) whose=- ;; esac
  case $state in switched | reloaded | proven) ;; *) state=- ;; esac
  printf '%s ' "porcelain=1 status=$outcome result=$result reason=$code changed=$changed"
  printf '%s ' "before=${before:--} wanted=${wants:--} generation=${place:--} fingerprint=$print"
  printf '%s' "address=$whose state=$state agent=$agent message=$message"
}
trap 'leave' EXIT
trap 'end 130' INT
trap 'end 143' TERM HUP
trap '' PIPE

die() { # STATUS REASON MESSAGE
  code=$2
  message=$3
  say "install.sh: ${4:-}$3" >&2
  told=1
  end "$1"
}
refuse() { die 3 "$1" "$2" 'refused: '; }
usage() { die 64 usage "$1 (--help says how)"; }

tls='' reload='' afresh='' owner='' archive='' wanted='' keyfile='' dry='' rollback='' giveup='' hold='' untold=''
proven='' probe='' settle=15 watch=5 verified='' stanza='' overrides='' reason=''
newline='
'
while [ $# -gt 0 ]; do
  case $1 in
    --tls | --reload | --owner | --archive | --fingerprint | --key | --probe | --settle | --watch | \
      --stanza | --override | --reason)
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
        --stanza) stanza=$2 ;;
        --override) overrides=$overrides$2$newline ;;
        --reason) reason=$2 ;;
      esac
      shift
      ;;
    --dry-run) dry=1 ;;
    --rollback) rollback=1 ;;
    --give-up) giveup=1 ;;
    --restart) afresh=1 ;;
    --hold) hold=1 ;;
    --untold) untold=1 ;;
    --proven) proven=proven ;;
    --settled) proven=settled ;;
    --verified) verified=1 ;;
    --porcelain) ;; # seen above: also a wrong call ends with the line
    -h | --help)
      # The head of this file.
      porcelain=''
      sed -n '1d; /^$/q; s/^# \{0,1\}//; p' "$0"
      end 0
      ;;
    *) usage "unknown option: $1" ;;
  esac
  shift
done
[ -n "$tls" ] || usage '--tls DIR is missing'
while :; do
  case $tls in
    /) usage '--tls / is not a place for it' ;;
    */) tls=${tls%/} ;;
    /*) break ;;
    *) tls=$(pwd)/$tls ;;
  esac
done
case $stanza in
  '') ;;
  *[!/].hcl) [ -z "$rollback$proven" ] || usage '--stanza is for an archive' ;;
  *) usage "--stanza $stanza is not the name of a file that ends with .hcl" ;;
esac
case $stanza in '' | /*) ;; *) stanza=$(pwd)/$stanza ;; esac

# Where nomad-pki request puts a key until its certificate comes.
requested=$tls/requested-key.pem

# CODE=VALUE, one a line; VALUE names what is accepted, so that a command that was kept accepts nothing else.
asked=$overrides
overrides=''
while [ -n "$asked" ]; do
  one=${asked%%"$newline"*}
  asked=${asked#*"$newline"}
  case $one in
    new-root=*)
      value=$(printf '%s' "${one#*=}" | tr -d ':' | tr 'A-F' 'a-f' | sed 's/^[Ss][Hh][Aa]256//')
      case $value in *[!0-9a-f]*) value='' ;; esac
      [ "${#value}" = 64 ] || usage "--override $one: expected new-root=SHA256:HEX"
      one=new-root=SHA256:$value
      ;;
    rollback=?* | older=?* | cluster=?* | address=?* | process=?*) ;;
    *) usage "unknown override: $one (there are new-root, rollback, older, cluster, address, process)" ;;
  esac
  case $one in *[!A-Za-z0-9._/:=-]*) usage "--override $one: that is not a value of it" ;; esac
  overrides=$overrides$one$newline
done
[ -z "$overrides" ] || {
  case $reason in '' | *"$newline"*) usage '--override needs --reason TEXT, one line: why is it right here?' ;; esac
}
used=''
overridden() { # CODE VALUE: whether it was given; from then on it is noted
  case $newline$overrides in *"$newline$1=$2$newline"*) ;; *) return 1 ;; esac
  case $newline$used in *"$newline$1=$2$newline"*) ;; *)
    used=$used$1=$2$newline
    say "note: overridden: $1=$2"
    ;;
  esac
}
guard() { # CODE VALUE SENTENCE: what it refuses, unless that was overridden
  overridden "$1" "$2" || refuse "$1" "$3; --override $1=$2 --reason TEXT accepts it"
  say "warning: $3"
}
[ -n "$reload" ] || [ -n "$proven" ] || usage '--reload PID, UNIT or none is missing'
for number in "$settle" "$watch"; do
  case $number in '' | *[!0-9]* | ?????*) usage "not a number of seconds: $number" ;; esac
done
[ -z "$afresh" ] || case $reload in
  none | */* | '') usage '--restart needs --reload UNIT' ;;
  *[!0-9]*) ;;
  *) usage '--restart needs --reload UNIT' ;;
esac
[ -z "$wanted" ] || [ -n "$archive" ] || usage '--fingerprint needs --archive FILE'
# As pack prints it, or as openssl and people do: SHA256:AB:CD:…
wanted=$(printf '%s' "$wanted" | tr -d ':' | tr 'A-F' 'a-f' | sed 's/^[Ss][Hh][Aa]256//')
case $probe in
  '') ;;
  -* | *[!]A-Za-z0-9.:_%[-]*) usage "--probe $probe is not HOST:PORT" ;;
  *:[0-9]*) [ "$reload" != none ] || usage '--probe asks what a reload did: --reload PID or UNIT' ;;
  *) usage "--probe $probe is not HOST:PORT" ;;
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
have sha256sum || have shasum || have openssl || refuse tool 'there is no sha256sum, shasum or openssl'

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
is_before() { [ "$1" != "$2" ] && expr "x$1" '<' "x$2" >/dev/null; }
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

current_of() { # the name of the generation that is in use; empty where there is none
  [ -L "$tls/current" ] || return 0
  # Not every system that has a shell has readlink.
  link=$(ls -ld "$tls/current")
  link=${link##* -> }
  if is_generation "$link" && [ -d "$tls/$link" ] && [ ! -L "$tls/$link" ]; then printf '%s\n' "$link"; fi
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

vouches() { # CA CERT: the same, whatever the time is: a cluster that has expired must be healable
  verdict=$(SSL_CERT_FILE=/dev/null SSL_CERT_DIR=/nonexistent \
    openssl verify -no_check_time -CAfile "$1" -untrusted "$2" "$2" 2>&1) || :
  case $verdict in
    *': OK') return 0 ;;
    # Before 1.1.0 there was no such option.
    *[Uu]sage:* | *'nknown option'*) trusts "$1" "$2" ;;
    *) return 1 ;;
  esac
}
prints_of() { # CA: the SHA-256 of each certificate in it, one a line
  [ -f "$1" ] || return 0
  block=''
  while IFS= read -r row || [ -n "$row" ]; do
    case $row in
      -----BEGIN*) block=$row ;;
      -----END*)
        block=$block$newline$row
        if have openssl; then
          row=$(printf '%s\n' "$block" | openssl x509 -outform DER 2>/dev/null | openssl dgst -sha256 -r)
        else
          row=$(printf '%s\n' "$block" | sed '1d; $d' | base64 -d 2>/dev/null | sum /dev/stdin)
        fi
        # That is the sum of nothing.
        case $row in e3b0c44298fc1c14*) row=unreadable ;; esac
        printf '%s\n' "${row%% *}"
        ;;
      *) block=$block$newline$row ;;
    esac
  done <"$1"
}
within() { # LINES LINES: each of the first is one of the second
  for row in $1; do
    [ "$row" != unreadable ] || return 1
    case $newline$2$newline in *"$newline$row$newline"*) ;; *) return 1 ;; esac
  done
}

check_times() { # MANIFEST WHAT, and what says that it has ended
  ends=$(field "$1" notAfter)
  what=$2
  begins=$(field "$1" notBefore)
  is_instant "$ends" && is_instant "$begins" || refuse archive "the manifest of $what says no dates"
  shift 2
  is_before "$(now)" "$ends" || "$@" "$what expired at $ends"
  ! is_before "$(now)" "$begins" ||
    refuse not-yet-valid "$what is valid from $begins, and it is $(now) here: is the clock right?"
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
program_of() { # PID: what runs there, where the system tells
  if [ -r "/proc/$1/comm" ]; then
    name=$(cat "/proc/$1/comm" 2>/dev/null || :)
  else
    name=$(ps -o comm= -p "$1" 2>/dev/null || :)
  fi
  printf '%s' "${name##*/}" | tr -cd 'A-Za-z0-9._-'
}
main_pid() { systemctl show -p MainPID "$unit" 2>/dev/null | sed -n 's/^MainPID=//p'; }

find_process() { # what is to be reloaded must be there before anything is changed
  [ -z "$probe" ] || have openssl || refuse tool 'openssl, which could ask the agent, is not here: without --probe'
  case $reload in
    none) return 0 ;;
    */*)
      # Of a pipe it would wait for the other end.
      [ -f "$reload" ] && [ -r "$reload" ] ||
        refuse process "$reload is not a file that can be read: whose process is to be reloaded?"
      IFS= read -r pid <"$reload" || :
      pid=$(printf '%s' "$pid" | tr -d '[:space:]')
      ;;
    *[!0-9]*) unit=$reload ;;
    *) pid=$reload ;;
  esac
  if [ -n "$unit" ]; then
    case $unit in -*) usage "not a unit: $unit" ;; esac
    have systemctl || refuse tool "there is no systemctl to reload $unit with: --reload PID"
    if [ -n "$afresh" ]; then
      # A unit that runs once is not active, and starts again all the same.
      case $(systemctl show -p LoadState "$unit" 2>/dev/null || :) in
        LoadState=loaded) return 0 ;;
        *) refuse process "there is no unit $unit: --reload none puts it in place for the next start" ;;
      esac
    fi
    case $(systemctl is-active "$unit" 2>/dev/null || :) in
      active | reloading | activating) ;;
      *) refuse process "$unit is not active: --reload none puts it in place for the next start" ;;
    esac
    return 0
  fi
  case $pid in '' | *[!0-9]* | 0 | 1) refuse process "no process to reload: '$pid'" ;; esac
  alive "$pid" || refuse process "there is no process $pid: --reload none puts it in place for the next start"
  kill -0 "$pid" 2>/dev/null || refuse process "process $pid is another user's, and $(id -un) may not signal it"
  program=$(program_of "$pid")
  case $program in
    '' | nomad*) ;;
    *) [ -n "$machine" ] || guard process "$program" "process $pid is $program, not nomad: is it the agent?" ;;
  esac
  catches_hup "$pid" || refuse process "process $pid does not catch SIGHUP and would be killed: is it the agent?"
}

settle() { # PID
  age=$(age_of "$1")
  [ -n "$age" ] && [ "$age" -lt "$settle" ] || return 0
  say "process $1 was started $age s ago: waiting until it is $settle s old"
  nap $((settle - age))
}

# A SIGHUP during start-up kills the agent (command/agent/command.go:1093-1108).
signal() { # 0: the agent lives; 1: it died; 2: it could not be signalled
  if [ -n "$afresh" ]; then
    systemctl restart "$unit" || return 1
    moment reloaded
    case $(systemctl show -p Type "$unit" 2>/dev/null || :) in Type=oneshot) return 0 ;; esac
    waited=0
    while [ "$waited" -lt "$watch" ]; do
      nap 1
      waited=$((waited + 1))
    done
    case $(systemctl is-active "$unit" 2>/dev/null || :) in
      active | reloading | activating) return 0 ;;
      *) return 1 ;;
    esac
  fi
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
    moment reloaded
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
  moment reloaded
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
    [ ! -L "$place" ] || refuse place "$place is a link that leads nowhere"
    place=${place%/*}
    place=${place:-/}
  done
  [ -d "$place" ] || refuse place "$place is not a directory"
  [ -w "$place" ] && [ -x "$place" ] || refuse place "$place can't be written by $(id -un)"
  check_way "$tls" whole
  [ -z "$stanza" ] || check_way "${stanza%/*}/" above
}

# ── another user ─────────────────────────────────────────────────────────────────────────────

# Whoever can change a directory can put a link in it, and root would write where it leads to. Nomad's
# packages give /etc/nomad.d and all below to the agent's user (.release/linux/postinst).
look() { # PATH: bits, uid, gid of it, not of what a link leads to
  row=$(ls -ldn "$1" 2>/dev/null) || return 1
  bits=${row%% *}
  set -f
  # shellcheck disable=SC2086
  set -- $row
  set +f
  uid=$3 gid=$4
}
# The first directory on the way to PATH in which another user than root can put a link, and who: on
# two lines; nothing where there is none. whole: PATH itself too.
open_to() ( # PATH whole|above
  at='' rest=$1 hops=0
  while look "${at:-/}"; do
    who=''
    if [ "$uid" != 0 ]; then
      row=$(ls -ld "${at:-/}")
      set -f
      # shellcheck disable=SC2086
      set -- "$1" "$2" $row
      set +f
      who=$5
    fi
    case $bits in ?????w*) [ "$gid" = 0 ] || who=${who:-"group $gid"} ;; esac
    case $bits in ????????w*) who=${who:-every user} ;; esac
    name=''
    while [ -n "$rest" ] && [ -z "$name" ]; do
      name=${rest%%/*}
      case $rest in */*) rest=${rest#*/} ;; *) rest='' ;; esac
      [ "$name" != . ] || name=''
    done
    [ -n "$name" ] || [ "$2" = whole ] || exit 0
    case $bits in
      # In a sticky directory an entry is its owner's alone.
      ?????????[tT]*)
        if [ "$uid" = 0 ] && [ -n "$name" ]; then
          if ! look "$at/$name" || [ "$uid" = 0 ]; then who=''; fi
        fi
        ;;
    esac
    if [ -n "$who" ]; then
      printf '%s\n%s\n' "${at:-/}" "$who"
      exit 0
    fi
    if [ -z "$name" ]; then
      exit 0
    elif [ "$name" = .. ]; then
      at=${at%/*}
    elif [ -L "$at/$name" ]; then
      hops=$((hops + 1))
      [ "$hops" -lt 40 ] || exit 0
      row=$(ls -ld "$at/$name")
      link=${row#*"$at/$name -> "}
      case $link in /*) at='' ;; esac
      rest=$link/$rest
    else
      at=$at/$name
    fi
  done
)
check_way() { # PATH whole|above
  [ "$(id -u)" = 0 ] || return 0
  way=$(open_to "$1" "$2")
  [ -z "$way" ] || {
    place=${way%"$newline"*}
    refuse place "${way#*"$newline"} can change $place, and root does not write where another user can put a link: chown root '$place' && chmod go-w '$place', or --tls /etc/nomad-tls (node.tls in the spec)"
  }
}

# ── one at a time ────────────────────────────────────────────────────────────────────────────

# DIR/.lock, a directory that only one can make. One whose holder was killed is inherited by whoever
# makes `next` in it: nobody removes what might be somebody's by now.
take_lock() {
  place=$tls/.lock
  tries=0
  [ ! -L "$place" ] || die 1 place "$place is a link: look who made it"
  while :; do
    if mkdir "$place" 2>/dev/null; then
      printf '%s %s\n' "$$" "$(birth_of $$)" >"$place/pid" || {
        rm -rf "$place"
        die 1 write "nothing can be written to $tls"
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
      [ ! -e "$place" ] || die 1 place "$place is in the way"
      [ -d "$tls" ] && [ -w "$tls" ] || die 1 place "$tls can't be written"
      place=$tls/.lock
      tries=$((tries + 1))
      [ "$tries" -lt 10 ] || die 1 write "$place can't be made"
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
    [ "$tries" -lt 10 ] || refuse locked "process $process is installing here already ($tls/.lock)"
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
# ── the steps ────────────────────────────────────────────────────────────────────────────────

# What nobody reads: from here on a torn file has no name that means anything. The last four are of
# an earlier version.
tidy() {
  for left in "$tls"/.part-* "$tls"/.new-* "$tls"/.gone-* "$tls"/.turn-* "$tls"/.write-*; do
    [ -e "$left" ] || [ -L "$left" ] || continue
    rm -rf "$left"
  done
}

# All that is half made lies in one directory with a name that nobody can guess.
write() { # FILE MODE, from stdin: whole or not at all
  cat >"$scratch/$1"
  chmod "$2" "$scratch/$1"
  mv -f "$scratch/$1" "$tls/$1"
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
enclose() { # GENERATION: nobody may put a link in it while root is at work there
  [ "$(id -u)" != 0 ] || [ -z "$(find "$1" -prune \( ! -user 0 -o -perm -020 -o -perm -002 \))" ] || {
    chown -h 0 "$1"
    chmod 0755 "$1"
    changed=yes
    say "$1 was not root's alone, and is now"
  }
}
mend() { # GENERATION: modes and owner as they were given, whoever changed them since
  enclose "$1"
  for part in key.pem:600 cert.pem:644 ca.pem:644 manifest.json:644; do
    file=$1/${part%:*}
    [ ! -L "$file" ] || die 1 place "$file is a link: look who made it"
    [ -z "$(find "$file" ! -perm "${part#*:}")" ] || {
      chmod "${part#*:}" "$file"
      mended=1 changed=yes
      say "the mode of $file was not ${part#*:}, and is now"
    }
    [ -z "$owner" ] || [ -z "$(find "$file" ! -user "$owner")" ] || {
      chown -h "$owner" "$file"
      mended=1 changed=yes
      say "$file did not belong to $owner, and does now"
    }
  done
}

# What waited for its certificate lies beside it now: one copy is enough.
spend() { # GENERATION
  [ -f "$requested" ] && [ ! -L "$requested" ] && cmp -s "$requested" "$1/key.pem" || return 0
  rm -f "$requested"
  changed=yes
}

switch() { # TO WAY: with a note of where from and which way, on or back, until it is proven
  from=$(current_of)
  if [ "$from" != "$1" ]; then
    changed=yes
    printf 'from %s\nto %s\nat %s\nway %s\n' "${from:--}" "$1" "$(now)" "$2" | write .pending 0644
    ln -s "$1" "$scratch/current"
    flush
    turn "$scratch/current" "$tls/current" || die 1 write "$tls/current could not be turned"
    flush
    moment switched
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
    # For the day on which the files are lost: whom this node trusted.
    roots=$(prints_of "$generation/ca.pem")
    case $newline$roots$newline in
      *"${newline}unreadable$newline"* | "$newline$newline") ;;
      *) printf '  "roots": [\n%s\n  ],\n' "$(printf '%s\n' "$roots" | sed 's/.*/    "SHA256:&"/; $!s/$/,/')" ;;
    esac
    [ -z "$cluster" ] || printf '  "cluster": "%s",\n' "$cluster"
    if [ -n "$host" ]; then printf '  "host": "%s",\n' "$host"; else printf '  "host": null,\n'; fi
    noted=$(overrides_of "${generation##*/}")
    [ -z "$noted" ] || printf '  "overrides": [\n%s\n  ],\n' "$(printf '%s\n' "$noted" | sed '$!s/$/,/')"
    chain=$(chain_of "$generation/cert.pem")
    [ -z "$chain" ] || printf '  "chain": [\n%s\n  ],\n' "$chain"
    printf '  "at": %s000,\n' "$(date +%s)"
    printf '  "state": "%s"\n}\n' "$1"
  } | write receipt.json 0644
}
roots_of_receipt() { # whom this node trusted, as its receipt says, one a line; nothing where it does not
  [ "$(field "$tls/receipt.json" format)" = nomad-pki/receipt ] || return 0
  sed -n 's/^    "SHA256:\([0-9a-f]\{64\}\)",\{0,1\}$/\1/p' "$tls/receipt.json"
}
chain_of() { # FILE: its certificates, one a line: they show whose key made it
  [ -f "$1" ] || return 0
  block=-
  comma=''
  while IFS= read -r row || [ -n "$row" ]; do
    case $row in
      '-----BEGIN CERTIFICATE-----') block='' ;;
      '-----END CERTIFICATE-----')
        [ "$block" != - ] && [ "${#block}" -le 16384 ] || return 0 # nobody reads more
        printf '%s    "%s"' "$comma" "$block"
        block=-
        comma=,$newline
        ;;
      *[!A-Za-z0-9+/=]*) block=- ;;
      *) [ "$block" = - ] || block=$block$row ;;
    esac
  done <"$1"
}
overrides_of() { # GENERATION: what was overridden for it, before and now, one a line
  [ "$(field "$tls/receipt.json" directory)" != "$1" ] ||
    sed -n 's/^    \({ "code": .*}\),\{0,1\}$/    \1/p' "$tls/receipt.json"
  why=$(printf '%s' "$reason" | tr -d '\000-\037\177' | sed 's/[\\"]/\\&/g')
  printf '%s' "$used" | while IFS= read -r one; do
    printf '    { "code": "%s", "value": "%s", "reason": "%s" }\n' "${one%%=*}" "${one#*=}" "$why"
  done
}

generations() { # all of them, the newest first
  for found in "$tls"/*-*; do
    name=${found##*/}
    is_generation "$name" && [ -d "$found" ] && [ ! -L "$found" ] || continue
    made=$(field "$found/manifest.json" made)
    printf '%s %s %s\n' "${made:--}" "${name%-*}" "$name"
  done | sort -k1,1r -k2,2nr | sed 's/.* //'
}

prune() { # three are kept: the current one, the one before it, and the newest of the others
  keep=$(current_of)
  [ -n "$keep" ] || return 0
  last=$(pending from)
  kept=1
  case $last in '' | - | "$keep") last='' ;; *) kept=2 ;; esac
  for name in $(generations); do
    case $name in "$keep" | "$last") continue ;; esac
    kept=$((kept + 1))
    [ "$kept" -gt 3 ] || continue
    changed=yes
    mv "$tls/$name" "$scratch/$name"
    rm -rf "${scratch:?}/$name"
  done
}

finish() { # what follows every switch: stanza, reload, receipt, and what a shell can see of the agent
  target=$(current_of)
  [ -z "$stanza" ] || put_stanza
  state=switched changed=yes
  if [ -n "$restart" ]; then
    receipt switched
    [ "$reload" = none ] ||
      die 2 restart "$target is in place, and so is the stanza: restart the agent${unit:+ (systemctl restart $unit)}, a reload does not take it up"
  elif [ "$reload" != none ]; then
    signalled=0
    signal || signalled=$?
    case $signalled in
      0) state=reloaded agent=told ;;
      1) went_back died ;;
      *)
        receipt switched
        die 2 reload "$target is in place, and the agent could not be reloaded: run the same command again when it runs"
        ;;
    esac
  fi
  seen=''
  if [ "$state" = reloaded ] && [ -n "$probe" ]; then
    ask "$target" "$(pending from)"
    case $agent in
      presents) seen=", and $probe presents it" ;;
      old) went_back old ;;
      same-leaf) say 'note: the leaf is the one from before: whether its trust was loaded can not be seen from here' ;;
      *)
        receipt reloaded
        die 2 agent "$target is in place, and not proven: $answer"
        ;;
    esac
  fi
  receipt "$state"
  prune
  flush
  # Last, so that the same command goes on until all of it is done.
  if [ -z "$hold" ]; then
    # Nothing will ever show what a machine read.
    case $machine$state-$(pending from) in
      reloaded-* | switched-- | 1*) rm -f "$tls/.pending" ;;
    esac
  fi
  case $state in
    reloaded) say "$target is in place, and the $whom was told to load it$seen" ;;
    *)
      if [ -n "$machine" ]; then
        say "$target is in place"
      elif [ -n "$restart" ]; then
        say "$target is in place, and so is the stanza; the agent loads both at its next start, not by a reload"
      else
        say "$target is in place; the agent loads it at its next reload or start"
      fi
      ;;
  esac
  [ -n "$verified" ] || [ ! -f "${next:-}/key.pem" ] ||
    say "a private key is in $(pwd) and in its archive: remove both"
}

# The stanza lies in a directory that may be the agent's user's. So it is written in a new directory in
# which nobody else can do anything, found again by its real path, and moved by one rename.
restart=''
check_stanza() {
  [ "$(field manifest.json tls)" = "$tls" ] ||
    refuse stanza "the stanza of the archive names files in $(field manifest.json tls), not in $tls"
  folder=$(cd "${stanza%/*}/" 2>/dev/null && pwd -P) || refuse stanza "${stanza%/*} is not a directory"
  stanza=${folder%/}/${stanza##*/}
  for other in "$folder"/*.hcl "$folder"/*.json; do
    [ "$other" != "$stanza" ] && [ -f "$other" ] || continue
    ! grep -Eq '^[[:space:]{]*"?tls"?[[:space:]]*[:={]' "$other" ||
      refuse stanza "$other has a tls block already: put the lines of $(pwd)/tls.hcl there"
  done
  [ -e "$stanza" ] || [ -L "$stanza" ] || {
    restart=1
    return 0
  }
  [ -f "$stanza" ] && [ ! -L "$stanza" ] || refuse stanza "$stanza is not a plain file"
  cmp -s tls.hcl "$stanza" || {
    [ "$(sum "$stanza")" = "$(sed -n 's/^stanza //p' "$tls/.stanza" 2>/dev/null || :)" ] ||
      refuse stanza "$stanza was not written by install.sh, or was changed: put the lines of $(pwd)/tls.hcl there, or move it away"
    # Paths are taken up by a reload, the rest is not (helper/tlsutil/config.go:467).
    [ "$(settings tls.hcl)" = "$(settings "$stanza")" ] || restart=1
  }
}
settings() { sed '/^ *\(ca\|cert\|key\)_file /d; s/  *//g' "$1"; }
put_stanza() {
  ! cmp -s tls.hcl "$stanza" || {
    restart=''
    return 0
  }
  (
    part=$(mktemp -d "$folder/.tls.hcl.XXXXXXXX") || exit 1
    part=$(cd "${part%/*}/" && pwd -P)/${part##*/}
    from=$(pwd)/tls.hcl
    cd "$part" && [ "$(pwd -P)" = "$part" ] && look . && [ "$uid" = "$(id -u)" ] &&
      [ -z "$(ls -A)" ] || exit 1
    cat "$from" >tls.hcl && chmod 0644 tls.hcl && turn tls.hcl "$stanza" || {
      rm -f tls.hcl
      exit 1
    }
    cd / && rmdir "$part"
  ) || die 1 write "$stanza could not be written; $target is in place"
  printf 'stanza %s\n' "$(sum tls.hcl)" | write .stanza 0644
}

# A reload that was asked for proves nothing. What is presented says more, and yet not all: a
# certificate is public, so it counts only where the handshake goes on until the client has checked the
# signature and sent its Finished. How well this openssl checks is not known from here.
presented() { # the SHA-256 of the leaf
  limit=''
  ! have timeout || limit='timeout 5'
  # An RSA key exchange has no signature. An agent that asks for certificates ends the handshake with an
  # alert: after that.
  # shellcheck disable=SC2086
  shown=$($limit openssl s_client -msg -cipher 'ALL:!kRSA' -connect "$probe" </dev/null 2>/dev/null) || :
  [ -n "$(printf '%s\n' "$shown" | sed -n '/^>>> .*Finished/p')" ] || return 0
  set -- "$(printf '%s\n' "$shown" | openssl x509 -outform DER 2>/dev/null | openssl dgst -sha256 -r)"
  # Of nothing.
  case $1 in e3b0c44298fc1c14*) ;; *) printf '%s\n' "${1%% *}" ;; esac
}
ask() { # TARGET BEFORE: agent=presents, same-leaf, old; or silent, other, and the answer in words
  new=$(field "$tls/$1/manifest.json" fingerprint)
  old=''
  case $2 in '' | -) ;; *) old=$(field "$tls/$2/manifest.json" fingerprint) ;; esac
  looks=0
  while :; do
    leaf=$(presented)
    case $leaf in
      '')
        agent=silent
        answer="nothing at $probe answers in TLS with the key of the certificate that it presents"
        ;;
      "$new")
        agent=presents
        break
        ;;
      "$old") agent=old ;;
      *)
        agent=other
        answer="the agent at $probe presents $leaf, which is neither the new leaf nor the one before"
        ;;
    esac
    looks=$((looks + 1))
    [ "$looks" -lt 10 ] || break
    nap 1
  done
  [ "$agent-$new" != "presents-$old" ] || agent=same-leaf
}

# Only where the agent died of it, or still presents what it had: one that cannot be reached may be well.
went_back() { # died | old
  agent=$1
  dead=$(current_of)
  back=$(pending from)
  seen="the $whom died"
  [ "$agent" != old ] || seen="the agent still presents the leaf of $back"
  seen="$seen after the reload of $dead"
  case $back in '' | -) die 1 agent "$seen, and there is nothing to go back to" ;; esac
  whole "$tls/$back" || die 1 agent "$seen, and $back is not whole"
  ln -s "$back" "$scratch/current"
  turn "$scratch/current" "$tls/current" || die 1 write "$tls/current could not be turned back to $back"
  rm -f "$tls/.pending"
  result=returned changed=yes
  archive=''
  receipt switched
  flush
  [ "$agent" != old ] || die 1 agent "$seen: $back is in place again; the agent's log says why"
  if [ -n "$unit" ]; then
    systemctl reset-failed "$unit" 2>/dev/null || :
    if systemctl restart "$unit"; then
      die 1 agent "$seen: $back is in place again, and $unit was restarted"
    fi
  fi
  die 1 agent "$seen: $back is in place again; start the agent"
}

begin() { # under the lock: what an interruption left goes first
  # Again: what was yet to be made when it was looked at is there now.
  check_way "$tls" whole
  take_lock
  tidy
  scratch=$(mktemp -d "$tls/.part-XXXXXXXX") || die 1 write "nothing can be written to $tls"
  find_turner "$scratch" ||
    refuse tool "neither mv -T, mv -h nor perl is here: $tls/current can't be turned in one step"
}

ready=1
before=$(current_of)
machine='' whom=agent
is_machine() { # ADDRESS: a program that is not an agent: it has no stanza and does not listen
  case $1 in identity/machine/*) machine=1 whom=machine ;; esac
}
[ -z "$before" ] || is_machine "$(field "$tls/$before/manifest.json" address)"

# ── proven ───────────────────────────────────────────────────────────────────────────────────

if [ -n "$proven" ]; then
  [ -n "$(current_of)" ] || refuse nothing "nothing is in place in $tls"
  begin
  result=noted changed=yes
  [ "$proven" = settled ] || receipt proven
  prune
  rm -f "$tls/.pending"
  say "$(current_of) is $proven"
  end 0
fi

[ ! -e "$tls/current" ] || [ -L "$tls/current" ] ||
  refuse place "$tls/current is not a link: what put it there must keep it, or it must be moved away"
next=''
here=$(current_of)
[ -n "$here" ] || [ ! -L "$tls/current" ] ||
  refuse place "$tls/current leads to nothing that this installs; look at it, and remove it"

# ── back ─────────────────────────────────────────────────────────────────────────────────────

if [ -n "$rollback" ]; then
  [ -n "$here" ] || refuse nothing "nothing is in place in $tls"
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
  wants=$back
  [ -n "$back" ] || refuse nothing "there is no generation before $here"
  whole "$tls/$back" || refuse damaged "$back is not whole"
  check_times "$tls/$back/manifest.json" "$back" guard rollback "$back"
  if [ -z "$verified" ] && ! cmp -s "$tls/$here/ca.pem" "$tls/$back/ca.pem"; then
    if have openssl; then
      trusts "$tls/$here/ca.pem" "$tls/$back/cert.pem" ||
        guard rollback "$back" "the leaf of $back is not trusted by what $here trusts: agents that are still where $here is refuse this one"
      trusts "$tls/$back/ca.pem" "$tls/$here/cert.pem" ||
        guard rollback "$back" "the leaf of $here is not trusted by what $back trusts: this agent refuses those that are still where $here is"
    else
      guard rollback "$back" "the trust of $back is another, and openssl, which could compare them, is not here"
    fi
  elif [ -n "$verified" ]; then
    # The caller judged it, and says what it let pass.
    overridden rollback "$back" || :
  fi
  check_place
  find_process
  if [ -n "$dry" ]; then
    result=planned
    say "would switch $tls/current back: $here to $back; reload: $reload"
    end 0
  fi
  begin
  [ "$(current_of)" = "$here" ] || refuse locked 'a different generation was installed in the meantime'
  switch "$back" back
  finish
  end 0
fi

# ── forward: check ───────────────────────────────────────────────────────────────────────────

[ -f manifest.json ] && [ -r manifest.json ] && [ -f SHA256SUMS ] && [ -r SHA256SUMS ] ||
  refuse archive "no archive is unpacked here: $(pwd) has no manifest.json and SHA256SUMS"
[ "$(field manifest.json format)" = nomad-pki/archive ] || refuse archive 'manifest.json is not that of an archive'
[ "$(field manifest.json version)" = 1 ] || refuse archive 'the archive is of another version'
[ "$(field manifest.json layout)" = links ] ||
  refuse archive 'an archive of the layout flat is copied, not installed'
next=$(field manifest.json directory)
wants=$next
is_generation "$next" || refuse archive "manifest.json names no generation: '$next'"
address=$(field manifest.json address)
case $address in '' | *[!A-Za-z0-9._/-]*) refuse archive "manifest.json names no address: '$address'" ;; esac
machine='' whom=agent
is_machine "$address"
[ -z "$machine" ] || [ -z "$stanza$probe" ] || usage '--stanza and --probe are for agents, and the archive is for a machine'

listed=$(sed -n 's/^[0-9a-f]\{64\}  //p' SHA256SUMS | sort)
found=$(find . -type f ! -path ./SHA256SUMS | sed 's/^\.\///' | sort)
[ -z "$(find . ! -type f ! -type d)" ] || refuse archive 'the folder holds links or worse'
[ "$listed" = "$found" ] || refuse archive 'the folder does not hold exactly what SHA256SUMS lists: torn, or changed'
while IFS= read -r line || [ -n "$line" ]; do
  name=${line#*  }
  case $name in
    tls.hcl) [ -z "$machine" ] || refuse archive 'an archive for a machine holds no stanza' ;;
    manifest.json | install.sh | "$next/ca.pem" | "$next/cert.pem" | "$next/key.pem" | "$next/manifest.json") ;;
    *) refuse archive "SHA256SUMS lists what no archive holds: $name" ;;
  esac
  [ "$(sum "$name")" = "${line%%  *}" ] || refuse archive "$name is torn or tampered with: its checksum is another"
done <SHA256SUMS
[ -n "$machine" ] || [ -f tls.hcl ] || refuse archive 'tls.hcl is missing'
for name in manifest.json install.sh "$next/ca.pem" "$next/manifest.json"; do
  [ -f "$name" ] || refuse archive "$name is missing"
done
if [ -n "$archive" ]; then
  [ -f "$archive" ] && [ -r "$archive" ] || refuse archive "$archive is not a file that can be read"
  [ -z "$wanted" ] || [ "$(sum "$archive")" = "$wanted" ] ||
    refuse fingerprint "the fingerprint of $archive is $(sum "$archive"), not $wanted"
  gzip -dc <"$archive" | tar -xOf - nomad-pki/SHA256SUMS 2>/dev/null | cmp -s - SHA256SUMS ||
    refuse archive "$archive is not what was unpacked here"
fi

inner=$next/manifest.json
[ "$(field "$inner" format)" = nomad-pki/generation ] && [ "$(field "$inner" version)" = 1 ] ||
  refuse archive "$inner is not that of a generation"
[ "$(field "$inner" address)" = "$address" ] || refuse archive "$inner is of another address"
[ "$(field "$inner" generation)" = "${next%-*}" ] || refuse archive "$inner is of another generation"
print=$(field "$inner" fingerprint)
is_hash "$print" || refuse archive "$inner names no leaf"
case $print in "${next#*-}"*) ;; *) refuse archive "$inner is of another leaf" ;; esac
is_instant "$(field "$inner" made)" || refuse archive "$inner does not say when it was made"
cluster=$(field manifest.json cluster)
case $cluster in '' | *[!A-Za-z0-9._-]*) refuse archive "manifest.json names no cluster: '$cluster'" ;; esac
check_times "$inner" "$next" refuse expired

# What this node was before: also where somebody removed the link.
base=$here
[ -n "$base" ] || base=$(field "$tls/receipt.json" directory)
if ! is_generation "$base" || [ ! -d "$tls/$base" ] || [ -L "$tls/$base" ]; then
  base=$(generations | sed -n 1p)
fi
there=$tls/$base/manifest.json
for known in ${base:+"$there"} "$tls/receipt.json"; do
  other=$(field "$known" address)
  [ -z "$other" ] || [ "$other" = "$address" ] ||
    guard address "$address" "the archive is for $address, and this is $other"
done
other=$(field "$tls/receipt.json" cluster)
[ -z "$other" ] || [ "$other" = "$cluster" ] ||
  guard cluster "$cluster" "the archive is of the cluster $cluster, and this node is of $other"
if [ -n "$base" ] && [ -f "$there" ]; then
  older=''
  ! is_before "$(field "$inner" made)" "$(field "$there" made)" || older=1
  # Two of one second: then the number.
  [ "$(field "$inner" made)" != "$(field "$there" made)" ] || [ "${next%-*}" -ge "${base%-*}" ] || older=1
  [ -z "$older" ] ||
    guard older "$next" "the archive was made at $(field "$inner" made), before what is in place ($base, $(field "$there" made)): --rollback goes back"
fi

# A key that never leaves its node, or trust alone: the rest is what the node has.
cert=$next/cert.pem
key=$next/key.pem
if [ ! -f "$cert" ]; then
  [ -n "$here" ] || refuse key 'the archive has no certificate, and none is in place'
  cert=$tls/$here/cert.pem
fi
if [ ! -f "$key" ]; then
  key=$keyfile
  # It is the one of this certificate: made for it by a request, or there from an earlier run, or in use.
  for known in "$requested" "$tls/$next/key.pem" ${here:+"$tls/$here/key.pem"}; do
    [ -z "$key" ] && [ -f "$known" ] && [ ! -L "$known" ] && fits "$known" "$cert" || continue
    key=$known
  done
  [ "$key" != "$requested" ] || case $(ls -ld "$requested") in
    -???------*) ;;
    *) refuse key "other users can read $requested: find out whether they did, remove it, and let nomad-pki request make a new one" ;;
  esac
  if [ -z "$key" ] && { [ -z "$here" ] || have openssl; }; then
    found='is a different key'
    have openssl || found='cannot be compared without openssl'
    [ -e "$requested" ] || found='is not there'
    refuse key "the archive has no key, and that of its certificate is not on this node: $requested $found. If it is lost, ask with a new one: nomad-pki request $address --tls '$tls'; then sign and pack it again. --key FILE names another place"
  fi
  # Without openssl nothing can be compared: it is the one in use.
  [ -n "$key" ] || key=$tls/$here/key.pem
  [ -f "$key" ] || refuse key "the archive has no key, and $key is not there"
elif [ -n "$keyfile" ]; then
  refuse key 'the archive has a key: --key is for one without'
fi
[ "$(sum "$next/ca.pem")" = "$(field "$inner" ca.pem)" ] || refuse archive "ca.pem is not that of $inner"
[ "$(sum "$cert")" = "$(field "$inner" cert.pem)" ] || refuse archive "cert.pem is not that of $inner"
if have openssl; then
  fits "$key" "$cert" || refuse key 'the key does not belong to the certificate'
  trusts "$next/ca.pem" "$cert" || refuse chain 'the certificate is not trusted by the ca.pem beside it'
  leaf=$(openssl x509 -in "$cert" -outform DER 2>/dev/null | openssl dgst -sha256 -r)
  [ "${leaf%% *}" = "$(field "$inner" fingerprint)" ] || refuse archive 'the leaf is not that of the manifest'
elif [ -z "$verified" ]; then
  [ "$(sum "$key")" = "$(field "$inner" key.pem)" ] ||
    refuse key 'the key is not the one that was packed, and openssl, which could compare them, is not here'
  say 'note: openssl is not here: chain and key were not looked at beyond their checksums'
fi

# The others in the cluster believe what this node believed until now. So the new leaf must be trusted
# by the present trust, or the present leaf by the new one: else another authority made it. Where the
# files of that are lost, the receipt still names the roots and the leaf.
latest=''
[ "$(field "$tls/receipt.json" format)" != nomad-pki/receipt ] || latest=$(field "$tls/receipt.json" directory)
lost=''
[ -n "$here" ] || [ "$base" = "$latest" ] || ! is_generation "$latest" || lost=$latest
old=''
[ -n "$lost" ] || [ -z "$base" ] || old=$(prints_of "$tls/$base/ca.pem")
case $newline$old$newline in
  *"${newline}unreadable$newline"* | "$newline$newline")
    old=''
    [ "${lost:-$base}" != "$latest" ] || old=$(roots_of_receipt)
    ;;
esac
# The receipt of an earlier version names no roots: then what is left of an earlier generation counts.
if [ -n "$lost" ] && [ -z "$old" ] && [ -n "$base" ]; then
  lost=''
  old=$(prints_of "$tls/$base/ca.pem")
fi
continues() { # whether what this node had last vouches for it
  if [ -n "$lost" ]; then
    [ "$(field "$tls/receipt.json" fingerprint)" != "$(field "$inner" fingerprint)" ] || return 0
  else
    cmp -s "$tls/$base/ca.pem" "$next/ca.pem" && return 0
    if have openssl; then
      vouches "$tls/$base/ca.pem" "$cert" && return 0
      vouches "$next/ca.pem" "$tls/$base/cert.pem" && return 0
    fi
  fi
  # Wider or narrower: then it follows, because each was whole when it was packed.
  [ -n "$old" ] || return 1
  within "$old" "$(prints_of "$next/ca.pem")" || within "$(prints_of "$next/ca.pem")" "$old"
}
if [ -n "$lost" ] || { [ -n "$base" ] && [ "$base" != "$next" ]; }; then
  # The caller judged it, and says what it let pass; here it is noted.
  if [ -n "$verified" ] || ! continues; then
    have openssl || have base64 || [ -n "$verified" ] ||
      refuse tool 'the roots of the archive are others, and neither openssl nor base64 is here to name them'
    strangers=''
    for print in $(prints_of "$next/ca.pem"); do
      within "$print" "$old" || overridden new-root "SHA256:$print" || strangers="$strangers $print"
    done
    if [ -z "$lost" ]; then
      why="another authority made it: the present trust ($base) does not accept the new leaf, and the new trust does not accept the present leaf"
    elif [ -n "$old" ]; then
      why="another authority made it: the receipt of this node names other roots ($lost, whose files are lost)"
    else
      why="another authority may have made it: the files of $lost are lost, and its receipt does not name its roots"
    fi
    [ -z "$strangers" ] || [ -n "$verified" ] ||
      refuse new-root "$why. The agents that have not changed would refuse this node. Where the store was lost, restore it; where this is right: --override new-root=SHA256:HEX --reason TEXT, with the SHA-256 of the root in the archive as nomad-pki inspect shows it where the archive was packed"
  fi
fi

if [ "$(id -u)" = 0 ]; then
  [ -z "$owner" ] || id -u "$owner" >/dev/null 2>&1 || refuse owner "there is no user $owner"
  if [ -z "$owner" ]; then
    owner=$(field manifest.json owner)
    if ! id -u "$owner" >/dev/null 2>&1; then
      say "note: there is no user '$owner' here: the files will be root's"
      owner=''
    fi
  fi
elif [ -n "$owner" ] && [ "$owner" != "$(id -un)" ]; then
  refuse owner "only root can give files to $owner"
fi

unproven=''
if [ "$here" != "$next" ]; then
  case $(pending from) in
    '' | -) ;; # nothing was there that an agent could have mixed it with
    *)
      unproven="the switch to $here at $(pending at) was never proven"
      proves="--proven says that the agent has loaded it, its own archive again with --reload has it loaded"
      [ -z "$verified" ] || proves="its own archive again with --reload and --probe proves it"
      # A switch that somebody made since we looked is judged under the lock.
      [ -n "$giveup" ] || [ "$(pending to)" != "$here" ] || refuse unproven "$unproven: $proves, --give-up goes on without"
      ;;
  esac
fi
check_place
[ -z "$stanza" ] || check_stanza
find_process

in_place() { # whether there is nothing to switch
  [ "$here" = "$next" ] && [ -z "$(pending from)" ] && whole "$tls/$next" &&
    cmp -s "$inner" "$tls/$next/manifest.json"
}
stay() { # under the lock: modes, owner, receipt and stanza, and the agent where nothing says that it has it
  mend "$tls/$next"
  spend "$tls/$next"
  [ -z "$untold" ] && [ "$(field "$tls/receipt.json" directory)" = "$next" ] || {
    changed=yes
    receipt switched
  }
  prune
  again=$mended
  # What the agent could not read, or was not told, it has not loaded.
  [ "$(field "$tls/receipt.json" state)" != switched ] || again=1
  if [ -n "$probe" ] && [ -z "$again" ]; then
    ask "$next" ''
    [ "$agent" = presents ] || again=1
  fi
  [ "$reload" != none ] || again=''
  [ -z "$stanza" ] || cmp -s tls.hcl "$stanza" || again=1
  [ -z "$again" ] || {
    finish
    end 0
  }
}
if in_place; then
  [ -n "$dry" ] || {
    begin
    stay
  }
  result=unchanged
  loaded=''
  [ -n "$machine" ] || [ "$(field "$tls/receipt.json" state)" != switched ] ||
    loaded='; nothing says that the agent has loaded it: --reload tells it'
  say "$next is in place already$loaded"
  end 0
fi
if [ -n "$dry" ]; then
  result=planned
  say "would switch $tls/current: ${here:-nothing} to $next, for $address; owner: ${owner:-$(id -un)}; reload: $reload"
  [ -z "$stanza" ] || cmp -s tls.hcl "$stanza" ||
    say "would write $stanza${restart:+; the agent takes it up at its next start, not by a reload}"
  end 0
fi

# ── forward: do ──────────────────────────────────────────────────────────────────────────────

# The agent must get through all of them.
[ -d "$tls" ] || (umask 022 && mkdir -p "$tls") || die 1 write "$tls can't be made"
begin
if [ "$(current_of)" != "$here" ]; then
  here=$(current_of)
  [ "$here" = "$next" ] || refuse locked "a different generation was installed in the meantime: ${here:-nothing} is in place"
  # Somebody installed the same archive.
  if in_place; then
    stay
    result=unchanged
    say "$next is in place already: another run installed it at the same time"
    end 0
  fi
fi

if ! whole "$tls/$next" || ! cmp -s "$inner" "$tls/$next/manifest.json"; then
  stage=$scratch/$next
  mkdir -m 0700 "$stage"
  put "$key" "$stage/key.pem" 0600
  put "$next/ca.pem" "$stage/ca.pem" 0644
  put "$cert" "$stage/cert.pem" 0644
  # The manifest says what this node has, which may be a key that nobody else has.
  put "$inner" "$stage/manifest.json" 0644
  # The agent's user owns the files and not the directory: it can't put a link where root will write.
  chmod 0755 "$stage"
  flush
  changed=yes
  if [ ! -e "$tls/$next" ]; then
    mv "$stage" "$tls/$next"
  elif [ "$here" != "$next" ]; then
    mv "$tls/$next" "$scratch/gone"
    mv "$stage" "$tls/$next"
  else
    # It is in use, and damaged: file by file, each in one rename.
    enclose "$tls/$next"
    for part in key.pem cert.pem ca.pem manifest.json; do
      mv -f "$stage/$part" "$tls/$next/$part"
    done
    rm -rf "$stage"
    printf 'from %s\nto %s\nat %s\nway on\n' - "$next" "$(now)" | write .pending 0644
  fi
fi
mend "$tls/$next"
switch "$next" on
spend "$tls/$next"
finish
outcome=0
