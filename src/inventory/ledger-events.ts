/**
 * The language of the ledger: every event, its fields and their units. The types, the reader, the JSON
 * Schema and docs/ledger.md come from this table.
 *
 * @module
 */

/** What a field holds: the type of its JSON value, and its unit. */
export const fieldTypes = {
  text: { json: 'string', text: 'text' },
  address: { json: 'string', text: 'address' },
  digest: { json: 'string', text: 'SHA-256, 64 hex digits' },
  hex: { json: 'string', text: 'hex digits' },
  instant: { json: 'number', text: 'milliseconds since 1970' },
  milliseconds: { json: 'number', text: 'milliseconds' },
  number: { json: 'number', text: 'number' },
  flag: { json: 'boolean', text: 'true or false' },
  texts: { json: 'array', text: 'list of texts' },
  addresses: { json: 'array', text: 'list of addresses' },
} as const

/** One field of an event. */
export interface EventField {
  /** The type of its value and its unit, by their word. */
  readonly type: keyof typeof fieldTypes
  /** What it means: a phrase without a full stop. */
  readonly text: string
  /** The only values, where there are few. */
  readonly words?: readonly string[] | undefined
  /** Whether a line without it counts. */
  readonly optional?: true | undefined
  /** Whether it can be `null`: then a wrong value, and none, are read as `null`. */
  readonly nullable?: true | undefined
}

