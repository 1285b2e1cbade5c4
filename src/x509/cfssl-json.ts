/**
 * cfssl's JSON: what its commands print (certificate, request and key as texts in one document), and the two
 * kinds of files that they read. cfssl 1.6.5: cli/gencert, cli/sign, bundler/bundle.go, config/config.go, csr/csr.go.
 *
 * @module
 */

/** A document of cfssl. */
export type CfsslDocument =
  /** PEM texts by the name of their member. */
  | { readonly kind: 'output'; readonly texts: ReadonlyMap<string, string> }
  /** A signing configuration: usages by profile. */
  | { readonly kind: 'signing'; readonly profiles: ReadonlyMap<string, CfsslProfile> }
  /** What a certificate is to be asked for. */
  | {
      readonly kind: 'request'
      readonly commonName: string
      readonly hosts: readonly string[]
      /** `ecdsa-256`; absent where the document leaves it to cfssl. */
      readonly key?: string | undefined
    }

/** A profile of a signing configuration. */
export interface CfsslProfile {
  /** As Go writes a duration: `87600h`. */
  readonly expiry: string
  readonly usages: readonly string[]
}

/**
 * Reads a document of cfssl.
 *
 * @param text JSON.
 * @returns `undefined` if it is not JSON, or nothing of cfssl's.
 */
export function parseCfsslJson(text: string): CfsslDocument | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  // The answers of cfssl's server stand in an envelope.
  const document = isObject(value.result) ? value.result : value
  const texts = new Map<string, string>()
  for (const [name, member] of Object.entries(document)) {
    if (typeof member === 'string' && member.includes('-----BEGIN ')) texts.set(name, member)
  }
  if (texts.size > 0) return { kind: 'output', texts }
  if (isObject(document.signing)) return signing(document.signing)
  if (isObject(document.key) || 'hosts' in document) {
    const { CN, hosts, key } = document
    if (typeof CN !== 'string' && !Array.isArray(hosts)) return undefined
    const algorithm =
      isObject(key) && typeof key.algo === 'string' && typeof key.size === 'number'
        ? `${key.algo}-${key.size}`
        : undefined
    return {
      kind: 'request',
      commonName: typeof CN === 'string' ? CN : '',
      hosts: stringsOf(hosts),
      ...(algorithm !== undefined && { key: algorithm }),
    }
  }
  return undefined
}

function signing(value: Members): CfsslDocument | undefined {
  const profiles = new Map<string, CfsslProfile>()
  const named = isObject(value.profiles) ? Object.entries(value.profiles) : []
  for (const [name, profile] of [['default', value.default] as const, ...named]) {
    if (!isObject(profile)) continue
    const expiry = typeof profile.expiry === 'string' ? profile.expiry : ''
    profiles.set(name, { expiry, usages: stringsOf(profile.usages) })
  }
  return profiles.size === 0 ? undefined : { kind: 'signing', profiles }
}

type Members = Readonly<Record<string, unknown>>

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function stringsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}
