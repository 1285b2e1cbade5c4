/**
 * A cluster below an authority in Vault or OpenBao: its spec, and its commands as a person with a token runs them; for
 * an engine in this process and for a real one.
 *
 * @module
 */

import fs from 'node:fs'
import path from 'node:path'
import { expect } from 'vitest'
import type { Certificate } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { cli, type Said } from '../cli/cli.js'

/** How the spec differs from the usual one: a root in a file, and one intermediate in the engine. */
export interface EngineSpec {
  /** Further fields of `vault`; without the section if `none`. */
  readonly vault?: string
  /** Fields of the root. */
  readonly agent?: string
  /** The name of the intermediate and of its region. */
  readonly name?: string
  /** Fields of the intermediate; `none` if the root itself signs for the region. */
  readonly below?: string
  /** Fields of the region; default one server and one client, without names. */
  readonly region?: Readonly<Record<string, string>>
  /** Further sections, each with its end of line. */
  readonly more?: string
}

/** The key of the intermediate is in this mount, where nothing else is said. */
export const inEngine = 'engine: { mount: pki/nomad }'

/** `domains`, and a server with a name and an address in them. */
export const namedServer = {
  domains: '[acme.internal]',
  servers: '{ s1: { names: [s1.acme.internal], ips: [10.0.0.1] } }',
}

/** The spec as text. */
export function engineSpec(
  { origin }: { readonly origin: string },
  {
    vault = '',
    agent = '',
    name = 'us-west',
    below = inEngine,
    region,
    more = '',
  }: EngineSpec = {},
): string {
  const isBelow = below !== 'none'
  const fields = { servers: '{ s1: {} }', clients: '{ c1: {} }', ...region }
  return [
    'version: 1',
    'cluster: acme',
    ...(vault === 'none' ? [] : [`vault: { address: "${origin}"${vault} }`]),
    'authorities:',
    `  agent: {${agent === '' ? '' : ` ${agent} `}}`,
    ...(isBelow ? [`  ${name}: { issuer: agent, ${below} }`] : []),
    'regions:',
    `  ${name}:`,
    `    authority: ${isBelow ? name : 'agent'}`,
    ...Object.entries(fields).map(([field, value]) => `    ${field}: ${value}`),
    more,
  ].join('\n')
}

/** Where an engine is; a real one has a file with its root. */
export interface EnginePlace {
  readonly origin: string
  readonly ca?: string
}

/** What the environment says of an engine. */
export function engineEnv({ origin, ca }: EnginePlace, token = 'root'): Record<string, string> {
  return { BAO_ADDR: origin, BAO_TOKEN: token, ...(ca !== undefined && { BAO_CACERT: ca }) }
}

/** Runs a command in a folder. A real engine has the real time. */
export function withToken(
  engine: EnginePlace,
  place: string,
  line: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Said> {
  return cli(place, line.split(' '), {
    env: { ...engineEnv(engine), ...env },
    ...(engine.ca !== undefined && { now: Date.now() }),
  })
}

/** What a command said, which has to exit 0. */
export async function good(run: Promise<Said>, line: string): Promise<Said> {
  const said = await run
  expect(said.status, `${line}\n${said.stdout}${said.stderr}`).toBe(0)
  return said
}

/** From a spec to leaves. */
export async function fromNothing(
  engine: EnginePlace,
  place: string,
  name = 'us-west',
): Promise<void> {
  const run = (line: string): Promise<Said> => withToken(engine, place, line)
  await good(run('init --new-store'), 'init')
  // The root alone: the intermediate waits for its set-up.
  await run('apply --yes')
  for (const line of [`authority setup ${name}`, 'apply --yes']) await good(run(line), line)
}

/** The ledger as text. */
export function ledgerIn(place: string): string {
  return fs.readFileSync(path.join(place, 'pki/ledger.jsonl'), 'utf8')
}

/** The certificates in a file of the store. */
export function certificatesIn(place: string, file: string): readonly Certificate[] {
  return parseCertificates(fs.readFileSync(path.join(place, 'pki', file), 'utf8'))
}

/** The certificate of an identity that is in use, `client/us-west/c1`. */
export function leafIn(place: string, identity: string): Certificate {
  return certificatesIn(place, `identity/${identity}/current/cert.pem`)[0]!
}

/** Copies the root's certificate alone into a folder `root`, as an agent has it. */
export function copyRoot(from: string, to: string): string {
  fs.mkdirSync(path.join(to, 'root'))
  fs.copyFileSync(path.join(from, 'pki/authority/agent/1/ca.pem'), path.join(to, 'root/ca.pem'))
  return 'root'
}
