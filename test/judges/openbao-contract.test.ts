/** What every `Issuer` promises, kept by one whose key is in a real OpenBao. */

import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { issue } from '../../src/authority/issue.js'
import { prepareIntermediate } from '../../src/authority/prepare.js'
import { engineClient } from '../../src/engine/client.js'
import { engineSession } from '../../src/engine/session.js'
import { createRoot } from '../../src/issuers/create-root.js'
import { engineIssuer } from '../../src/issuers/engine-issuers.js'
import { heldIssuer } from '../../src/issuers/held.js'
import { generateKeySync } from '../../src/keys/generate.js'
import { encodePrivateKey } from '../../src/keys/private-key.js'
import { encodeCertificate } from '../../src/x509/certificates.js'
import { contractRoles, day, issuerContract } from '../issuers/contract.js'
import { openbao, type OpenBao } from './openbao.js'

// The clock of the engine is the real one, and it begins a certificate a minute ago.
const now = Date.now() - 120_000
const [key, lowKey] = [generateKeySync('ecdsa-p384'), generateKeySync('ecdsa-p256')]
const { certificate } = await createRoot(
  { subject: { commonName: 'Acme' }, lifetime: 3650 * day, key },
  { now },
)
const { certificate: low } = await issue(
  prepareIntermediate(
    {
      subject: { commonName: 'low' },
      publicKey: lowKey.publicKey,
      lifetime: 900 * day,
      regions: ['global'],
      domains: ['example'],
    },
    heldIssuer({ certificate, key }),
    { now },
  ),
)

let bao: OpenBao
const home = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki-contract-'))
beforeAll(async () => {
  bao = await openbao(home)
  const done = async (way: string, body: object): Promise<Readonly<Record<string, unknown>>> => {
    const { status, text, data } = await bao.call('POST', way, body)
    expect(status, text).toBeLessThan(300)
    return data
  }
  await done('sys/mounts/pki', { type: 'pki', config: { max_lease_ttl: '87600h' } })
  const { imported_issuers: made } = await done('pki/issuers/import/bundle', {
    pem_bundle: `${encodePrivateKey(lowKey)}${encodeCertificate(low)}`,
  })
  await done(`pki/issuer/${(made as readonly string[])[0]!}`, {
    issuer_name: 'low-1',
    leaf_not_after_behavior: 'err',
  })
  for (const { name, fields } of contractRoles) await done(`pki/roles/${name}`, fields)
})
afterAll(async () => {
  await bao.close()
  fs.rmSync(home, { recursive: true, force: true })
})

issuerContract(
  'an authority in a real OpenBao',
  async () => ({
    issuer: engineIssuer({
      name: 'low',
      certificate: low,
      above: [certificate],
      session: engineSession(
        engineClient({ origin: bao.origin, timeout: 10_000, ca: fs.readFileSync(bao.ca) }),
        { method: 'token', token: async () => 'root' },
      ),
      mount: 'pki',
      issuer: 'low-1',
      roles: contractRoles,
    }),
    authorities: false,
  }),
  Date.now(),
)
