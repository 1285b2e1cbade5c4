/**
 * Where the bytes of a node's key go, as strace sees it: into files of its own directory on the node, and nowhere
 * else. Nothing that the commands of the authority read or write has any of them.
 */

import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parsePrivateKey } from '../../src/keys/private-key.js'
import { command } from '../real-nomad/harness/binaries.js'
import { run, type Outcome } from '../real-nomad/harness/run.js'

const base = realpathSync(mkdtempSync(join(tmpdir(), 'nomad-pki-held-')))
afterAll(() => {
  rmSync(base, { recursive: true, force: true })
})
const admin = join(base, 'admin')
const node = join(base, 'node')
const tls = join(node, 'tls')

/** Every way for bytes to get in or out, and what a process is started with. */
const calls = [
  ...['execve', 'read', 'pread64', 'readv', 'preadv', 'preadv2', 'recvfrom', 'recvmsg', 'recvmmsg'],
  ...['write', 'pwrite64', 'writev', 'pwritev', 'pwritev2', 'sendto', 'sendmsg', 'sendmmsg'],
  ...[
    'copy_file_range',
    'sendfile',
    'splice',
    'tee',
    'vmsplice',
    'io_uring_setup',
    'link',
    'linkat',
  ],
  ...['rename', 'renameat', 'renameat2', 'symlink', 'symlinkat', 'mmap'],
].join(',')

interface Call {
  readonly name: string
  readonly line: string
  /** The bytes in its strings. */
  readonly bytes: Buffer
}

let traces = 0

/** Runs our command under strace. */
async function traced(
  cwd: string,
  ...args: readonly string[]
): Promise<{ readonly outcome: Outcome; readonly calls: readonly Call[] }> {
  const trace = join(base, `trace-${(traces += 1)}`)
  const outcome = await run(
    'strace',
    [
      ...[
        '-f',
        '--seccomp-bpf',
        '-qq',
        '-y',
        '-xx',
        '-s',
        '1048576',
        '-o',
        trace,
        '-e',
        `trace=${calls}`,
      ],
      ...[process.execPath, command, ...args],
    ],
    { cwd, timeout: 120_000, env: { UV_USE_IO_URING: '0' } },
  )
  const found = readFileSync(trace, 'latin1')
    .split('\n')
    .flatMap((line): readonly Call[] => {
      const name = /^\d+ +(?:<\.\.\. )?(\w+)/.exec(line)?.[1]
      if (name === undefined) return []
      const hex = [...line.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, text = '']) =>
        Buffer.from(text.replaceAll('\\x', ''), 'hex'),
      )
      return [{ name, line, bytes: Buffer.concat(hex) }]
    })
  expect(found.length).toBeGreaterThan(100)
  // What goes through io_uring would not be seen.
  expect(found.some((call) => call.name === 'io_uring_setup')).toBe(false)
  return { outcome, calls: found }
}

async function ok(traceOf: ReturnType<typeof traced>): Promise<readonly Call[]> {
  const { outcome, calls: all } = await traceOf
  expect(outcome, outcome.stderr).toMatchObject({ status: 0 })
  return all
}

/** What shows that a key passes by: its lines in PEM, its scalar as bytes, as hex and as base64. */
function needlesOf(pem: string): readonly Buffer[] {
  const { pkcs8 } = parsePrivateKey(pem)
  const jwk = Buffer.from(pkcs8)
  // SEC 1 in PKCS#8: the scalar of P-256 stands behind `0x04 0x20`.
  const at = jwk.indexOf(Buffer.from([0x02, 0x01, 0x01, 0x04, 0x20])) + 5
  expect(at).toBeGreaterThan(5)
  const scalar = jwk.subarray(at, at + 32)
  const hex = scalar.toString('hex')
  const lines = pem.split('\n').filter((line) => line !== '' && !line.startsWith('-'))
  // The last line is the end of the public key; the scalar goes over the first two.
  return [
    scalar,
    Buffer.from(hex),
    Buffer.from(hex.toUpperCase()),
    Buffer.from(hex.match(/../g)!.join(':')),
    Buffer.from(scalar.toString('base64url').slice(2, 40)),
    Buffer.from(scalar.toString('base64').slice(2, 40)),
    ...lines.slice(0, 2).map((line) => Buffer.from(line.slice(24))),
  ]
}

const has = (call: Call, needles: readonly Buffer[]): boolean =>
  needles.some((needle) => call.bytes.includes(needle))

const isOut = ({ name }: Call): boolean => /^(p?write|send|execve)/.test(name)

