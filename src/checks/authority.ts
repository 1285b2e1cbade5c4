/**
 * Checks of an authority. It never renews by itself: what ages or differs is told, and `rotate`
 * (a change of the spec's `signing`) is what cures it.
 *
 * @module
 */

import type { Finding } from '../diagnostics.js'
import { formatDuration } from '../duration.js'
import type { FoundAuthority, Inventory } from '../inventory/inventory.js'
import type { Desired, DesiredAuthority } from '../cluster/desired.js'
import {
  fingerprintOf,
  type Certificate,
  type GeneralName,
  fingerprintText,
} from '../x509/certificate.js'
import { constraintFault } from '../x509/constraints.js'
import { commonNames, formatName, nameSays } from '../x509/name.js'
import { constraintsOf } from '../authority/constraints.js'
import { subjectFor } from '../authority/subject.js'
import { sameBytes } from '../bytes.js'
import type { CheckContext } from './context.js'
import { isIssuedBy } from './issued-by.js'
import { askFor, keyPlaceFindings } from './key-place.js'

/**
 * What is wrong with an authority that is there.
 *
 * @param wanted What the spec says.
 * @param found What the store holds.
 * @param context The authorities around it, and the time.
 */
export function checkAuthority(
  wanted: DesiredAuthority,
  found: FoundAuthority,
  context: CheckContext,
): readonly Finding[] {
  const { address } = wanted
  const findings: Finding[] = [...found.findings]
  const say = (
    severity: Finding['severity'],
    reason: string,
    message: string,
    remedy: string,
  ): void => {
    findings.push({ severity, address, reason, message, remedy })
  }
  const { certificate, key } = found
  if (certificate === undefined) {
    if (key.state !== 'absent' && found.findings.length > 0) {
      say(
        'error',
        'incomplete',
        'the certificate is unreadable, and making another would replace the root that agents trust',
        `restore ${address}/ca.pem from a backup of the store`,
      )
    }
    return findings
  }
  const fingerprint = fingerprintText(certificate)
  if (wanted.fingerprint !== undefined && wanted.fingerprint !== fingerprint) {
    say(
      'error',
      'fingerprint-differs',
      `its fingerprint is ${fingerprint}, the spec pins ${wanted.fingerprint}`,
      `restore ${address} from a backup of the store; or, where this root is the right one, correct \`fingerprint\` of ${wanted.name} in the spec`,
    )
  }
  const next = nextGeneration(wanted, context)
  if (key.state === 'present') {
    if (!sameBytes(key.publicKey.spki, certificate.publicKey.spki)) {
      say(
        'error',
        'key-mismatch',
        'ca-key.pem does not belong to ca.pem',
        `restore both files of ${address} from a backup of the store`,
      )
    }
  } else if (key.state === 'malformed') {
    say(
      'error',
      'incomplete',
      `ca-key.pem cannot be parsed: ${key.message}`,
      `restore ${address}/ca-key.pem from a backup of the store`,
    )
  }
  findings.push(...keyPlaceFindings(wanted, found))
  // An authority that is now only trusted is leaving: it keeps the key and the name that it had.
  const { algorithm, name: keyName } = certificate.publicKey
  const adopted = context.adopted.has(fingerprintOf(certificate))
  if (wanted.signing && algorithm === undefined) {
    say(
      adopted ? 'warning' : 'error',
      'key-algorithm',
      `this program cannot sign with a key of ${keyName}`,
      next,
    )
  } else if (wanted.signing && algorithm !== wanted.key) {
    say(
      'warning',
      'key-algorithm',
      `its key is ${keyName}, the spec says ${wanted.key}`,
      `to keep this root: set \`key: ${algorithm}\` for ${wanted.name} in the spec; else ${next}`,
    )
  }
  if (wanted.signing && subjectDiffers(wanted, certificate)) {
    say(
      'warning',
      'names-differ',
      `its subject is ${formatName(certificate.subject)}, the spec says another`,
      `to keep this root: let \`subject\` of ${wanted.name} in the spec say that; else ${next}`,
    )
  }
  const left = certificate.notAfter - context.now
  if (left <= 0) {
    // An authority that is only trusted blocks no agent: no certificate under it is valid.
    if (wanted.signing) say('error', 'expired', `it expired ${formatDuration(-left)} ago`, next)
    else {
      say(
        'warning',
        'expired',
        `it expired ${formatDuration(-left)} ago, and no longer signs`,
        `take ${wanted.generation} out of \`trusted\` of ${wanted.name} in the spec, then: nomad-pki apply`,
      )
    }
  } else if (certificate.notBefore > context.now) {
    say(
      'error',
      'not-yet-valid',
      `it begins in ${formatDuration(certificate.notBefore - context.now)}`,
      'correct the clock of this machine',
    )
  } else if (wanted.signing && left < wanted.renewBefore) {
    say('warning', 'nearing-expiry', `${formatDuration(left)} are left of its life`, next)
  }
  if (wanted.issuer !== undefined) {
    const above = context.authorities.get(address)?.path[1]
    if (above === undefined || !isIssuedBy(certificate, above)) {
      say('error', 'chain-broken', `it was not signed by ${wanted.issuer.name}`, next)
    } else if (certificate.notAfter > above.notAfter && !adopted) {
      say('error', 'beyond-issuer', `it outlives ${wanted.issuer.name}`, next)
    }
  }
  // What was adopted signs for what it could sign for before: its constraints are not a fault of the spec.
  const differs = adopted ? undefined : constraintsDiffer(wanted, certificate)
  if (differs !== undefined) say(differs.severity, 'names-differ', differs.message, next)
  return findings
}

