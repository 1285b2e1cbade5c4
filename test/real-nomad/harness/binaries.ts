/**
 * The programs the suites run: Nomad, our command, the Go tools. Nothing here is skipped when it is
 * missing: it is built, or the suite fails.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { sha256 } from '../../../src/sha256.js'
import { askedVersions } from '../../agent/values.js'

const repository: string = resolve(import.meta.dirname, '../../..')

/** The command under test, run by this very Node; `NOMAD_PKI_COMMAND` names another, such as an installed one. */
export const command: string = process.env.NOMAD_PKI_COMMAND ?? join(repository, 'bin/nomad-pki.js')

function cache(): string {
  const { NOMAD_PKI_CI_CACHE: own, XDG_CACHE_HOME: xdg } = process.env
  return own ?? join(xdg ?? join(homedir(), '.cache'), 'nomad-pki-ci')
}

let nomad: string | undefined

/**
 * The path of a real Nomad: 1.11.3, built by `.ci/nomad` on first use (minutes), or another version that
 * `NOMAD_PKI_NOMAD` names.
 */
export function nomadBinary(): string {
  nomad ??= process.env.NOMAD_PKI_NOMAD
  nomad ??= execFileSync(join(repository, '.ci/nomad'), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim()
  return nomad
}

/** Which of the versions that the tables of verdicts know it is. */
export function nomadVersion(): (typeof askedVersions)[number] {
  const said = execFileSync(nomadBinary(), ['version'], { encoding: 'utf8' })
  const found = askedVersions.find((version) => said.startsWith(`Nomad v${version}`))
  if (found === undefined) throw new Error(`test/agent/values.ts has no verdicts of ${said}`)
  return found
}

const made = new Map<string, string>()

/** The path of a program that `.ci/tools` builds or fetches on first use: the first of its lines `NAME=PATH`. */
function toolOf(name: 'zlint' | 'openbao' | 'cfssl'): string {
  let said = made.get(name)
  if (said === undefined) {
    said = execFileSync(join(repository, '.ci/tools'), [name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    made.set(name, said)
  }
  return said.split('\n')[0]!.trim().replace(`${name}=`, '')
}

/** The path of zlint. */
export function zlintBinary(): string {
  return toolOf('zlint')
}

/** The path of a real OpenBao, or of another version or a Vault that `NOMAD_PKI_OPENBAO` names. */
export function openbaoBinary(): string {
  return process.env.NOMAD_PKI_OPENBAO ?? toolOf('openbao')
}

/** The folder of cfssl and cfssljson. */
export function cfsslFolder(): string {
  return dirname(toolOf('cfssl'))
}

const tools = new Map<string, string>()

/** The path of one of our own Go programs under `test/judges/go`, built now. */
export function goTool(name: 'agent' | 'crl' | 'mint' | 'requests' | 'verify'): string {
  let path = tools.get(name)
  if (path === undefined) {
    const folder = join(cache(), 'go-tools')
    mkdirSync(folder, { recursive: true })
    const built = join(folder, `${name}.${process.pid}`)
    execFileSync('go', ['build', '-trimpath', '-o', built, `./${name}`], {
      cwd: join(repository, 'test/judges/go'),
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    // Named by what it is: another process, or another checkout, runs its own.
    path = join(folder, `${name}-${sha256(readFileSync(built)).slice(0, 16)}`)
    renameSync(built, path)
    tools.set(name, path)
  }
  return path
}
