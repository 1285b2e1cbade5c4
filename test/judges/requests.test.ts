/**
 * Each request that a node makes, before openssl, GnuTLS and Go; and the signature of the key in use beside it,
 * which openssl checks as docs/requests.md says.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { prepareNodeRequest } from '../../src/delivery/node-request.js'
import type { KeyAlgorithm } from '../../src/keys/algorithms.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { goTool } from '../real-nomad/harness/binaries.js'
import { run, runOk } from '../real-nomad/harness/run.js'

const folder = mkdtempSync(join(tmpdir(), 'nomad-pki-requests-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const address = 'identity/server/us_west/s1'

/** A certificate in place, made by openssl, with a key of an algorithm. */
async function inPlace(tls: string, algorithm: KeyAlgorithm): Promise<string> {
  const place = join(tls, '1-0be1d7c5')
  mkdirSync(place, { recursive: true })
  const key = join(place, 'key.pem')
  writeFileSync(key, encodePrivateKey(generateKeySync(algorithm)), { mode: 0o600 })
  const cert = join(place, 'cert.pem')
  await runOk('openssl', [
    'req',
    '-x509',
    '-new',
    '-key',
    key,
    '-subj',
    '/CN=x',
    '-days',
    '9',
    '-out',
    cert,
  ])
  await runOk('ln', ['-s', '1-0be1d7c5', join(tls, 'current')])
  return cert
}

const algorithms = [
  'ecdsa-p256',
  'ecdsa-p384',
  'ecdsa-p521',
  'rsa-2048',
  'rsa-3072',
  'rsa-4096',
] as const

test.each(algorithms)('%s', async (algorithm) => {
  const tls = join(folder, algorithm)
  const cert = await inPlace(tls, algorithm)
  const made = await prepareNodeRequest({ tls, address, now: Date.now() })
  expect(made.signedBy).toBe('1-0be1d7c5')
  const file = join(folder, `${algorithm}.csr`)
  writeFileSync(file, made.text)

  const self = await run('openssl', ['req', '-in', file, '-noout', '-verify'])
  expect(self.status, self.stderr).toBe(0)
  const gnutls = await run('certtool', ['--crq-info', '--infile', file])
  expect(gnutls.status, gnutls.stderr).toBe(0)
  expect(gnutls.stdout).toContain('Self signature: verified')
  const go = JSON.parse(await runOk(goTool('requests'), [file])) as object
  expect(go).toEqual({
    ok: true,
    cn: 'server.us_west.nomad',
    dns: ['server.us_west.nomad'],
    uris: [`nomad-pki:${address}`],
  })

  const der = join(folder, `${algorithm}.der`)
  await runOk('openssl', ['req', '-in', file, '-outform', 'DER', '-out', der])
  const cms = join(folder, `${algorithm}.cms`)
  writeFileSync(cms, made.text.slice(made.text.indexOf('-----BEGIN CMS')))
  const check = (content: string): ReturnType<typeof run> =>
    run('openssl', [
      ...['cms', '-verify', '-inform', 'PEM', '-binary', '-in', cms, '-content', content],
      ...['-CAfile', cert, '-purpose', 'any', '-out', '/dev/null'],
    ])
  const beside = await check(der)
  expect(beside.status, beside.stderr).toBe(0)
  expect((await check(file)).status).not.toBe(0)
})
