/**
 * Files that a stranger sends: PKCS#12, private keys in each form, revocation lists, each damaged in some places.
 * Nothing but a NomadPkiError comes of them; none costs more than 100 ms beside the derivation of its key, which has
 * its own limit, and none takes more than 300 MB.
 */

import * as crypto from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { cpuUsage, env, resourceUsage } from 'node:process'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { element, sequence } from '../../src/der/write.js'
import { isNomadPkiError } from '../../src/errors.js'
import { pemBlocks } from '../../src/keys/pem.js'
import { parsePrivateKey, publicHalfOf, writtenHalfOf } from '../../src/keys/private-key.js'
import { isEncryptedKey, unlockKey, unlockRounds } from '../../src/keys/unlock-key.js'
import { parseCrl } from '../../src/x509/crl.js'
import type * as pkcs12Key from '../../src/x509/pkcs12-key.js'
import { readPkcs12 } from '../../src/x509/pkcs12.js'
import { seed } from '../seed.js'

/** How many of each kind; 10,000 and more in `.ci/deep`. */
const count = Number(env['NOMAD_PKI_DAMAGED'] ?? '200')
const limit = 100_000

/** Microseconds that deriving keys took: that has limits of its own, and its cost is the file's wish. */
let derived = 0
function timed<Args extends readonly unknown[], Result>(
  run: (...args: Args) => Result,
): (...args: Args) => Result {
  return (...args) => {
    const before = spent()
    try {
      return run(...args)
    } finally {
      derived += spent() - before
    }
  }
}
function spent(): number {
  const { user, system } = cpuUsage()
  return user + system
}

const isLocked = (key: object | string): boolean =>
  typeof key === 'object' && 'passphrase' in key && key.passphrase !== undefined

vi.mock('node:crypto', async (original) => {
  const real = await original<typeof crypto>()
  return {
    ...real,
    pbkdf2Sync: (...args: Parameters<typeof real.pbkdf2Sync>) => timed(real.pbkdf2Sync)(...args),
    scryptSync: (...args: Parameters<typeof real.scryptSync>) => timed(real.scryptSync)(...args),
    // With a passphrase it derives a key, too: PKCS#12's own, in a PKCS#8.
    createPrivateKey: (...args: Parameters<typeof real.createPrivateKey>) =>
      isLocked(args[0]) ? timed(real.createPrivateKey)(...args) : real.createPrivateKey(...args),
  }
})
vi.mock('../../src/x509/pkcs12-key.js', async (original) => {
  const real = await original<typeof pkcs12Key>()
  return { ...real, derivePkcs12: timed(real.derivePkcs12) }
})

/** The same numbers for the same seed: mulberry32. */
function chance(from: number): (below: number) => number {
  let state = from >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const telling = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x84, 0xa0, 0xff,
]

/** An element of DER; what is in it, where that can be read as elements. */
interface Node {
  tag: number
  content: Buffer
  inside?: Node[] | undefined
}

function nodesIn(bytes: Buffer, depth = 0): Node[] | undefined {
  const found: Node[] = []
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at]!
    const first = bytes[at + 1] ?? 0xff
    const digits = first < 0x80 ? 0 : first & 0x7f
    if (digits > 4 || first === 0x80 || at + 2 + digits > bytes.length) return undefined
    const length = digits === 0 ? first : bytes.readUIntBE(at + 2, digits)
    const from = at + 2 + digits
    if (from + length > bytes.length) return undefined
    const content = bytes.subarray(from, from + length)
    const holds = (tag & 0x20) !== 0 || tag === 0x04
    const inside = holds && depth < 12 && length > 0 ? nodesIn(content, depth + 1) : undefined
    found.push({ tag, content, ...(inside !== undefined && { inside }) })
    at = from + length
  }
  return found
}

function written({ tag, content, inside }: Node): Buffer {
  return Buffer.from(
    element(tag, inside === undefined ? content : Buffer.concat(inside.map(written))),
  )
}

function withAll(
  nodes: readonly Node[],
): readonly { readonly among: Node[]; readonly at: number }[] {
  return nodes.flatMap((node, at) => [
    { among: nodes as Node[], at },
    ...(node.inside === undefined ? [] : withAll(node.inside)),
  ])
}

