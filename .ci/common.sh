# Shared by the scripts in this folder; source it, do not run it.
# shellcheck shell=bash

CI_CACHE="${NOMAD_PKI_CI_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/nomad-pki-ci}"
export CI_CACHE

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

need_go() {
  command -v go >/dev/null 2>&1 ||
    die 'Go is missing: install Go 1.24 or newer and put it on PATH (it builds the judges and Nomad itself)'
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
