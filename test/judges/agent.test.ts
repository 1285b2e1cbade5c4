/**
 * The library's verdicts beside Go's: what an agent makes of a presented chain and of its own files, and
 * what zlint makes of the lint rules' vectors. Thousands of cases where real agents can only do hundreds.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { generateKeySync } from '../../src/keys/generate.js'
import { pemEncode } from '../../src/keys/pem.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { lint } from '../../src/lint/lint.js'
import { judgeConnection, type AgentFacts } from '../../src/nomad/judge.js'
import { loadFaults } from '../../src/nomad/load-fault.js'
import { scanPem } from '../../src/keys/pem-scan.js'
import { parseCertificate, type Certificate } from '../../src/x509/certificate.js'
import { parseCertificates } from '../../src/x509/certificates.js'
import { agent, build, commonName, intermediate, root, san } from '../lint/draft.js'
import { goTool, zlintBinary } from '../real-nomad/harness/binaries.js'
import { picker, randomFrom } from '../real-nomad/harness/identities.js'
import { runOk } from '../real-nomad/harness/run.js'
import { caFiles, certificates, pairs } from '../nomad/go-variants.js'
import { damage, hostileCase, now, type HostileCase } from './hostile.js'

const cases = Number(process.env.NOMAD_PKI_HOSTILE ?? 6000)
const seed = Number(process.env.NOMAD_PKI_SEED ?? 20_261_125)

interface Answer {
  readonly Refused: string
  readonly Pool: number
  readonly Blocks: number
  readonly Pair: string
}

async function ask(questions: readonly unknown[]): Promise<readonly Answer[]> {
  const input = questions.map((question) => `${JSON.stringify(question)}\n`).join('')
  const output = await runOk(goTool('agent'), [], { input, timeout: 240_000 })
  const answers = output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer)
  expect(answers).toHaveLength(questions.length)
  return answers
}

const base64 = (der: Uint8Array): string => Buffer.from(der).toString('base64')

function questionOf({ chain, trust, side, protocol, region }: HostileCase): unknown {
  const label = protocol === 'node-api' ? 'client' : 'server'
  return {
    Chain: chain.map(base64),
    Trust: trust.map(base64),
    Usage: side === 'listener' ? 'serverAuth' : 'clientAuth',
    Host: side === 'listener' ? `${label}.${region}.nomad` : '',
    Protocol: protocol,
    Region: region,
    Now: now,
  }
}

/** Why the library refuses; empty if it accepts. */
function libraryOn({ chain, trust, side, protocol, region }: HostileCase): string {
  const read = (list: readonly Uint8Array[]): readonly Certificate[] => list.map(parseCertificate)
  let presented: readonly Certificate[]
  let anchors: readonly Certificate[]
  try {
    presented = read(chain)
    anchors = read(trust)
  } catch (error) {
    return `cannot be read: ${String(error)}`
  }
  // The other end is beyond doubt, so that all that is refused is the chain in question.
  const sound = agent('server', 'global', {
    subject: commonName(`server.${region}.nomad`),
    extensions: { subjectAltName: san([`server.${region}.nomad`, `client.${region}.nomad`]) },
  })
  const end = (facts: Pick<AgentFacts, 'chain' | 'trust'>): AgentFacts => ({
    ...facts,
    region,
    // A person's tool: agents' own refusal of Ed25519 is not Go's.
    role: 'operator',
    verifyServerHostname: true,
  })
  const other = end({ chain: read([build(sound)]), trust: anchors })
  const one = end({ chain: presented, trust: read([build(root())]) })
  const [dialer, listener] = side === 'dialer' ? [one, other] : [other, one]
  const verdict = judgeConnection(dialer, listener, { protocol, targetRegion: region, now })
  if (!verdict.ok && verdict.side !== side) throw new Error(`the sound end: ${verdict.message}`)
  return verdict.ok ? '' : `${verdict.check}: ${verdict.message}`
}

test(`Go and Nomad's rules say what the library says of ${cases} hostile chains`, async () => {
  const pick = picker(randomFrom(seed))
  const all = Array.from({ length: cases }, () => hostileCase(pick))
  const answers = await ask(all.map(questionOf))
  const apart: string[] = []
  for (const [index, one] of all.entries()) {
    const library = libraryOn(one)
    const go = answers[index]!.Refused
    if ((go === '') !== (library === '')) {
      apart.push(`${index} (${one.side}, ${one.protocol})\n  Go: ${go}\n  library: ${library}`)
    }
  }
  const accepted = answers.filter(({ Refused }) => Refused === '').length
  console.log(
    `hostile chains: ${cases}, accepted by Go ${accepted}, seed ${seed}, apart ${apart.length}`,
  )
  expect(accepted).toBeGreaterThan(cases / 10)
  expect(apart.slice(0, 20)).toEqual([])
})

