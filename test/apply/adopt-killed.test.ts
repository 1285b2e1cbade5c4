/**
 * An adoption, dead at each of its calls that does something: the next one always finishes, the store is
 * whole, and the folder that it reads stays as it is.
 */

import { createPrivateKey, sign } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { env } from 'node:process'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepare } from '../../src/authority/prepare.js'
import { planAdoption, type Adoption } from '../../src/adoption/adopt.js'
import { bitString, objectIdentifier, sequence } from '../../src/der/write.js'
import { materialsIn } from '../../src/adoption/materials.js'
import { missingOf, putAdopted } from '../../src/apply/put-adopted.js'
import { identitiesIn } from '../../src/cli/adopted-before.js'
import { beginStore } from '../../src/cli/begin-store.js'
import { newSpec } from '../../src/cluster/new-spec.js'
import { editAuthorities } from '../../src/cluster/edit-authority.js'
import { desire } from '../../src/cluster/desire.js'
import { parseSpec } from '../../src/cluster/parse.js'
import type { ClusterSpec } from '../../src/cluster/spec.js'
import { nodeFiles, type Files } from '../../src/files/files.js'
import { walkFiles } from '../../src/files/walk.js'
import { isBegun } from '../../src/inventory/begun.js'
import type { Inventory } from '../../src/inventory/inventory.js'
import { readInventory } from '../../src/inventory/read.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey, parsePrivateKey } from '../../src/keys/private-key.js'
import { makePlan } from '../../src/plan/make-plan.js'
import { directoryStore } from '../../src/store/directory-store.js'
import { memoryConfigs } from '../../src/store/memory-configs.js'
import {
  fingerprintOf,
  fingerprintText,
  parseCertificate,
  type Certificate,
} from '../../src/x509/certificate.js'
import { encodeCertificate, parseCertificates } from '../../src/x509/certificates.js'
import { fixture, stateOf } from '../adoption/folders.js'
import { hastyFiles, mortal } from '../store/calls.js'
import { copyFolder } from '../copy-folder.js'

const everything = env.NOMAD_PKI_KILL_POINTS === 'all'
const now = Date.now()
const source = fixture('nomad-tls')
const configs = memoryConfigs()
const made: string[] = []
afterAll(() => {
  for (const one of made) rmSync(one, { recursive: true, force: true })
})

function place(): string {
  const at = mkdtempSync(path.join(tmpdir(), 'nomad-pki adopt killed '))
  made.push(at)
  return path.join(at, 'pki')
}

let files: Parameters<typeof planAdoption>[0]['files'] = []
let spec: ClusterSpec
let specText = ''
let before: Readonly<Record<string, string>>
beforeAll(async () => {
  before = stateOf(source)
  const walked = await walkFiles(nodeFiles, source)
  files = walked.flatMap((one) =>
    'bytes' in one ? [{ file: one.path, materials: materialsIn(one.path, one.bytes) }] : [],
  )
  const template = readFileSync(new URL('../../templates/cluster.yaml', import.meta.url), 'utf8')
  const { text } = newSpec({ cluster: 'acme', ...planAdoption({ files, now }).spec }, template)
  spec = parseSpec(text).spec!
  specText = text
})

type Found = Parameters<typeof planAdoption>[0]['files']

const renewedAddress = 'identity/server/global/s1'

/** The addresses of current certificates, as the command hands them over. */
function knownOf(
  identities: ReturnType<typeof identitiesIn>,
  authorities: ReturnType<typeof authoritiesOf>,
): ReadonlyMap<string, string> {
  return new Map([
    ...identities.map(({ address, leaf }) => [fingerprintOf(leaf), address] as const),
    ...authorities.map((one) => [fingerprintOf(one.certificate), one.address] as const),
  ])
}

function authoritiesOf({
  authorities,
}: Inventory): readonly { readonly address: string; readonly certificate: Certificate }[] {
  return [...authorities.values()].flatMap(({ address, certificate }) =>
    certificate === undefined ? [] : [{ address, certificate }],
  )
}

/** What the command does with the store as it is. */
async function planned(
  at: string,
  calls: Files,
  from: Found,
  { authorities: specified }: ClusterSpec = spec,
): Promise<Adoption> {
  const store = directoryStore(at, { files: calls, git: 'ignore' })
  if (!(await isBegun(store))) return planAdoption({ files: from, now })
  const inventory = await readInventory({ store, configs }, { configs: [] })
  const identities = identitiesIn(inventory)
  const authorities = authoritiesOf(inventory)
  const known = knownOf(identities, authorities)
  return planAdoption({ files: from, identities, authorities, specified, known, now })
}

/** What the command does after it has read the folder. */
async function adopt(
  at: string,
  calls: Files,
  from: Found = files,
  by: ClusterSpec = spec,
): Promise<void> {
  const store = directoryStore(at, { files: calls, git: 'ignore' })
  const { authorities, identities } = await planned(at, calls, from, by)
  if (!(await isBegun(store))) await beginStore(store, 'acme', now)
  await putAdopted({ spec: by, authorities, identities }, { store, configs, clock: () => now })
}

async function killed(
  at: string,
  dieAt: number,
  from: Found = files,
  by: ClusterSpec = spec,
): Promise<number> {
  const { files: dying, calls } = mortal(dieAt, true)
  await adopt(at, dying, from, by).catch((error: unknown) => {
    if (calls() < dieAt) throw error
  })
  await hastyFiles.removeTree(path.join(at, '.lock'))
  return calls()
}