/** Damages a file in one to three of its elements; all lengths are right. */
function reshaped(
  bytes: Uint8Array,
  all: readonly Uint8Array[],
  pick: (below: number) => number,
): Buffer | undefined {
  const top = nodesIn(Buffer.from(bytes))
  if (top === undefined) return undefined
  for (let times = 1 + pick(3); times > 0; times -= 1) {
    const places = withAll(top)
    if (places.length === 0) break
    const { among, at } = places[pick(places.length)]!
    const node = among[at]!
    const flat = (content: Buffer): void => {
      among[at] = { tag: node.tag, content }
    }
    switch (pick(9)) {
      case 0:
      case 1: {
        const content = written(node).subarray(-Math.max(node.content.length, 1))
        content[pick(content.length)]! ^= 1 << pick(8)
        flat(content)
        break
      }
      case 2:
        among.splice(at, 1)
        break
      case 3:
        among.splice(at, 0, ...Array.from({ length: 1 + pick(20) }, () => node))
        break
      case 4: {
        const others = withAll(nodesIn(Buffer.from(all[pick(all.length)]!)) ?? [])
        const other = others[pick(Math.max(others.length, 1))]
        if (other !== undefined) among[at] = structuredClone(other.among[other.at]!)
        break
      }
      case 5:
        node.tag = pick(2) === 0 ? telling[pick(telling.length)]! : node.tag ^ (1 << pick(8))
        break
      case 6:
        flat(Buffer.alloc([0, 1, 4, 8, 200, 5_000][pick(6)]!, telling[pick(telling.length)]))
        break
      case 7: {
        let deep = written(node)
        for (let levels = [1, 5, 60, 300][pick(4)]!; levels > 0; levels -= 1) {
          deep = Buffer.from(element([0x30, 0x24, 0xa0][pick(3)]!, deep))
        }
        among.splice(at, 1, ...(nodesIn(deep, 12) ?? []))
        break
      }
      default: {
        const numbers = places.filter((one) => one.among[one.at]!.tag === 2)
        const one = numbers[pick(Math.max(numbers.length, 1))]
        // As often as this a hash is to run, or as large as this a number is.
        const value = [0, 1, 255, 65_536, 400_000, 5_000_001, 0x7fff_ffff, 2 ** 40][pick(8)]!
        if (one !== undefined) {
          const digits = value.toString(16)
          const content = Buffer.from(
            digits.padStart(digits.length + (digits.length % 2), '0'),
            'hex',
          )
          one.among[one.at] = { tag: 2, content }
        }
      }
    }
  }
  return Buffer.concat(top.map(written))
}

/** Damages a file in one to four places. */
function damaged(
  bytes: Uint8Array,
  all: readonly Uint8Array[],
  pick: (below: number) => number,
): Buffer {
  let out: Buffer = Buffer.from(bytes)
  for (let times = 1 + pick(4); times > 0; times -= 1) {
    const at = pick(Math.max(out.length, 1))
    const until = Math.min(out.length, at + 1 + pick(16))
    const [head, tail] = [out.subarray(0, at), out.subarray(at)]
    switch (pick(10)) {
      case 0:
        out[at] = (out[at] ?? 0) ^ (1 << pick(8))
        break
      case 1:
        out[at] = telling[pick(telling.length)]!
        break
      case 2:
        out = Buffer.from(head)
        break
      case 3:
        out = Buffer.concat([head, out.subarray(until)])
        break
      case 4:
        out = Buffer.concat([out.subarray(0, until), tail])
        break
      case 5:
        // A length of four octets, which says far too much.
        out = Buffer.concat([head, Buffer.of(0x84, 0x7f, 0xff, 0xff, 0xff), out.subarray(at + 1)])
        break
      case 6:
        // An integer that says how often, or how large.
        out = Buffer.concat([head, Buffer.of(0x02, 0x04, 0x7f, pick(256), 0xff, 0xff), tail])
        break
      case 7: {
        const other = all[pick(all.length)]!
        const from = pick(other.length)
        out = Buffer.concat([head, other.subarray(from, from + 1 + pick(200)), out.subarray(until)])
        break
      }
      case 8:
        // Deep nesting, of definite and of indefinite length.
        out = Buffer.concat([head, Buffer.alloc(2 + 2 * pick(2_000), Buffer.of(0x30, 0x80)), tail])
        break
      default:
        out = Buffer.concat([out, out.subarray(at, until)])
    }
  }
  return out
}

/** Microseconds of this process's own time: other runs share these processors. */
async function costOf(bytes: Uint8Array, read: Read): Promise<number> {
  derived = 0
  const before = spent()
  await reads(bytes, read)
  return spent() - before - derived
}

type Read = (bytes: Uint8Array) => unknown

async function reads(bytes: Uint8Array, read: Read): Promise<void> {
  try {
    await read(bytes)
  } catch (error) {
    if (isNomadPkiError(error)) return
    throw new Error(`not a NomadPkiError of ${Buffer.from(bytes).toString('base64')}`, {
      cause: error,
    })
  }
}