test('the table of what Go parses and loads is what Go says', async () => {
  const keyed = pairs()
  const bundles = caFiles()
  const answers = await ask([
    ...certificates.map(({ draft }) => ({ Chain: [base64(build(draft))], Now: now })),
    ...keyed.map(({ cert, key }) => ({ Files: true, Cert: cert, Key: key })),
    // JSON is UTF-8: the byte order mark, written as Latin-1 above, becomes other bytes before BEGIN.
    ...bundles.map(({ ca }) => ({ Files: true, Ca: ca })),
  ])
  const apart = [
    ...certificates.flatMap(({ name, parses }, index) => {
      const { Refused } = answers[index]!
      return Refused.startsWith('parse: ') === parses ? [`${name}: ${Refused}`] : []
    }),
    ...keyed.flatMap(({ name, loads }, index) => {
      const { Pair } = answers[certificates.length + index]!
      return (Pair === '') === loads ? [] : [`${name}: ${Pair}`]
    }),
    ...bundles.flatMap(({ name, blocks, pool }, index) => {
      const { Blocks, Pool } = answers[certificates.length + keyed.length + index]!
      return Blocks === blocks && Pool === pool
        ? []
        : [`${name}: ${Blocks} blocks, ${Pool} trusted`]
    }),
  ]
  expect(apart).toEqual([])
})

test('an agent loads, refuses and drops what the library says it does', async () => {
  const pick = picker(randomFrom(seed + 1))
  const pem = (der: Uint8Array): string => pemEncode('CERTIFICATE', der)
  const held = generateKeySync('ecdsa-p256')
  const key = encodePrivateKey(held)
  const leaf = pem(build(agent('server', 'us-west', { spki: held.publicKey.spki })))
  const [middle, one, two] = [intermediate(), root(), root({ subject: commonName('two') })].map(
    (draft) => pem(build(draft)),
  )
  const all = Array.from({ length: 3000 }, () => {
    const files = {
      ca: pick.one([one!, one! + two!, key + one!, two! + one! + middle!]),
      cert: pick.one([leaf, leaf + middle!, leaf + middle! + one!, middle! + leaf, leaf + key]),
      key: pick.one([key, leaf + key]),
    }
    // The key's own bytes stay whole: Go recomputes a public key that we read.
    for (let more = true; more; more = pick.chance(0.4)) {
      const file = pick.one(['ca', 'cert'] as const)
      files[file] = damage(files[file], pick)
    }
    return files
  })
  const answers = await ask(
    all.map(({ ca, cert, key: text }) => ({ Files: true, Ca: ca, Cert: cert, Key: text })),
  )
  const apart: string[] = []
  for (const [index, files] of all.entries()) {
    const { Pool, Blocks, Pair } = answers[index]!
    // Two refusals are Nomad's, not Go's: the expiry metric's of a first block that is not a certificate.
    const refused = loadFaults(files).filter(
      ({ effect, message }) => effect === 'refused' && !message.includes('1.11.3'),
    )
    const ca = refused.some(({ file }) => file === 'ca')
    const pair = refused.some(({ file }) => file !== 'ca')
    const blocks = scanPem(files.ca).blocks.length
    if (ca !== (Pool === 0) || pair !== (Pair !== '') || blocks !== Blocks) {
      apart.push(
        `${index}: ${JSON.stringify(answers[index])}\n${JSON.stringify(refused)} ${blocks}`,
      )
    }
  }
  expect(answers.filter(({ Pair }) => Pair !== '').length).toBeGreaterThan(300)
  expect(answers.filter(({ Pool, Blocks }) => Pool < Blocks).length).toBeGreaterThan(300)
  expect(apart.slice(0, 10)).toEqual([])
})

test('what zlint calls an error in a vector of the lint rules, our linter calls one, too', async () => {
  const folder = fileURLToPath(new URL('../vectors/lint/', import.meta.url))
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.pem'))
    // What zlint can't even parse: points that are on no curve, strings with forbidden characters.
    .filter(
      (name) =>
        !/parsable|p521|p224|secp256k1|compressed|explicit|name-printable\/bad|agent-key\/good|ed25519-authority\/good/.test(
          name,
        ),
    )
    .sort()
  const output = await runOk(zlintBinary(), [
    '-excludeSources',
    'CABF_BR,CABF_EV,CABF_SMIME_BR,ETSI_ESI,Mozilla,Apple',
    ...files.map((name) => join(folder, name)),
  ])
  const reports = output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, { result: string }>)
  expect(reports).toHaveLength(files.length)
  const missed: string[] = []
  let errors = 0
  for (const [index, name] of files.entries()) {
    const found = Object.entries(reports[index]!)
      // The vectors' RSA keys are no products of primes.
      .filter(
        ([rule, { result }]) => /error|fatal/.test(result) && rule !== 'e_rsa_fermat_factorization',
      )
      .map(([rule]) => rule)
    if (found.length === 0) continue
    errors += 1
    const [certificate] = parseCertificates(readFileSync(join(folder, name), 'utf8'))
    const ours = lint(certificate!).filter(({ severity }) => severity === 'error')
    if (ours.length === 0 || name.endsWith('good.pem')) missed.push(`${name}: ${found.join(', ')}`)
  }
  expect(errors).toBeGreaterThan(40)
  expect(missed).toEqual([])
})