/** The path behind the descriptor that is written to: `write(5</etc/x>, …`. */
const targetOf = ({ line }: Call): string => {
  const raw = /\(\d+<((?:\\x[0-9a-f]{2})*|[^>]*)>/.exec(line)?.[1] ?? '(none)'
  return raw.startsWith('\\x') ? Buffer.from(raw.replaceAll('\\x', ''), 'hex').toString() : raw
}

/** Each write of key bytes goes to a file of the key, in the node's own directory. */
function expectKept(all: readonly Call[], needles: readonly Buffer[]): number {
  const writes = all.filter((call) => isOut(call) && has(call, needles))
  for (const call of writes) {
    expect(targetOf(call).startsWith(`${tls}/`), `${call.name} to ${targetOf(call)}`).toBe(true)
  }
  // Copies inside the system, of which no bytes are seen.
  for (const call of all.filter(({ name }) =>
    /^(copy_file_range|sendfile|splice|tee)/.test(name),
  )) {
    expect(call.line).toContain(Buffer.from(`${tls}/`).toString('hex').replace(/../g, '\\x$&'))
  }
  return writes.length
}

const spec = `version: 1
cluster: acme
defaults: { keyHeld: node }
node: { tls: ${tls} }
regions:
  global: { servers: { s1: {} }, clients: { c1: {} } }
`

const fingerprintIn = ({ stdout }: Outcome): string => /SHA256:[0-9a-f]{64}/.exec(stdout)![0]

const keys: string[] = []
const ofAuthority: Call[] = []
let ofNode: readonly Call[] = []

beforeAll(async () => {
  for (const folder of [admin, node]) await run('mkdir', ['-m', '700', folder])
  writeFileSync(join(admin, 'cluster.yaml'), spec)
  const store = async (...args: readonly string[]): Promise<void> => {
    ofAuthority.push(...(await ok(traced(admin, ...args))))
  }
  await store('init', '--new-store')
  await store('apply', '--yes')
  const line = ['request', 'server/global/s1', '--tls', 'tls', '--out', '1.csr']
  const asked = await traced(node, ...line)
  expect(asked.outcome, asked.outcome.stderr).toMatchObject({ status: 0 })
  keys.push(readFileSync(join(tls, 'requested-key.pem'), 'latin1'))
  copyFileSync(join(node, '1.csr'), join(admin, '1.csr'))
  await store('sign', '1.csr', '--fingerprint', fingerprintIn(asked.outcome))
  await store('pack', 's1', '--out', '1.tar.gz')
  copyFileSync(join(admin, '1.tar.gz'), join(node, '1.tar.gz'))
  const installed = await ok(
    traced(node, 'install', '1.tar.gz', '--tls', 'tls', '--reload', 'none'),
  )
  const second = await traced(node, 'request', '--tls', 'tls', '--out', '2.csr')
  expect(second.outcome, second.outcome.stderr).toMatchObject({ status: 0 })
  keys.push(readFileSync(join(tls, 'requested-key.pem'), 'latin1'))
  copyFileSync(join(node, '2.csr'), join(admin, '2.csr'))
  await store('sign', '2.csr', '--fingerprint', fingerprintIn(second.outcome))
  await store('pack', 's1', '--out', '2.tar.gz')
  copyFileSync(join(admin, '2.tar.gz'), join(node, '2.tar.gz'))
  const again = await ok(traced(node, 'install', '2.tar.gz', '--tls', 'tls', '--reload', 'none'))
  ofNode = [...asked.calls, ...installed, ...second.calls, ...again]
}, 300_000)

test('the search finds a key where it passes', () => {
  expect(new Set(keys).size).toBe(2)
  for (const key of keys) {
    const needles = needlesOf(key)
    const reads = ofNode.filter((call) => call.name.includes('read') && has(call, needles))
    expect(reads.length).toBeGreaterThan(0)
  }
})

test('the node writes its keys into its own directory, and nothing else of them anywhere', () => {
  for (const key of keys) expect(expectKept(ofNode, needlesOf(key))).toBeGreaterThanOrEqual(1)
  const sent = readdirSync(node).filter((name) => /\.csr$/.test(name))
  expect(sent).toEqual(['1.csr', '2.csr'])
})

test('nothing that reaches or leaves the authority has a byte of them', () => {
  const request = readFileSync(join(admin, '2.csr'), 'latin1')
  // The same search sees what was brought.
  expect(ofAuthority.some((call) => has(call, [Buffer.from(request.slice(60, 120))]))).toBe(true)
  for (const key of keys) {
    expect(
      ofAuthority.filter((call) => has(call, needlesOf(key))).map(({ line }) => line.slice(0, 80)),
    ).toEqual([])
  }
})
