/**
 * Classes of agents: those that look alike to Nomad. Whether two agents take each other depends on
 * role, region, issuer, trust and the names that Nomad reads, never on which host it is; so ten
 * thousand nodes cost a few dozen pairs.
 *
 * @module
 */

import type { Role } from '../address.js'
import { sameBytes } from '../bytes.js'
import type { FoundGeneration, Inventory } from '../inventory/inventory.js'
import type { AgentFacts } from '../nomad/judge.js'
import { classifyName } from '../nomad/names.js'
import type { Desired, DesiredConfig, DesiredIdentity } from '../cluster/desired.js'

import { fingerprintOf, type Certificate } from '../x509/certificate.js'
import { commonNames } from '../x509/name.js'
import { chainVerdicts, type ChainVerdicts } from './chains.js'

/** Agents, or operators, that look alike to Nomad. */
export interface AgentClass {
  /** Addresses of identities; the first stands for all. Never empty. */
  readonly members: readonly string[]
  readonly role: Role
  readonly region: string
  /** Address of the bundle that the spec gives them: only those with the same one are one cluster. */
  readonly bundle: string
  /** The files of the first member, as Nomad loads them. */
  readonly facts: AgentFacts
  /** Why the members' chain does not hold up under their own trust; `undefined` if it does. */
  readonly broken: string | undefined
  /** Whether the members' keys belong to their certificates: without that, agents don't start. */
  readonly keyed: boolean
}

/**
 * Sorts all identities that have certificates into classes.
 *
 * @param desired What should be: the roles of agents, and what the stanzas say.
 * @param inventory What is.
 * @param options `now`: epoch milliseconds; `verdicts` where the chains have been verified already.
 */
export function agentClasses(
  desired: Desired,
  inventory: Inventory,
  options: { readonly now: number; readonly verdicts?: ChainVerdicts | undefined },
): readonly AgentClass[] {
  const verdicts = options.verdicts ?? chainVerdicts(desired, inventory, options)
  const configs = new Map(desired.configs.map((config) => [config.identity, config]))
  const numbers = new Numbers()
  const classes = new Map<string, Draft>()
  for (const wanted of desired.identities) {
    const generation = inventory.identities.get(wanted.address)?.current
    const leaf = generation?.chain[0]
    if (generation === undefined || leaf === undefined) continue
    const config = configs.get(wanted.address)
    const verdict = verdicts.get(wanted.address)
    const broken = verdict === undefined || verdict.ok ? undefined : verdict.code
    const keyed = isKeyed(generation, leaf)
    const key = `${likeness(wanted, config, generation, leaf, numbers)}\n${broken ?? ''}\n${keyed}`
    const known = classes.get(key)
    if (known === undefined) {
      classes.set(key, { ...draft(wanted, config, generation), broken, keyed })
    } else {
      known.members.push(wanted.address)
    }
  }
  return [...classes.values()]
}

interface Draft extends AgentClass {
  readonly members: string[]
}

function isKeyed({ key }: FoundGeneration, leaf: Certificate): boolean {
  return key.state === 'present' && sameBytes(key.publicKey.spki, leaf.publicKey.spki)
}

function draft(
  { address, profile }: DesiredIdentity,
  config: DesiredConfig | undefined,
  { chain, trust }: FoundGeneration,
): Omit<Draft, 'broken' | 'keyed'> {
  const { role, region, bundle } = profile
  return {
    members: [address],
    role,
    region,
    bundle,
    facts: {
      chain,
      trust,
      region,
      role,
      verifyServerHostname: config?.stanza.verify_server_hostname ?? true,
      verifyHttpsClient: config?.stanza.verify_https_client ?? true,
    },
  }
}

/** Everything that Nomad's checks look at, as one text. */
function likeness(
  { profile }: DesiredIdentity,
  config: DesiredConfig | undefined,
  generation: FoundGeneration,
  leaf: Certificate,
  numbers: Numbers,
): string {
  const names: string[] = []
  for (const name of leaf.subjectAltName ?? []) {
    if (name.type !== 'dns') continue
    // Hosts' own names differ from node to node and mean nothing; role names and wildcards do.
    if (classifyName(name.value).kind !== 'plain' || name.value.includes('*'))
      names.push(name.value)
  }
  return [
    profile.role,
    profile.region,
    profile.bundle,
    numbers.ofText(generation.bundle),
    ...generation.chain.slice(1).map((certificate) => numbers.ofCertificate(certificate)),
    '|',
    leaf.issuer.der.length,
    leaf.authorityKeyIdentifier ?? '',
    leaf.publicKey.name,
    (leaf.extendedKeyUsage ?? ['none']).join(','),
    leaf.subjectAltName === undefined ? 'no SAN' : '',
    ...commonNames(leaf.subject),
    '|',
    ...names,
    '|',
    config?.stanza.verify_server_hostname ?? true,
    config?.stanza.verify_https_client ?? true,
  ].join('\n')
}

/** Small numbers for what many have in common, so that no long text is compared ten thousand times. */
class Numbers {
  readonly #texts = new Map<string, number>()
  readonly #certificates = new Map<Certificate, string>()

  ofText(text: string): number {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    this.#texts.set(text, this.#texts.size)
    return this.#texts.size - 1
  }

  ofCertificate(certificate: Certificate): string {
    let known = this.#certificates.get(certificate)
    if (known === undefined) {
      known = fingerprintOf(certificate)
      this.#certificates.set(certificate, known)
    }
    return known
  }
}
