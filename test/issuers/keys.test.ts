/** Every place that an authority's key can be in, through one suite. */

import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepareRoot } from '../../src/authority/prepare.js'
import { commandIssuers } from '../../src/issuers/command-issuers.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { encryptedIssuers } from '../../src/issuers/encrypted-issuers.js'
import { issuersByKind } from '../../src/issuers/issuers-by-kind.js'
import { offlineIssuers } from '../../src/issuers/offline-issuers.js'
import { rehearsalIssuers } from '../../src/issuers/rehearsal-issuers.js'
import { sshAgent } from '../../src/issuers/ssh-agent.js'
import { sshAgentIssuers } from '../../src/issuers/ssh-agent-issuers.js'
import { storeIssuers } from '../../src/issuers/store-issuers.js'
import type { Store } from '../../src/inventory/store.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey, parsePrivateKey } from '../../src/keys/private-key.js'
import { encodeSshKey, sshFingerprint } from '../../src/keys/ssh.js'
import { isEncryptedKey, unlockKey } from '../../src/keys/unlock-key.js'
import { memoryStore } from '../../src/store/memory-store.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import {
  authoritiesContract,
  day,
  issuerContract,
  now,
  type KeptFiles,
  type Tried,
  type TriedAuthorities,
} from './contract.js'
import { fakeAgent, honest, type FakeAgent } from './fake-ssh-agent.js'

const authority = { name: 'agent', generation: 1, algorithm: 'ecdsa-p256' } as const
const folder = fs.mkdtempSync(path.join(tmpdir(), 'authorities '))
const agents: FakeAgent[] = []
afterAll(() => {
  for (const agent of agents) agent.close()
  fs.rmSync(folder, { recursive: true, force: true })
})

/** A store of one authority, which gets what is put. */
function storeOf(): { readonly store: () => Store; readonly put: (files: KeptFiles) => void } {
  let key: Buffer | undefined
  return {
    store: () => ({ ...memoryStore(), readAuthorityKey: async () => key }),
    put(files) {
      key = files.key === undefined ? undefined : Buffer.from(files.key)
    },
  }
}

const passphrases = {
  open: async <Value>(_name: string, _address: string, open: (text: string) => Value) =>
    open('correct horse'),
  forNew: async () => 'correct horse',
}

const makers: readonly (readonly [what: string, make: () => Promise<TriedAuthorities>])[] = [
  [
    'files of a store',
    async () => {
      const { store, put } = storeOf()
      const issuers = () => storeIssuers(store())
      return { issuers, put, algorithm: 'ecdsa-p256', keeps: 'PRIVATE KEY', real: true }
    },
  ],
  [
    'encrypted files of a store',
    async () => {
      const { store, put } = storeOf()
      const issuers = () => encryptedIssuers(store(), passphrases)
      return { issuers, put, algorithm: 'ecdsa-p384', keeps: 'ENCRYPTED PRIVATE KEY', real: true }
    },
  ],
  [
    'an SSH agent',
    async () => {
      const key = generateKeySync('ecdsa-p256')
      const agent = await fakeAgent(honest(generateKeySync('ecdsa-p256'), key))
      agents.push(agent)
      const print = sshFingerprint(encodeSshKey(key.publicKey)!)
      const issuers = () => sshAgentIssuers(sshAgent({ socket: agent.socket }), () => print)
      return { issuers, algorithm: 'ecdsa-p256', keeps: undefined, real: true }
    },
  ],
  [
    'a command',
    async () => {
      const file = path.join(folder, 'key.pem')
      const key = generateKeySync('ecdsa-p256')
      fs.writeFileSync(file, encodePrivateKey(key), { mode: 0o600 })
      const script = `const { createPrivateKey, createPublicKey, sign } = require('node:crypto')
const fs = require('node:fs')
const key = createPrivateKey(fs.readFileSync(process.argv[1]))
const { NOMAD_PKI_OPERATION: operation, NOMAD_PKI_HASH: hash } = process.env
process.stdout.write(operation === 'sign' ? sign(hash, fs.readFileSync(0), key) : createPublicKey(key).export({ type: 'spki', format: 'pem' }))`
      const command = { command: [process.execPath, '-e', script, file], timeout: 20_000 }
      const options = { cwd: folder, env: process.env, commandOf: async () => command }
      const issuers = () => commandIssuers(options)
      return { issuers, algorithm: 'ecdsa-p256', keeps: undefined, real: true }
    },
  ],
  [
    'whatever the spec says, by its name',
    async () => {
      const { store, put } = storeOf()
      const kinds = { file: storeIssuers(store()), offline: offlineIssuers() }
      const issuers = () => issuersByKind<keyof typeof kinds>(() => 'file', kinds)
      return { issuers, put, algorithm: 'rsa-2048', keeps: 'PRIVATE KEY', real: true }
    },
  ],
  [
    'a rehearsal',
    async () => ({
      issuers: rehearsalIssuers,
      algorithm: 'ecdsa-p256',
      keeps: 'PRIVATE KEY',
      real: false,
    }),
  ],
]

/** The issuer of a new root, as another run of the program opens it. */
async function openedBy(make: () => Promise<TriedAuthorities>): Promise<Tried> {
  const { issuers, algorithm, put } = await make()
  const begun = await issuers().begin({ ...authority, algorithm })
  const { certificate } = await issue(
    prepareRoot({ subject: { commonName: 'Acme' }, lifetime: 3650 * day }, begun, { now }),
  )
  let kept: KeptFiles = {}
  begun.keep(
    { putAuthority: (_name, _generation, files) => void (kept = files) },
    encodeCertificate(certificate),
  )
  put?.(kept)
  const issuer = await issuers().open({ ...authority, path: [certificate] })
  if (kept.key === undefined || issuer.signatures === 'rehearsed') {
    return { issuer, authorities: true }
  }
  const plain = isEncryptedKey(kept.key) ? unlockKey(kept.key, 'correct horse') : kept.key
  return { issuer, authorities: true, key: parsePrivateKey(plain) }
}

for (const [what, make] of makers) {
  authoritiesContract(what, make)
  // A process for each signature: command.test.ts has it.
  if (what === 'a command') continue
  let opened: Promise<Tried> | undefined
  issuerContract(what, () => (opened ??= openedBy(make)))
}

test('a key on another machine signs nothing here, and says how it is asked', async () => {
  const { certificate } = await createRoot(
    { subject: { commonName: 'Acme' }, lifetime: 86_400_000, key: generateKeySync('ecdsa-p256') },
    { now: Date.UTC(2026, 10, 26) },
  )
  const issuers = offlineIssuers()
  for (const asked of [
    issuers.begin(authority),
    issuers.open({ ...authority, path: [certificate] }),
  ]) {
    await expect(asked).rejects.toMatchObject({
      code: 'ERR_ISSUER_REFUSED',
      hint: 'ask it: nomad-pki authority request agent --out FILE',
    })
  }
})

test('the key that an interrupted run had made is used, unless the spec asks for another kind', async () => {
  const made = generateKeySync('ecdsa-p256')
  const store = memoryStore({
    exists: true,
    authorities: [
      {
        name: 'agent',
        generation: 1,
        key: { bytes: Buffer.from(encodePrivateKey(made)) },
        crossed: new Map(),
      },
    ],
    bundles: [],
    identities: [],
    findings: [],
  })
  const again = await storeIssuers(store).begin(authority)
  expect(again.publicKey.spki).toEqual(made.publicKey.spki)
  const other = await storeIssuers(store).begin({ ...authority, algorithm: 'ecdsa-p384' })
  expect(other.publicKey.algorithm).toBe('ecdsa-p384')
})
