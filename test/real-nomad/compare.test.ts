/** What docs/compare.md says of `nomad tls`, with the Nomad at hand. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseCertificates } from '../../src/x509/certificates.js'
import { nomadBinary } from './harness/binaries.js'
import { cleanEnvironment } from './harness/run.js'

const folder = mkdtempSync(join(tmpdir(), 'nomad-pki-compare-'))
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function nomad(...words: readonly string[]): { status: number | null; said: string } {
  const run = spawnSync(nomadBinary(), ['tls', ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: cleanEnvironment(),
  })
  return { status: run.status, said: run.stdout + run.stderr }
}

describe('nomad tls', () => {
  const began = Date.now()
  const made = [
    nomad('ca', 'create', '-days', '10'),
    nomad('cert', 'create', '-server', '-days', '365'),
  ]
  const [authority, leaf] = ['nomad-agent-ca.pem', 'global-server-nomad.pem'].map(
    (name) => parseCertificates(readFileSync(join(folder, name), 'utf8'))[0]!,
  )

  test('lets a certificate live longer than its authority', () => {
    expect(made.map(({ status }) => status)).toEqual([0, 0])
    expect(leaf!.notAfter).toBeGreaterThan(authority!.notAfter)
  })

  test('writes keys that only their owner can read', () => {
    for (const name of ['nomad-agent-ca-key.pem', 'global-server-nomad-key.pem']) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
    }
  })

  test('begins it at the second of its creation', () => {
    expect(leaf!.notBefore).toBeGreaterThanOrEqual(began - 1000)
  })

  test('gives an EC key keyEncipherment, and knows P-256', () => {
    expect(leaf!.publicKey.name).toBe('ecdsa-p256')
    expect(leaf!.keyUsage).toContain('keyEncipherment')
  })

  test('has room for one server certificate of a region in a folder', () => {
    const again = nomad('cert', 'create', '-server')
    expect(again.status).not.toBe(0)
    expect(again.said).toContain("Certificate file 'global-server-nomad.pem' already exists")
  })

  test('has no list, no renewal and no rotation', () => {
    const { said } = nomad('cert', '-help')
    const listed = said.slice(said.indexOf('Subcommands:')).match(/^ {4}\w+/gm)
    expect(listed?.map((word) => word.trim())).toEqual(['create', 'info'])
  })
})
