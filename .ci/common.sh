# Shared by the scripts in this folder; source it, do not run it.
# shellcheck shell=bash

CI_CACHE="${NOMAD_PKI_CI_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/nomad-pki-ci}"
export CI_CACHE

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# What Nomad's go.mod asks for.
GO_NEEDED=1.25.8

need_go() {
  local how="install Go $GO_NEEDED or newer and put it on PATH (it builds the judges and Nomad itself)" found
  command -v go >/dev/null 2>&1 || die "Go is missing: $how"
  found=$(cd / && go env GOVERSION | sed -n 's/^\(.* \)\{0,1\}go\([0-9.]*\).*/\2/p')
  [ -n "$found" ] || die "Go does not say its version (go env GOVERSION): $how"
  [ "$(printf '%s\n' "$GO_NEEDED" "$found" | sort -V | head -1)" = "$GO_NEEDED" ] ||
    die "Go $found is too old: $how"
}

# One builder at a time for a thing in the cache; the others wait and then find it built.
with_cache_lock() {
  local name=$1
  shift
  mkdir -p "$CI_CACHE"
  (
    flock 9
    "$@"
  ) 9>"$CI_CACHE/$name.lock"
}