/** How the next generation begins: crossed where this one can vouch for it, else in stages. */
function nextGeneration(
  { address, name, generation, issuer, signer }: DesiredAuthority,
  context: CheckContext,
): string {
  const [from, to] = [generation, generation + 1]
  const certifier = issuer ?? { name, address }
  // What a request is followed by, it says itself.
  const made =
    signer === 'engine'
      ? `nomad-pki authority setup ${name}`
      : context.signerOf(certifier.address) === 'offline'
        ? askFor(certifier.name, `${name}-${to}`)
        : 'nomad-pki apply'
  const set = (what: string): string =>
    `set \`${what}\` for ${name} in the spec (a new generation), then: ${made}`
  if (issuer !== undefined) return set(`signing: ${to}`)
  const ended = context.authorities.get(address)?.certificate.notAfter ?? Infinity
  // No certificate under it is valid, so no agent can be cut off.
  if (ended <= context.now) return set(`signing: ${to}, trusted: [${to}]`)
  const obstacle = context.crossObstacle(address)
  return obstacle === undefined
    ? set(`signing: ${to}, trusted: [${from}, ${to}], crossed: true`)
    : `${set(`signing: ${from}, trusted: [${from}, ${to}]`)}; when every agent trusts both: nomad-pki rotate authority ${name} --next (in stages, because ${obstacle})`
}

/**
 * Finds out whether the store lost an authority that the ledger knows, the spec pins or files of the
 * store name. Another one would cut off the running cluster, so the loss is an error.
 *
 * @param wanted What the spec says.
 * @param desired The bundles and identities that trust it.
 * @param inventory What is.
 */
export function lostAuthority(
  wanted: DesiredAuthority,
  desired: Pick<Desired, 'bundles' | 'identities'>,
  inventory: Inventory,
): Finding | undefined {
  const { address, fingerprint } = wanted
  // Its last line counts: what was pruned and is named again is made anew.
  const last = inventory.ledger.lines.findLast(
    ({ address: about, event }) =>
      about === address && (event === 'authority' || event === 'removed'),
  )
  if (last?.event !== 'authority') {
    if (fingerprint === undefined) return leftByAnother(wanted, desired, inventory)
    return {
      severity: 'error',
      address,
      reason: 'missing',
      message: `the store does not have it, and the spec pins ${fingerprint}: a new one has another fingerprint`,
      remedy: `${fromEngine(wanted)}restore ${address} from a backup of the store; or, for a new one, remove \`fingerprint\` of ${wanted.name} from the spec`,
    }
  }
  const interrupted = isBesideItsPlace(address, inventory)
  return {
    severity: 'error',
    address,
    reason: 'incomplete',
    ...(interrupted
      ? {
          message: 'an interrupted run made it, and did not put it into place',
          remedy: 'nomad-pki apply puts it into place first',
        }
      : {
          message:
            'the ledger says that it was made, and its files are gone; making another would cut off every running agent',
          remedy: `${fromEngine(wanted)}restore ${address} from a backup of the store, or raise \`signing\` in the spec`,
        }),
  }
}

