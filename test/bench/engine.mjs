// What an authority in OpenBao costs, beside the least that any program does with the same server.
import { spawn, spawnSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { Agent, request } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const command = join(root, 'bin', 'nomad-pki.js')
/** As many calls as `src/issuers/engine-issuers.ts` has in flight. */
const inFlight = 8

/**
 * Starts a server and sets an authority up in it.
 *
 * @param bao The program; `env`: for what is run here; `nodes`: how many clients the cluster has.
 */
export async function startEngine(bao, { env: outer, nodes }) {
  const folder = mkdtempSync(join(tmpdir(), 'nomad-pki-bench-engine-'))
  const port = await freePort()
  const origin = `https://127.0.0.1:${port}`
  const log = openSync(join(folder, 'log'), 'w')
  const server = spawn(
    bao,
    [
      ...['server', '-dev-tls', '-dev-no-store-token', '-dev-root-token-id=root'],
      ...[`-dev-listen-address=127.0.0.1:${port}`, `-dev-tls-cert-dir=${folder}`],
    ],
    { stdio: ['ignore', log, log], env: { PATH: outer.PATH, HOME: folder } },
  )
  const ca = join(folder, 'vault-ca.pem')
  for (let tries = 0; ; tries += 1) {
    if (existsSync(ca) && (await answers(origin, readFileSync(ca)))) break
    if (tries > 300) throw new Error(readFileSync(join(folder, 'log'), 'utf8'))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const env = { ...outer, BAO_ADDR: origin, BAO_CACERT: ca, BAO_TOKEN: 'root' }
  const run = (cwd, args, allowed = [0]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
      cwd,
      env,
      encoding: 'utf8',
    })
    if (!allowed.includes(status))
      throw new Error(`${args.join(' ')}: ${status} ${stdout}${stderr}`)
  }
  const place = join(folder, 'place')
  mkdirSync(place)
  const width = Math.max(5, `${nodes}`.length)
  const range = `c[${'1'.padStart(width, '0')}-${`${nodes}`.padStart(width, '0')}]`
  writeFileSync(
    join(place, 'cluster.yaml'),
    `version: 1
cluster: bench
vault: { address: "${origin}" }
authorities:
  agent: { lifetime: 10y }
  west: { issuer: agent, engine: { mount: pki } }
regions:
  west:
    authority: west
    clients:
      "${range}": {}
`,
  )
  run(place, ['init', '--new-store', '--quiet'])
  run(place, ['apply', '--yes', '--quiet'], [1])
  run(place, ['authority', 'setup', 'west', '--quiet'])
  return {
    ...{ folder, origin, ca, place, run },
    /** Seconds of `rotate leaves --all`, a new key and a certificate for each node. */
    leaves: (args) => timed(() => run(place, args)),
    /** Seconds of a program that does the same calls, and nothing else. */
    loop: () =>
      timed(() => {
        const { status, stderr } = spawnSync(
          process.execPath,
          [fileURLToPath(import.meta.url), origin, ca, String(nodes)],
          { env, encoding: 'utf8' },
        )
        if (status !== 0) throw new Error(stderr)
      }),
    async stop() {
      const gone = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGKILL')
      await gone
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A node that renews itself, in a folder. @returns Seconds until its leaf is in place, and of the bare call. */
export function selfNode({ folder, origin, ca, place, run }, env) {
  const home = join(folder, 'node')
  run(place, ['pack', 'c00001', '--renew', '--out-dir', home, '--quiet'])
  writeFileSync(join(home, 'token'), 'root\n', { mode: 0o600 })
  const tls = join(folder, 'tls')
  const role = 'pki/issuer/west-1/sign/nomad-client-west'
  writeFileSync(
    join(home, 'node.yaml'),
    readFileSync(join(home, 'node.yaml'), 'utf8')
      .replace(/^tls: .*$/m, `tls: ${JSON.stringify(tls)}`)
      .replace(/^owner: .*\n/m, '')
      .replace(/^probe: .*\n/m, '')
      .replace(/^reload: .*$/m, 'reload: none')
      .replace(/^( {2}role: ).*$/m, '$1nomad-client-west'),
  )
  const body = join(folder, 'body.json')
  writeFileSync(body, callFor('client.west.nomad', '1h'))
  const out = join(folder, 'answer.json')
  mkdirSync(tls, { recursive: true })
  return {
    renew: () =>
      new Promise((resolve, reject) => {
        const link = join(tls, 'current')
        const at = () => (existsSync(link) ? readlinkSync(link) : '')
        const before = at()
        let took
        const begun = performance.now()
        const watcher = watch(tls, () => {
          if (took === undefined && at() !== before) took = (performance.now() - begun) / 1000
        })
        const args = [command, 'renew', '--force', '--config', join(home, 'node.yaml'), '--quiet']
        const child = spawn(process.execPath, args, {
          cwd: folder,
          env,
          stdio: ['ignore', 'ignore', 'pipe'],
        })
        let said = ''
        child.stderr.on('data', (chunk) => (said += chunk))
        child.once('close', (status) => {
          watcher.close()
          if (status === 0 && took !== undefined) resolve(took)
          else reject(new Error(`renew: ${status} ${said}`))
        })
      }),
    curl: () =>
      timed(() => {
        const { status, stderr } = spawnSync(
          'curl',
          [
            ...['-sS', '--fail', '--cacert', ca, '-H', 'X-Vault-Token: root'],
            ...['-d', `@${body}`, '-o', out, `${origin}/v1/${role}`],
          ],
          { env, encoding: 'utf8' },
        )
        if (status !== 0) throw new Error(stderr)
      }),
  }
}

function timed(what) {
  const begun = performance.now()
  what()
  return (performance.now() - begun) / 1000
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

function answers(origin, ca) {
  return new Promise((resolve) => {
    request(`${origin}/v1/sys/health`, { ca }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
      .on('error', () => resolve(false))
      .end()
  })
}

// ── the bare loop ────────────────────────────────────────────────────────────────────────────────

function tlv(tag, ...parts) {
  const content = Buffer.concat(parts)
  const { length } = content
  const head =
    length < 128
      ? [tag, length]
      : length < 256
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from(head), content])
}
const hex = (text) => Buffer.from(text, 'hex')

/** A new key, and a request by it for a client's names. @returns PEM */
function requestFor(name) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const names = tlv(
    0x30,
    tlv(0x82, Buffer.from(name)),
    tlv(0x82, Buffer.from('localhost')),
    tlv(0x87, hex('7f000001')),
  )
  const extensions = tlv(0x30, tlv(0x30, hex('0603551d11'), tlv(0x04, names)))
  const info = tlv(
    0x30,
    hex('020100'),
    tlv(0x30, tlv(0x31, tlv(0x30, hex('0603550403'), tlv(0x0c, Buffer.from(name))))),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa0, tlv(0x30, hex('06092a864886f70d01090e'), tlv(0x31, extensions))),
  )
  const signature = sign('sha256', info, privateKey)
  const der = tlv(
    0x30,
    info,
    hex('300a06082a8648ce3d040302'),
    tlv(0x03, Buffer.from([0]), signature),
  )
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`
}

/** What a call for it says: a role takes names from the call alone. */
function callFor(name, ttl) {
  const names = { common_name: name, alt_names: 'localhost', ip_sans: '127.0.0.1' }
  return JSON.stringify({ csr: requestFor(name), ...names, ttl })
}

async function bareLoop(origin, ca, count) {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight, ca: readFileSync(ca) })
  const headers = { 'X-Vault-Token': 'root', 'Content-Type': 'application/json' }
  const certified = (body) =>
    new Promise((resolve, reject) => {
      const path = `${origin}/v1/pki/issuer/west-1/sign/nomad-client-west`
      request(path, { method: 'POST', agent, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk) => (text += chunk))
        response.on('end', () =>
          response.statusCode === 200
            ? resolve(JSON.parse(text).data.certificate)
            : reject(new Error(text)),
        )
      })
        .on('error', reject)
        .end(body)
    })
  let left = count
  const made = []
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left > 0) {
        left -= 1
        made.push(await certified(callFor('client.west.nomad', '24h')))
      }
    }),
  )
  if (made.length !== count) throw new Error(`${made.length} of ${count}`)
  agent.destroy()
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , origin, ca, count] = process.argv
  await bareLoop(origin, ca, Number(count))
}