/** All events. The key is the word in `event`. */
export const ledgerEvents = {
  began: {
    text: 'A store begins.',
    address: '`store`',
    fields: {
      store: { type: 'hex', text: 'random; it tells two stores of one cluster apart' },
      cluster: { type: 'text', text: 'the cluster that the store is for', optional: true },
    },
  },
  attempted: {
    text: 'An issuer outside this process is about to be asked. Until the attempt is closed, a certificate may exist that is not in the store.',
    address: 'what the certificate is for',
    fields: {
      attempt: {
        type: 'hex',
        text: 'names the attempt: the serial number that was prepared; an issuer may choose another',
      },
      issuer: { type: 'address', text: 'the authority that is asked' },
      key: { type: 'digest', text: 'of the public key that is certified (SubjectPublicKeyInfo)' },
      notAfter: { type: 'instant', text: 'when such a certificate ends' },
    },
  },
  refused: {
    text: 'An issuer signed nothing for an attempt. This closes it.',
    address: 'what the certificate was for',
    fields: {
      attempt: { type: 'hex', text: 'the attempt that it closes' },
      message: { type: 'text', text: 'why' },
    },
  },
  requested: {
    text: 'A certificate was asked of a key on another machine. It counts until a newer request for the same.',
    address: 'the authority that is to be certified',
    fields: {
      request: { type: 'digest', text: 'of the whole request' },
      issuer: { type: 'address', text: 'the authority whose key is asked; of a root itself' },
      attempt: { type: 'hex', text: 'the serial number that was asked for' },
    },
  },
  'list-requested': {
    text: 'A revocation list was asked of a key on another machine. It counts until a newer request for the same.',
    address: 'the authority whose key is asked',
    fields: {
      request: { type: 'digest', text: 'of the whole request' },
      number: { type: 'number', text: 'the number that the list is to have' },
    },
  },
  authority: {
    text: 'A generation of an authority was made.',
    address: 'the generation',
    fields: {
      serial: { type: 'hex', text: 'of its certificate', optional: true },
      fingerprint: { type: 'digest', text: 'of its certificate' },
      subject: { type: 'text', text: 'its name, as agents report it', optional: true },
      notAfter: { type: 'instant', text: 'when it ends', optional: true },
      issuer: {
        type: 'address',
        text: 'the root above it; `null`: it is a root',
        optional: true,
        nullable: true,
      },
      adopted: {
        type: 'flag',
        text: 'another tool made it, and it was taken over',
        optional: true,
      },
      attempt: { type: 'hex', text: 'the attempt that it closes', optional: true },
      healed: { type: 'flag', text: 'a run was killed; the line comes from files', optional: true },
    },
  },
  crossed: {
    text: 'An older root certified a new root.',
    address: 'the new root',
    fields: {
      by: { type: 'address', text: 'the older root' },
      serial: { type: 'hex', text: 'of the cross-certificate' },
      fingerprint: { type: 'digest', text: 'of the cross-certificate' },
      notAfter: { type: 'instant', text: 'when the cross-certificate ends' },
      attempt: { type: 'hex', text: 'the attempt that it closes', optional: true },
    },
  },
  generated: {
    text: 'Vault or OpenBao made the key of an authority, for this store. A key of the same name without such a line is not taken.',
    address: 'the generation',
    fields: {
      key: { type: 'digest', text: 'of its public key (SubjectPublicKeyInfo)' },
    },
  },
  encrypted: {
    text: 'The key of an authority in the store was put under a passphrase.',
    address: 'the generation',
    fields: {
      key: { type: 'digest', text: 'of its public key (SubjectPublicKeyInfo)' },
    },
  },
  decrypted: {
    text: 'The key of an authority in the store was written without its passphrase.',
    address: 'the generation',
    like: 'encrypted',
  },
  bundle: {
    text: 'A trust bundle was written.',
    address: 'the bundle',
    fields: {
      trusted: { type: 'addresses', text: 'the roots in it' },
    },
  },
  issued: {
    text: 'An identity got a new certificate, in a new generation.',
    address: 'the identity',
    fields: {
      generation: { type: 'number', text: 'its number' },
      serial: { type: 'hex', text: 'of the certificate' },
      fingerprint: { type: 'digest', text: 'of the certificate' },
      notBefore: { type: 'instant', text: 'when the certificate begins', optional: true },
      notAfter: { type: 'instant', text: 'when the certificate ends' },
      issuer: { type: 'address', text: 'the authority that signed it' },
      trusted: { type: 'addresses', text: 'the roots in its `ca.pem`', optional: true },
      reasons: { type: 'texts', text: 'why: the reasons of the plan', optional: true },
      host: { type: 'text', text: 'the host that ssh asked for the request', optional: true },
      attempt: { type: 'hex', text: 'the attempt that it closes', optional: true },
      healed: { type: 'flag', text: 'a run was killed; the line comes from files', optional: true },
    },
  },
  adopted: {
    text: 'A certificate that another tool made became a generation of an identity.',
    address: 'the identity',
    like: 'issued',
  },
  refreshed: {
    text: 'An identity got a new generation with the same key and certificate.',
    address: 'the identity',
    like: 'issued',
  },
  turned: {
    text: 'A generation that a killed run had made became current.',
    address: 'the identity',
    like: 'issued',
  },
  removed: {
    text: 'An item that the spec does not name was removed from the store.',
    address: 'the item',
    fields: {
      reason: { type: 'text', text: 'why: the reason of the plan' },
      subject: { type: 'text', text: 'the name of an authority', optional: true },
    },
  },
  stanza: {
    text: 'An agent’s configuration is about to be written.',
    address: 'the configuration',
    fields: {
      restart: {
        type: 'texts',
        text: 'keys that a reload does not apply: the agent needs a restart',
      },
    },
  },
  override: {
    text: 'A person overrode a guard.',
    address: '`store`; the identity, where an installer was overridden',
    fields: {
      code: { type: 'text', text: 'the guard' },
      value: { type: 'text', text: 'what exactly was overridden' },
      reason: { type: 'text', text: 'the reason that the person gave' },
      host: {
        type: 'text',
        text: 'where the installer ran',
        optional: true,
        nullable: true,
      },
    },
  },
  probe: {
    text: 'A probe leaf was made: `probe` offers it to agents, to see whether they trust its root.',
    address: 'the root',
    fields: {
      serial: { type: 'hex', text: 'of the leaf' },
      fingerprint: { type: 'digest', text: 'of the leaf' },
      notAfter: { type: 'instant', text: 'when the leaf ends' },
    },
  },
  'probe-ended': {
    text: 'A probe leaf was removed: it had ended, or its root’s gate had closed.',
    address: 'the root',
    fields: {
      gate: {
        type: 'text',
        text: 'every agent refuses the compromised root',
        words: ['closed'],
        optional: true,
      },
    },
  },
  observed: {
    text: 'An agent was seen at a port.',
    address: 'the identity whose certificate it presented; if unknown, the agent that was asked',
    fields: {
      generation: {
        type: 'number',
        text: 'the generation with it; `null`: unknown',
        nullable: true,
      },
      fingerprint: { type: 'digest', text: 'of the certificate that it presented' },
      endpoint: { type: 'text', text: 'where: `10.0.0.11:4646`' },
      rpc: { type: 'flag', text: 'whether it is the RPC port' },
      trusts: {
        type: 'texts',
        text: 'the roots that it named; `null`: it asked for no certificate',
        nullable: true,
      },
      issuers: { type: 'texts', text: 'the issuers in its chain, the leaf first', optional: true },
      accepts: { type: 'addresses', text: 'roots whose probe leaf it took', optional: true },
      refuses: { type: 'addresses', text: 'roots whose probe leaf it refused', optional: true },
      under: {
        type: 'address',
        text: 'the authority that signed a certificate that the ledger lacks',
        optional: true,
      },
      serial: { type: 'hex', text: 'of such a certificate', optional: true },
      leaf: {
        type: 'text',
        text: 'a certificate that the ledger lacks, DER in base64: an authority whose key is not in the store signed it, as for a node that renews itself; noted once',
        optional: true,
      },
      asked: {
        type: 'address',
        text: 'the agent that was asked, if not `address`',
        optional: true,
      },
      run: { type: 'instant', text: 'when the probe began', optional: true },
    },
  },
  silent: {
    text: 'A port did not answer.',
    address: 'the agent that was asked',
    fields: {
      endpoint: { type: 'text', text: 'where: `10.0.0.11:4646`' },
      rpc: { type: 'flag', text: 'whether it is the RPC port' },
      message: { type: 'text', text: 'what happened' },
      run: { type: 'instant', text: 'when the probe began', optional: true },
    },
  },
  received: {
    text: 'A node’s installer switched to a generation.',
    address: 'the identity',
    fields: {
      generation: { type: 'number', text: 'its number' },
      fingerprint: { type: 'digest', text: 'of its certificate' },
      archive: { type: 'digest', text: 'of the archive', nullable: true },
      host: { type: 'text', text: 'the host’s name', nullable: true },
      state: {
        type: 'text',
        text: 'the last thing that the installer did',
        words: ['switched', 'reloaded', 'proven'],
        optional: true,
      },
      under: {
        type: 'address',
        text: 'the authority that signed a certificate that the ledger lacks',
        optional: true,
      },
      serial: { type: 'hex', text: 'of such a certificate', optional: true },
      leaf: {
        type: 'text',
        text: 'a certificate that the ledger lacks, DER in base64: an authority whose key is not in the store signed it, as for a node that renews itself; noted once',
        optional: true,
      },
      trusted: {
        type: 'addresses',
        text: 'the roots in `ca.pem`, of a node that renews itself',
        optional: true,
      },
    },
  },
  members: {
    text: 'Nomad told which agents belong to a region.',
    address: '`cluster`',
    fields: {
      region: { type: 'text', text: 'the region' },
      servers: { type: 'texts', text: 'names of servers, `s1.global`' },
      clients: { type: 'texts', text: 'names of clients' },
      gone: { type: 'texts', text: 'names of those that left', optional: true },
      leader: { type: 'text', text: 'the name of the leader', optional: true },
      known: {
        type: 'texts',
        text: 'names that the spec lacks, of agents that presented a certificate of the spec',
        optional: true,
      },
      nodes: {
        type: 'texts',
        text: 'more about members: kind, name, id, status, endpoint, since when',
        optional: true,
      },
      incomplete: { type: 'text', text: 'why the clients are not known', optional: true },
      skew: {
        type: 'milliseconds',
        text: 'how far the server’s clock is ahead',
        optional: true,
      },
    },
  },
  excepted: {
    text: 'A person decided that a rotation does not wait for an agent.',
    address: 'the identity, or `member/REGION/NAME`',
    fields: {
      authority: { type: 'address', text: 'the new root; the exception holds for its rotation' },
      reason: { type: 'text', text: 'the reason that the person gave' },
    },
  },
  found: {
    text: 'A certificate that an engine lists, that has not ended, and that is not a generation of this store. Another store or a node asked for it.',
    address: 'the identity that its names are of; the authority, where they are of none',
    fields: {
      serial: { type: 'hex', text: 'of the certificate' },
      fingerprint: { type: 'digest', text: 'of the certificate' },
      notBefore: { type: 'instant', text: 'when the certificate begins' },
      notAfter: { type: 'instant', text: 'when the certificate ends' },
      issuer: { type: 'address', text: 'the authority that signed it' },
    },
  },
  revoked: {
    text: 'A person revoked a certificate. Nomad still takes it until it ends, or until no agent trusts its root.',
    address: 'the identity; the authority, where only the serial number is known',
    fields: {
      serial: { type: 'hex', text: 'of the certificate' },
      issuer: { type: 'address', text: 'the authority that signed it' },
      fingerprint: { type: 'digest', text: 'of the certificate', optional: true },
      notAfter: { type: 'instant', text: 'when the certificate ends', optional: true },
      key: {
        type: 'digest',
        text: 'of its public key (SubjectPublicKeyInfo)',
        optional: true,
      },
      reason: {
        type: 'text',
        text: 'why; absent: unspecified',
        optional: true,
        words: [
          'unspecified',
          'key-compromise',
          'affiliation-changed',
          'superseded',
          'cessation-of-operation',
          'privilege-withdrawn',
        ],
      },
    },
  },
  listed: {
    text: 'An authority signed a revocation list.',
    address: 'the authority',
    fields: {
      number: { type: 'number', text: 'the number of the list' },
      thisUpdate: { type: 'instant', text: 'when it was made' },
      nextUpdate: { type: 'instant', text: 'until when readers take it' },
      request: {
        type: 'digest',
        text: 'of the request of another machine, whose store keeps the list for its readers',
        optional: true,
      },
    },
  },
  compromised: {
    text: 'A person marked a root: its key may be known to others.',
    address: 'the root',
    fields: {},
  },
  reinstated: {
    text: 'The mark was removed. Now an `override` with the code `reinstate` does that.',
    address: 'the root',
    fields: {},
  },
} as const