/** Whether a run was killed between the ledger's line and the rename: healing puts the files into place. */
export function isBesideItsPlace(
  address: string,
  { findings }: Pick<Inventory, 'findings'>,
): boolean {
  const at = address.lastIndexOf('/') + 1
  const place = `${address.slice(0, at)}.next-${address.slice(at)}-`
  return findings.some(
    ({ reason, file }) => reason === 'left-over' && file?.startsWith(place) === true,
  )
}

/** What an engine has is taken from there: it counts where its fingerprint is the one that is known. */
function fromEngine({ engine, name }: DesiredAuthority): string {
  return engine === undefined
    ? ''
    : `nomad-pki authority setup ${name}, where the engine has it; else `
}

/**
 * A half-restored store: bundles or leaves are there whose root neither the store nor its ledger has.
 * It stood where this one is to be made.
 */
function leftByAnother(
  { address, issuer }: DesiredAuthority,
  { bundles, identities }: Pick<Desired, 'bundles' | 'identities'>,
  inventory: Inventory,
): Finding | undefined {
  // A new intermediate is accepted by every agent that trusts the root.
  if (issuer !== undefined) return undefined
  const known = new Set<string>()
  for (const { certificate } of inventory.authorities.values()) {
    if (certificate !== undefined) known.add(fingerprintOf(certificate))
  }
  for (const event of inventory.ledger.events) {
    if (event.event === 'authority') known.add(event.fingerprint)
  }
  const trusting = new Set(
    bundles.filter(({ trusted }) => trusted.includes(address)).map((bundle) => bundle.address),
  )
  const strangerIn = (
    place: string,
    roots: readonly Certificate[] | undefined,
  ): Finding | undefined => {
    const root = roots?.find((one) => !known.has(fingerprintOf(one)))
    return (
      root && {
        severity: 'error',
        address,
        reason: 'incomplete',
        message: `${place} holds ${formatName(root.subject)}, and neither the store nor its ledger has that root; making another would cut off every running agent`,
        remedy:
          'restore the store from a backup; or, for a new root, move the store away and begin another: nomad-pki init --new-store',
      }
    )
  }
  for (const place of trusting) {
    const found = strangerIn(place, inventory.bundles.get(place)?.certificates)
    if (found !== undefined) return found
  }
  for (const { address: place, profile } of identities) {
    if (!trusting.has(profile.bundle)) continue
    const found = strangerIn(place, inventory.identities.get(place)?.current?.trust)
    if (found !== undefined) return found
  }
  return undefined
}

/** A name that the spec leaves open is kept as it is: what was adopted, or made under another default. */
function subjectDiffers({ subject, named }: DesiredAuthority, certificate: Certificate): boolean {
  if (!named && Object.keys(subject).length === 1) return false
  const commonName = commonNames(certificate.subject).at(-1)
  const expected = named
    ? subjectFor(subject, certificate.publicKey)
    : { ...subject, commonName: commonName ?? subject.commonName }
  return !nameSays(certificate.subject, expected)
}

/** Whether an intermediate may name what the spec says: a region more, a domain less. */
function constraintsDiffer(
  wanted: DesiredAuthority,
  certificate: Certificate,
): Pick<Finding, 'severity' | 'message'> | undefined {
  if (wanted.constraints === undefined) return undefined
  const expected = constraintsOf(wanted.constraints).permitted
  const { nameConstraints } = certificate
  if (nameConstraints === undefined) {
    return {
      severity: 'warning',
      message: `it has no name constraints: it can sign for every region, the spec names ${wanted.constraints.regions.join(', ')}`,
    }
  }
  const has = nameConstraints.permitted.map(textOf)
  const refused = expected.filter(
    (name) => constraintFault(sampleOf(name), nameConstraints) !== undefined,
  )
  if (refused.length > 0) {
    return {
      severity: 'error',
      message: `its name constraints do not permit ${refused.map(textOf).join(', ')}`,
    }
  }
  const extra = has.filter((name) => !expected.map(textOf).includes(name))
  if (extra.length === 0) return undefined
  return {
    severity: 'error',
    message: `its name constraints permit ${extra.join(', ')}, the spec does not`,
  }
}

/** A name that lies within a subtree: what it must permit to be of use. */
function sampleOf(subtree: GeneralName): GeneralName {
  if (subtree.type !== 'ip') return subtree
  return { type: 'ip', value: subtree.value.slice(0, subtree.value.indexOf('/')) }
}

function textOf(name: GeneralName): string {
  return 'value' in name ? name.value.toLowerCase() : name.type
}
