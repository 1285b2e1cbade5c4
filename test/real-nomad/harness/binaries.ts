/**
 * The programs the suites run: Nomad, our command, the Go tools. Nothing here is skipped when it is
 * missing: it is built, or the suite fails.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
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

let zlint: string | undefined

/** The path of zlint, built by `.ci/tools` on first use. */
export function zlintBinary(): string {
  zlint ??= execFileSync(join(repository, '.ci/tools'), ['zlint'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
    .trim()
    .replace(/^zlint=/, '')
  return zlint
}

let openbao: string | undefined

/** The path of a real OpenBao, fetched by `.ci/tools` on first use. */
export function openbaoBinary(): string {
  openbao ??= execFileSync(join(repository, '.ci/tools'), ['openbao'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
    .trim()
    .replace(/^openbao=/, '')
  return openbao
}

let cfssl: string | undefined

/** The folder of cfssl and cfssljson, built by `.ci/tools` on first use. */
export function cfsslFolder(): string {
  cfssl ??= execFileSync(join(repository, '.ci/tools'), ['cfssl'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return dirname(cfssl.split('\n')[0]!.replace(/^cfssl=/, ''))
}

const tools = new Map<string, string>()

/** The path of one of our own Go programs under `test/judges/go`, built now. */
export function goTool(name: 'agent' | 'crl' | 'mint' | 'requests' | 'verify'): string {
  let path = tools.get(name)
  if (path === undefined) {
    const folder = join(cache(), `go-tools-${process.pid}`)
    mkdirSync(folder, { recursive: true })
    path = join(folder, name)
    execFileSync('go', ['build', '-o', path, `./${name}`], {
      cwd: join(repository, 'test/judges/go'),
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    tools.set(name, path)
  }
  return path
}