/** The words in `event`. */
export type EventName = keyof typeof ledgerEvents

/** The entries of an event's fields, by their names. */
export type EventFields<Name extends EventName> = (typeof ledgerEvents)[Name] extends {
  readonly like: infer Other
}
  ? EventFields<Other & EventName>
  : (typeof ledgerEvents)[Name] extends { readonly fields: infer Fields }
    ? Fields
    : never

/** The types of JSON that fields have, by the words of the table. */
export interface JsonTypes {
  /** Texts, addresses and digits. */
  readonly string: string
  /** Numbers, and times in milliseconds. */
  readonly number: number
  /** Flags. */
  readonly boolean: boolean
  /** Lists of texts or of addresses. */
  readonly array: readonly string[]
}

/** The value of a field, by its entry. */
export type EventValue<Field> =
  | (Field extends { readonly words: readonly (infer Word)[] }
      ? Word
      : Field extends EventField
        ? JsonTypes[(typeof fieldTypes)[Field['type']]['json']]
        : never)
  | (Field extends { readonly nullable: true } ? null : never)

/** The values of an event's fields; optional ones may be absent. */
export type EventValues<Fields> = {
  readonly [
    Key in keyof Fields as Fields[Key] extends { readonly optional: true } ? never : Key
  ]: EventValue<Fields[Key]>
} & {
  readonly [Key in keyof Fields as Fields[Key] extends { readonly optional: true } ? Key : never]?:
    EventValue<Fields[Key]> | undefined
}