async function expectWhole(
  at: string,
  from: Found = files,
  by: ClusterSpec = spec,
  renewals: readonly string[] = [],
): Promise<void> {
  const store = directoryStore(at, { files: hastyFiles, git: 'ignore' })
  const inventory = await readInventory({ store, configs }, { configs: [] })
  expect(inventory.findings).toEqual([])
  expect(makePlan(desire(by), inventory, { now }).plan.steps).toEqual([])
  const { authorities, identities } = await planned(at, hastyFiles, from, by)
  const missing = missingOf({ authorities, identities }, inventory)
  expect([missing.authorities, missing.keys, missing.identities]).toEqual([[], [], []])
  for (const { address, generation } of [...authorities, ...identities]) {
    const lines = inventory.ledger.events.filter(
      (one) => one.address === address && (one.event === 'adopted' || one.event === 'authority'),
    )
    const expected = renewals.includes(address) ? 2 : 1
    expect([address, generation, lines.length]).toEqual([address, generation, expected])
  }
  expect(readdirSync(at).filter((name) => name.startsWith('.'))).toEqual([])
  expect(stateOf(source)).toEqual(before)
}

/**
 * Adopts what came after a first adoption, dies at its calls, and goes on: it always comes to the same end.
 *
 * @param endOf What of a store has to be the same.
 * @returns A store that was adopted without a death.
 */
async function killedAgain(
  what: string,
  from: Found,
  endOf: (at: string) => unknown,
  {
    by = spec,
    renewals = [renewedAddress],
  }: { readonly by?: ClusterSpec; readonly renewals?: readonly string[] } = {},
): Promise<string> {
  const first = place()
  await adopt(first, hastyFiles)
  const copy = (): string => {
    const at = place()
    copyFolder(first, at)
    return at
  }
  const whole = copy()
  const total = await killed(whole, Number.POSITIVE_INFINITY, from, by)
  await expectWhole(whole, from, by, renewals)
  for (let dieAt = 1; dieAt <= total; dieAt += everything ? 1 : 5) {
    const at = copy()
    await killed(at, dieAt, from, by)
    await adopt(at, hastyFiles, from, by)
    await expectWhole(at, from, by, renewals)
    expect([dieAt, endOf(at)]).toEqual([dieAt, endOf(whole)])
  }
  console.log(`kill points of ${what}: ${total}`)
  return whole
}

test('a killed adoption is finished by the next one, wherever it died', async () => {
  const whole = place()
  const total = await killed(whole, Number.POSITIVE_INFINITY)
  await expectWhole(whole)
  expect(total).toBeGreaterThan(50)
  let points = 0
  for (let dieAt = 1; dieAt <= total; dieAt += everything ? 1 : 4) {
    const at = place()
    await killed(at, dieAt)
    await adopt(at, hastyFiles)
    await expectWhole(at)
    points += 1
  }
  console.log(`kill points of an adoption: ${points} of ${total}`)
}, 600_000)

test('a renewal by the old tool, killed anywhere, is the second generation once', async () => {
  const text = (name: string): string => readFileSync(path.join(source, name), 'utf8')
  const [certificate] = parseCertificates(text('nomad-agent-ca.pem'))
  const issuer = heldIssuer({
    certificate: certificate!,
    key: parsePrivateKey(text('nomad-agent-ca-key.pem')),
    name: 'a',
  })
  const key = generateKeySync('ecdsa-p256')
  const asked = { role: 'server', region: 'global', publicKey: key.publicKey } as const
  const terms = { lifetime: 36_400 * 86_400_000, names: ['s1.acme.test'], ips: ['10.0.0.11'] }
  const leaf = await issue(prepare({ ...asked, ...terms, uris: [] }, issuer, { now }))
  const pem = encodeCertificate(leaf.certificate) + encodePrivateKey(key)
  const renewed = [
    ...files,
    { file: 'new.pem', materials: materialsIn('new.pem', Buffer.from(pem)) },
  ]

  const currentOf = (at: string): string => readlinkSync(path.join(at, renewedAddress, 'current'))
  const whole = await killedAgain('a renewal that is adopted', renewed, currentOf)
  expect(currentOf(whole)).toMatch(/^2-/)
}, 600_000)

test('a root that the old tool renewed with its key, killed anywhere, is the second generation once', async () => {
  const text = (name: string): string => readFileSync(path.join(source, name), 'utf8')
  const [old] = parseCertificates(text('nomad-agent-ca.pem'))
  const key = parsePrivateKey(text('nomad-agent-ca-key.pem'))
  // The same name, key and extensions, and a later end; as tools do it that renew an authority.
  const tbs = Buffer.from(old!.tbs)
  const end = tbs.indexOf('2126')
  expect(end).toBeGreaterThan(0)
  tbs.write('2127', end)
  const signed = sign('sha256', tbs, createPrivateKey(encodePrivateKey(key)))
  // ecdsa-with-SHA256, RFC 5758 section 3.2.
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
  const certificate = parseCertificate(sequence(tbs, algorithm, bitString(signed)))
  const renewed = [
    ...files,
    {
      file: 'renewed.pem',
      materials: materialsIn('renewed.pem', Buffer.from(encodeCertificate(certificate))),
    },
  ]
  // The command writes the spec first.
  const { text: edited, diagnostics } = editAuthorities(specText, [
    {
      name: 'agent',
      signing: 2,
      trusted: [1, 2],
      rollout: 'ride-along',
      pins: { 2: fingerprintText(certificate) },
    },
  ])
  expect(diagnostics).toEqual([])
  const by = parseSpec(edited).spec!
  const rootsOf = (at: string): readonly string[] =>
    [1, 2].map((generation) =>
      readFileSync(path.join(at, `authority/agent/${generation}/ca.pem`), 'utf8'),
    )
  const whole = await killedAgain('a renewed root that is adopted', renewed, rootsOf, {
    by,
    renewals: [],
  })
  expect(rootsOf(whole)).toEqual([old!, certificate].map(encodeCertificate))
}, 600_000)
