/**
 * What an agent refuses, or silently passes over, when it loads its three files; and what loads but
 * never completes a handshake.
 *
 * @module
 */

import { DerReader } from '../der/read.js'
import { tags } from '../der/write.js'
import { isNomadPkiError } from '../errors.js'
import type { PublicKey } from '../keys/algorithms.js'
import { scanPem, type PemBlock } from '../keys/pem-scan.js'
import { publicHalfOf } from '../keys/private-key.js'
import { samePublicKey } from '../keys/public-key.js'
import type { Certificate } from '../x509/certificate.js'
import { anchorOf, certificateOf } from './readable.js'
import type { VersionRange } from './versions.js'

/** The texts of the three files. */
export interface AgentFiles {
  /** `ca_file` */
  readonly ca: string
  /** `cert_file` */
  readonly cert: string
  /** `key_file` */
  readonly key: string
}

/** Something about a file. */
export interface LoadFault extends VersionRange {
  readonly file: 'ca' | 'cert' | 'key'
  /**
   * `refused`: the agent does not start, or a reload ends it. `unusable`: it starts, and every
   * handshake fails. `dropped`: it starts, and goes on without a word about what it passed over.
   */
  readonly effect: 'refused' | 'unusable' | 'dropped'
  /** One sentence: lower case, no full stop. */
  readonly message: string
  /** Also where neither `http` nor `rpc` is on: a server looks at the pair all the same. */
  readonly evenOff?: true
}

/**
 * Why a key is of no use to an agent, or in any handshake.
 *
 * @param key The leaf's.
 * @param agent Whether an agent loads it: agents alone refuse Ed25519 (helper/tlsutil/config.go:435-449).
 */
export function handshakeKeyFault(key: PublicKey, agent: boolean): string | undefined {
  const { name } = key
  if (name === 'ecdsa-p224') return 'its key is on P-224, which no handshake takes'
  if (agent && !/^(?:ecdsa-p(?:256|384|521)|rsa-\d+)$/.test(name)) {
    return name === 'ed25519'
      ? 'its key is Ed25519: agents take RSA and ECDSA only'
      : `its key is of type ${name}: agents take RSA and ECDSA only`
  }
  // crypto/tls refuses RSA under 1024 bits (GODEBUG rsa1024min), and over 8192 (checkKeySize).
  const bits = name.startsWith('rsa-') ? Number(name.slice(4)) : 2048
  if (bits < 1024) return `its RSA key has ${bits} bits, fewer than 1024`
  if (bits > 8192) return `its RSA key has ${bits} bits, more than 8192`
  return undefined
}

/**
 * What an agent makes of its files.
 *
 * @param files Their texts.
 * @returns Everything that is wrong, worst first; empty if they load and nothing is lost.
 */
export function loadFaults(files: AgentFiles): readonly LoadFault[] {
  const faults: LoadFault[] = [...certFaults(files), ...caFaults(files.ca)]
  const order = ['refused', 'unusable', 'dropped']
  return faults.sort((a, b) => order.indexOf(a.effect) - order.indexOf(b.effect))
}

/**
 * The worst of {@link loadFaults}.
 *
 * @param files Their texts.
 */
export function loadFault(files: AgentFiles): LoadFault | undefined {
  return loadFaults(files)[0]
}

/** tls.LoadX509KeyPair: every CERTIFICATE block of cert_file, the first key of key_file, and do they fit. */
function certFaults({ cert, key }: AgentFiles): readonly LoadFault[] {
  const refuse = (file: 'cert' | 'key', message: string): LoadFault[] => [
    { file, effect: 'refused', message },
  ]
  const scan = scanPem(cert)
  const blocks = scan.blocks.filter(({ label }) => label === 'CERTIFICATE')
  const faults: LoadFault[] = []
  if (scan.damaged > 0) {
    faults.push({
      file: 'cert',
      effect: 'dropped',
      message: `${scan.damaged} damaged block(s) of cert_file are skipped`,
    })
  }
  const first = blocks[0]
  if (first === undefined) {
    return refuse('cert', 'cert_file holds no certificate in PEM that agents read')
  }
  if (scan.blocks[0] !== first) {
    // GH-27660: 1.11.3 did not start with a combined file that began with the key.
    faults.push({
      file: 'cert',
      effect: 'refused',
      message: 'cert_file does not begin with the certificate: Nomad 1.11.3 refuses that',
      since: '1.11.3',
      until: '2.0.0',
    })
  }
  const leaf = certificateOf(first)
  if (typeof leaf === 'string') return refuse('cert', `the first certificate of cert_file: ${leaf}`)
  for (const [index, block] of blocks.entries()) {
    const other = index === 0 ? leaf : certificateOf(block)
    // LoadX509KeyPair parses the leaf alone; a peer that is shown the rest parses all of it.
    if (typeof other === 'string') {
      faults.push({
        file: 'cert',
        effect: 'unusable',
        message: `certificate ${index + 1} of cert_file: ${other}; the agent starts, and every peer refuses it`,
      })
    }
  }
  const keys = scanPem(key).blocks.filter(
    ({ label }) => label === 'PRIVATE KEY' || label.endsWith(' PRIVATE KEY'),
  )
  const keyBlock = keys[0]
  if (keyBlock === undefined) return refuse('key', 'key_file holds no private key in PEM')
  if (keyBlock.encrypted || keyBlock.label === 'ENCRYPTED PRIVATE KEY') {
    return refuse('key', 'the key is encrypted')
  }
  const held = keyOf(keyBlock)
  if (typeof held === 'string') return refuse('key', held)
  if (!samePublicKey(held, leaf.publicKey)) {
    return refuse(
      'key',
      orderFault('cert_file', blocks.map(certificateOf), held) ??
        'the key does not belong to the first certificate of cert_file',
    )
  }
  const unusable = handshakeKeyFault(leaf.publicKey, true)
  if (unusable !== undefined) {
    faults.push(
      leaf.publicKey.name === 'ecdsa-p224'
        ? { file: 'key', effect: 'unusable', message: unusable }
        : { file: 'key', effect: 'refused', message: unusable, evenOff: true },
    )
  }
  return faults
}