/** One event, without what chains its line. */
export type EventOf<Name extends EventName> = {
  /** The word of the table. */
  readonly event: Name
  /** What it is about: `identity/server/global/s1`, `authority/agent/1`, `store`. */
  readonly address: string
  /** Epoch milliseconds. */
  readonly at: number
} & EventValues<EventFields<Name>>

/** What is noted for ever: one line of the ledger, without what chains it. Never a secret. */
export type LedgerEvent = { [Name in EventName]: EventOf<Name> }[EventName]

/** The fields of an event, those that every line has left out. */
export function fieldsOf(event: EventName): readonly (readonly [string, EventField])[] {
  const entry = ledgerEvents[event]
  return 'like' in entry ? fieldsOf(entry.like) : Object.entries(entry.fields)
}

/** How one field is read: `instead` stands for a wrong value; without it the line does not count. */
interface Check {
  readonly key: string
  readonly json: keyof JsonTypes
  readonly words: readonly unknown[] | undefined
  readonly optional: boolean
  readonly instead: readonly [null | undefined | false] | undefined
}

const checks: ReadonlyMap<string, readonly Check[]> = new Map(
  (Object.keys(ledgerEvents) as EventName[]).map((event) => [
    event,
    fieldsOf(event).map(([key, { type, words, optional = false, nullable }]): Check => {
      const { json } = fieldTypes[type]
      const flag = json === 'boolean' ? ([false] as const) : undefined
      const instead = nullable ? ([null] as const) : optional ? ([undefined] as const) : flag
      return { key, json, words, optional, instead }
    }),
  ]),
)

/**
 * Reads the event in a line. A wrong optional field is left out, a wrong nullable one is `null`, and a
 * flag that is not `true` is `false`.
 *
 * @param line The line's value, with `event`, `address` and `at`.
 * @returns `undefined` for an event of a newer version, and where a needed field is missing or wrong.
 */
export function eventIn(line: { readonly event: string }): LedgerEvent | undefined {
  const fields = checks.get(line.event)
  if (fields === undefined) return undefined
  let read = line as Readonly<Record<string, unknown>>
  for (const { key, json, words, optional, instead } of fields) {
    const value = read[key]
    if (value === undefined && optional) continue
    if (json === 'array' ? isTexts(value) : typeof value === json) {
      if (words === undefined || words.includes(value)) continue
    }
    if (instead === undefined) return undefined
    // The line itself stays as it was written.
    if (value !== instead[0]) read = { ...read, [key]: instead[0] }
  }
  return read as unknown as LedgerEvent
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
