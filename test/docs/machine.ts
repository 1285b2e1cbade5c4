/**
 * The machine of a document's reader: a shell with the built command, and with programs that stand for
 * those of other machines.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { env, execPath } from 'node:process'
import { buildPackage } from '../built.js'

/** Programs of the reader's machine, as far as documents need them. */
const programs: Readonly<Record<string, string>> = {
  // A person answers the question of apply, and no agent answers a probe.
  'nomad-pki': `
    case " $* " in
      *' --yes '*) ;;
      ' apply '*) set -- "$@" --yes ;;
      ' probe '*) set -- "$@" --timeout 1s ;;
    esac
    case $1 in
      pack)
        "$NODE" "$PACKAGE/bin/nomad-pki.js" "$@" >"$HOME/.packed"
        status=$?
        cat "$HOME/.packed"
        exit $status
        ;;
      *) exec "$NODE" "$PACKAGE/bin/nomad-pki.js" "$@" ;;
    esac`,
  nomad: ':',
  sudo: 'exec "$@"',
  scp: `
    for to in "$@"; do :; done
    mkdir -p "hosts/\${to%%:*}"
    while [ $# -gt 1 ]; do cp "$1" "hosts/\${to%%:*}/\${to#*:}"; shift; done`,
  ssh: 'mkdir -p "hosts/$1" && cd "hosts/$1" && shift && exec sh -c "$*"',
}

/** A fenced block of a document. */
export interface Block {
  readonly language: string
  readonly lines: readonly string[]
}

/** The fenced blocks of a document. */
export function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].map(([, language, body]) => ({
    language: language!,
    lines: body!
      .replaceAll(/ \\\n */g, ' ')
      .trimEnd()
      .split('\n'),
  }))
}

/** What a machine can do. */
export interface Machine {
  /** A new, empty folder, whose name needs quotes. */
  folder(): string
  /** Runs lines in one shell, in a folder. @returns The exit status of each, and all that was said. */
  run(cwd: string, lines: readonly string[]): { statuses: number[]; said: string }
  /** Removes all that it made. */
  remove(): void
}

/** Builds the package and puts it on the path of a shell. */
export function startMachine(): Machine {
  const made: string[] = []
  const plains = new Map<string, string>()

  function folder(): string {
    const place = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki docs\'s "test" '))
    made.push(place)
    return place
  }

  /**
   * A way to a folder whose name needs no quotes: what `ssh` hands on is read by a second shell, as the
   * documents' own paths are meant to be.
   */
  function plain(cwd: string): string {
    if (/^[A-Za-z0-9/_.-]+$/.test(cwd)) return cwd
    let place = plains.get(cwd)
    if (place === undefined) {
      place = fs.mkdtempSync('/tmp/nomad-pki-docs-')
      made.push(place)
      plains.set(cwd, place)
      fs.symlinkSync(cwd, path.join(place, 'folder'))
    }
    return path.join(place, 'folder')
  }

  const built = buildPackage()
  const bin = folder()
  made.push(built)
  for (const [name, text] of Object.entries(programs)) {
    fs.writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    fs.chmodSync(path.join(bin, name), 0o755)
  }

  function run(cwd: string, lines: readonly string[]): { statuses: number[]; said: string } {
    const log = path.join(folder(), 'log')
    fs.writeFileSync(log, '')
    const script = lines.map(
      (line) => `FINGERPRINT=$(cut -c1-64 "$HOME/.packed" 2>&-)\n${line}\necho $? >>"$LOG"`,
    )
    const { stdout, error } = spawnSync(
      'sh',
      ['-c', ['exec 2>&1; export FINGERPRINT', ...script].join('\n')],
      {
        cwd,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: `${bin}:${env['PATH']!}`,
          HOME: cwd,
          ETC: path.join(plain(cwd), 'etc'),
          LOG: log,
          NODE: execPath,
          PACKAGE: built,
        },
      },
    )
    if (error !== undefined) throw error
    const statuses = fs.readFileSync(log, 'utf8').split('\n').slice(0, -1).map(Number)
    return { statuses, said: stdout }
  }

  return {
    folder,
    run,
    remove: () => {
      for (const place of made) fs.rmSync(place, { recursive: true, force: true })
    },
  }
}