/**
 * Whether a file has the leaf of a key, and not in front. tls.X509KeyPair looks at the first certificate
 * alone: `private key does not match public key`.
 *
 * @param file Its name, for the message.
 * @param certificates What it holds, in order; a text is one that cannot be read.
 * @param key The public half of the key that goes with it.
 */
export function orderFault(
  file: string,
  certificates: readonly (Certificate | string)[],
  key: PublicKey,
): string | undefined {
  const owner = certificates.findIndex(
    (one) => typeof one !== 'string' && samePublicKey(key, one.publicKey),
  )
  return owner > 0
    ? `${file} is in the wrong order: the key belongs to its certificate ${owner + 1}, and agents take the first for the leaf`
    : undefined
}

/** AppendCertsFromPEM (config.go:176-195): what it can't parse, it passes over; nothing at all is an error. */
function caFaults(ca: string): readonly LoadFault[] {
  const { blocks, damaged } = scanPem(ca)
  const faults: LoadFault[] = []
  let good = 0
  let first: string | undefined
  for (const [index, block] of blocks.entries()) {
    const fault = anchorOf(block)
    if (typeof fault !== 'string') {
      good += 1
      const unusable = signingKeyFault(fault.publicKey)
      if (unusable !== undefined) {
        faults.push({
          file: 'ca',
          effect: 'dropped',
          message: `block ${index + 1} of ca_file is trusted for nothing: ${unusable}`,
        })
      }
      continue
    }
    first ??= `block ${index + 1}: ${fault}`
    faults.push({
      file: 'ca',
      effect: 'dropped',
      message: `block ${index + 1} of ca_file is skipped without a message: ${fault}`,
    })
    // The expiry metric of 1.11.3 reads the first block and no other (tls_metrics.go:48-77).
    if (index === 0) {
      faults.push({
        file: 'ca',
        effect: 'refused',
        message: `the first block of ca_file is not a certificate (${fault}): since Nomad 1.11.3 the agent does not start`,
        since: '1.11.3',
      })
    }
  }
  if (damaged > 0) {
    faults.push({
      file: 'ca',
      effect: 'dropped',
      message: `${damaged} damaged block(s) of ca_file are skipped without a message`,
    })
  }
  if (good === 0) {
    return [
      {
        file: 'ca',
        effect: 'refused',
        message: `ca_file holds no certificate that can be parsed${first === undefined ? '' : ` (${first})`}`,
      },
    ]
  }
  return faults
}

/** The keys whose signatures Go checks (crypto/x509 signatureAlgorithmDetails). */
const signing = /^(?:rsa-\d+|ecdsa-p(?:224|256|384|521)|ed25519)$/

/**
 * Tells why agents check no signature by a key.
 *
 * @param key An authority's.
 */
export function signingKeyFault({ name }: PublicKey): string | undefined {
  if (!signing.test(name)) return `agents know no signatures by a key of ${name}`
  // crypto/rsa checkKeySize, since Go 1.24: nothing is verified with fewer than 1024 bits.
  const bits = name.startsWith('rsa-') ? Number(name.slice(4)) : 2048
  return bits < 1024 ? `its RSA key has ${bits} bits, fewer than 1024` : undefined
}

/**
 * The public key, or a reason if Go cannot load it: it loads RSA of any length, Ed25519, and ECDSA on
 * four curves (crypto/tls parsePrivateKey), and computes the public key from the private one.
 */
function keyOf(block: PemBlock): PublicKey | string {
  if (block.label === 'OPENSSH PRIVATE KEY') {
    return 'the key is in the form of OpenSSH, which agents do not read'
  }
  try {
    // Go doesn't mind what stands behind the key, but for PKCS#1 (ParsePKCS1PrivateKey).
    const whole = new DerReader(block.der)
    const der = whole.whole('the private key')
    const key = publicHalfOf(der)
    if (!whole.done() && isPkcs1(der)) return 'extra bytes follow the end of the RSA key'
    return key
  } catch (error) {
    if (isNomadPkiError(error)) return error.message
    throw error
  }
}

function isPkcs1(der: Uint8Array): boolean {
  const inside = new DerReader(der).enter(tags.sequence, 'the key')
  inside.integer('the version')
  return inside.peek() === tags.integer
}
