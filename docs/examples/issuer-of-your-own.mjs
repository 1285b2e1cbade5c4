// An issuer of one's own: the root's key is somewhere else (here: a Node KeyObject that stands for a KMS),
// and nomad-pki only hands over the bytes to be signed.
import { createPrivateKey, sign } from 'node:crypto'
import {
  assembleCertificate,
  createRoot,
  encodePrivateKey,
  generateKey,
  issue,
  parseDuration,
  prepare,
} from 'nomad-pki'

const now = Date.now()
const made = await generateKey('ecdsa-p256')
const root = await createRoot(
  { subject: { commonName: 'acme agent CA 1' }, lifetime: parseDuration('10y'), key: made },
  { now },
)
const kms = createPrivateKey(encodePrivateKey(made))

/** @type {import('nomad-pki').Issuer} */
const issuer = {
  name: 'agent',
  certificate: root.certificate,
  chain: [], // nothing goes behind a leaf of a root
  above: [],
  signatures: 'foreign', // each signature is checked
  async issue({ tbs, expected }) {
    const signature = sign('sha256', tbs, kms) // DER, as certificates have it
    const certificate = assembleCertificate(tbs, expected.outerSignatureAlgorithm, signature)
    return { outcome: 'issued', certificate }
  },
}

const { publicKey } = await generateKey('ecdsa-p256')
const request = { role: 'client', region: 'global', publicKey, lifetime: parseDuration('90d') }
const leaf = await issue(prepare(request, issuer, { now }))
console.log(leaf.certificate.subject.attributes[0].value)

// What comes back is not trusted. An issuer that signs something else is refused.
const liar = {
  ...issuer,
  async issue({ expected }) {
    const other = prepare({ ...request, region: 'us-west' }, issuer, { now })
    const signature = sign('sha256', other.expected.tbs, kms)
    return {
      outcome: 'issued',
      certificate: assembleCertificate(
        other.expected.tbs,
        expected.outerSignatureAlgorithm,
        signature,
      ),
    }
  },
}
try {
  await issue(prepare(request, liar, { now }))
} catch (error) {
  console.log(error.code)
}