async function survives(files: readonly Uint8Array[], read: Read, salt: number): Promise<void> {
  const pick = chance(seed + salt)
  for (const file of files) await read(file)
  for (let done = 0; done < count; done += 1) {
    const file = files[done % files.length]!
    const bytes =
      (pick(3) > 0 ? reshaped(file, files, pick) : undefined) ?? damaged(file, files, pick)
    let cost = await costOf(bytes, read)
    // What else the process does, collecting garbage, is not its cost.
    for (let again = 0; again < 2 && cost >= limit; again += 1) {
      cost = Math.min(cost, await costOf(bytes, read))
    }
    if (cost >= limit) expect.fail(`${cost / 1000} ms for ${bytes.toString('base64')}`)
  }
}

const vector = (name: string): Buffer =>
  readFileSync(new URL(`../vectors/${name}`, import.meta.url))
let peak = 0
beforeAll(() => {
  peak = resourceUsage().maxRSS
})
afterAll(() => {
  expect((resourceUsage().maxRSS - peak) / 1024).toBeLessThan(300)
})

/** Without its MAC nothing says that a file is damaged before it is read. */
function withoutMac(file: Uint8Array): Uint8Array {
  const forge = Buffer.from(file)
  // PFX ::= SEQUENCE { version, authSafe, macData }
  const start = 2 + (forge[1]! < 0x80 ? 0 : forge[1]! & 0x7f)
  const safe = start + 3
  const digits = forge[safe + 1]! < 0x80 ? 0 : forge[safe + 1]! & 0x7f
  const length = digits === 0 ? forge[safe + 1]! : forge.readUIntBE(safe + 2, digits)
  return sequence(forge.subarray(start, safe + 2 + digits + length))
}

const keys = [
  crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  crypto.generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
  crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
]

test('PKCS#12', { timeout: 60_000 + count * 400 }, async () => {
  const files = ['modern-ec', 'modern-rsa', 'compat-ec', 'rc2-ec'].map((name) =>
    vector(`openssl-pkcs12/${name}.p12`),
  )
  await survives([...files, ...files.map(withoutMac)], (bytes) => readPkcs12(bytes, 'test'), 1)
})

/** PBES1 runs its hash in a loop of its own: with MD5, with SHA-1. Microseconds a round, at most. */
const looped = ['2a864886f70d010503', '2a864886f70d01050a'].map((oid) => Buffer.from(oid, 'hex'))
const roundCost = 10

test('private keys under a passphrase', { timeout: 60_000 + count * 400 }, async () => {
  const passphrase = 'Grün-1'
  const locked = readdirSync(new URL('../keys/fixtures/locked/', import.meta.url))
    .filter((name) => !name.startsWith('plain') && !name.startsWith('rc2'))
    .map((name) => readFileSync(new URL(`../keys/fixtures/locked/${name}`, import.meta.url)))
  // In the old form the header says how to open the key, so its DER alone does not open.
  const ders = locked
    .map((pem) => pemBlocks(pem.toString('latin1'))[0]!)
    .flatMap(({ encrypted, der }) => (encrypted ? [] : [Buffer.from(der)]))
  const files = keys.flatMap((key) => [
    key.export({ format: 'der', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase }),
    Buffer.from(key.export({ format: 'pem', type: 'pkcs8', cipher: 'des-ede3-cbc', passphrase })),
    Buffer.from(
      key.export({
        format: 'pem',
        type: key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1',
        cipher: 'aes-128-cbc',
        passphrase,
      }) as string,
    ),
  ])
  let rounds = 0
  const read: Read = (bytes) => {
    if (isEncryptedKey(bytes)) rounds = Math.max(rounds, unlockRounds(bytes))
    if (looped.some((oid) => Buffer.from(bytes).includes(oid))) {
      derived += unlockRounds(bytes) * roundCost
    }
    return parsePrivateKey(unlockKey(bytes, passphrase))
  }
  await survives([...files, ...locked, ...ders], read, 2)
  expect(rounds).toBeLessThanOrEqual(5_000_000)
})

test('private keys without one', { timeout: 60_000 + count * 100 }, async () => {
  const files = keys.flatMap((key) => {
    const own = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1'
    return [
      key.export({ format: 'der', type: 'pkcs8' }),
      Buffer.from(key.export({ format: 'pem', type: 'pkcs8' })),
      key.export({ format: 'der', type: own as 'sec1' }),
      Buffer.from(key.export({ format: 'pem', type: own })),
    ]
  })
  for (const [at, read] of [parsePrivateKey, publicHalfOf, writtenHalfOf].entries()) {
    await survives(files, read, 3 + at)
  }
})

test('revocation lists', { timeout: 60_000 + count * 100 }, async () => {
  const files = ['two.pem', 'empty.pem'].map((name) =>
    Buffer.from(pemBlocks(vector(`openssl-crl/${name}`).toString())[0]!.der),
  )
  await survives(files, parseCrl, 6)
  const pem = vector('openssl-crl/two.pem')
  await survives(
    [pem],
    (bytes) => pemBlocks(Buffer.from(bytes).toString('latin1')).map(({ der }) => parseCrl(der)),
    7,
  )
})
