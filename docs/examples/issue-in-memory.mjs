// Issues one server certificate in memory: nothing is read or written.
import {
  createRoot,
  encodeCertificate,
  encodePrivateKey,
  generateKey,
  heldIssuer,
  issue,
  parseDuration,
  prepare,
} from 'nomad-pki'

const now = Date.now()

// A root: self-signed, with a key of its own.
const rootKey = await generateKey('ecdsa-p256')
const root = await createRoot(
  { subject: { commonName: 'acme agent CA 1' }, lifetime: parseDuration('10y'), key: rootKey },
  { now },
)
const issuer = heldIssuer({ name: 'agent', certificate: root.certificate, key: rootKey })

// A leaf: `prepare` builds and lints what is to be certified, `issue` takes nothing else.
const key = await generateKey('ecdsa-p256')
const leaf = await issue(
  prepare(
    {
      role: 'server',
      region: 'us-west',
      publicKey: key.publicKey,
      lifetime: parseDuration('90d'),
      names: ['nomad.acme.internal'],
      ips: ['10.0.0.11'],
    },
    issuer,
    { now },
  ),
)

console.log(leaf.certificate.subject.attributes[0].value)
console.log(leaf.certificate.subjectAltName.map(({ value }) => value).join(' '))
console.log(encodeCertificate(leaf.certificate).split('\n')[0])
console.log(encodePrivateKey(key).split('\n')[0])
