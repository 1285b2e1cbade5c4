/**
 * What the members of an inventory file have to be: a file that was cut, edited or made by something else is refused
 * with the place, before anything is made of it.
 *
 * @module
 */

/** What a value has to be. A name that ends in `?` may be absent. */
type Shape =
  | 'string'
  | 'count'
  | 'number'
  | 'boolean'
  | readonly ['one of', ...string[]]
  | { readonly list: Shape }
  | { readonly map: Shape }
  | { readonly of: Readonly<Record<string, Shape>> }

const strings: Shape = { list: 'string' }
const findings: Shape = {
  list: {
    of: {
      severity: ['one of', 'error', 'warning', 'note'],
      ...{ address: 'string', reason: 'string', message: 'string', 'remedy?': 'string' },
    },
  },
}
const key: Shape = {
  of: {
    state: ['one of', 'present', 'malformed', 'absent', 'encrypted', 'node', 'elsewhere'],
    ...{ 'publicKey?': 'string', 'message?': 'string' },
  },
}
const generation: Shape = {
  of: { directory: 'string', number: 'count', chain: strings, key, bundle: 'count' },
}
const inventory: Shape = {
  of: {
    ...{ cluster: 'string', madeAt: 'number', begun: 'boolean', storeExists: 'boolean' },
    ...{ location: 'string', texts: strings, certificates: { map: 'string' } },
    authorities: {
      list: {
        of: {
          ...{ address: 'string', name: 'string', generation: 'count', 'certificate?': 'string' },
          ...{ key, crossed: { map: 'string' }, 'list?': 'string', findings },
        },
      },
    },
    bundles: {
      list: {
        of: { address: 'string', name: 'string', text: 'count', certificates: strings, findings },
      },
    },
    identities: {
      list: {
        of: {
          ...{ address: 'string', 'link?': 'string' },
          ...{ 'current?': generation, 'unfinished?': generation },
          ...{ generations: strings, findings },
        },
      },
    },
    configs: {
      list: {
        of: {
          ...{ path: 'string', kind: ['one of', 'directory', 'file', 'missing'] },
          ...{ location: 'string', 'real?': 'string', 'folders?': strings },
          'fault?': { of: { message: 'string', 'remedy?': 'string' } },
          files: {
            list: { of: { path: 'string', name: 'string', 'real?': 'string', text: 'string' } },
          },
        },
      },
    },
    inUse: {
      list: { of: { address: 'string', path: 'string', roots: strings, chain: strings } },
    },
    'ledger?': 'string',
    findings,
  },
}

/**
 * Compares a parsed document with what an inventory has.
 *
 * @returns The first difference, as a sentence with its place, such as
 *   `identities[3].current.chain is missing; expected a list`; `undefined` where there is none.
 */
export function inventoryFault(document: unknown): string | undefined {
  return faultIn(document, inventory, '')
}

function faultIn(value: unknown, shape: Shape, place: string): string | undefined {
  const wrong = (): string =>
    `${place === '' ? 'the document' : place} is ${value === undefined ? 'missing' : kindOf(value)}; expected ${expectedBy(shape)}`
  if (typeof shape === 'string') {
    const good =
      shape === 'count'
        ? Number.isSafeInteger(value) && (value as number) >= 0
        : typeof value === shape
    return good ? undefined : wrong()
  }
  if (isWords(shape)) return shape.slice(1).includes(value as string) ? undefined : wrong()
  if ('list' in shape) {
    if (!Array.isArray(value)) return wrong()
    for (const [index, item] of (value as unknown[]).entries()) {
      const fault = faultIn(item, shape.list, `${place}[${index}]`)
      if (fault !== undefined) return fault
    }
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return wrong()
  if ('map' in shape) {
    for (const [name, item] of Object.entries(value)) {
      const fault = faultIn(item, shape.map, `${place}[${JSON.stringify(name.slice(0, 80))}]`)
      if (fault !== undefined) return fault
    }
    return undefined
  }
  for (const [name, inner] of Object.entries(shape.of)) {
    const own = name.replace('?', '')
    // What an object inherits is not a member of the document.
    const item = Object.hasOwn(value, own) ? (value as Record<string, unknown>)[own] : undefined
    if (item === undefined && name.endsWith('?')) continue
    const fault = faultIn(item, inner, place === '' ? own : `${place}.${own}`)
    if (fault !== undefined) return fault
  }
  return undefined
}

function isWords(shape: Exclude<Shape, string>): shape is readonly ['one of', ...string[]] {
  return Array.isArray(shape)
}

function expectedBy(shape: Shape): string {
  if (shape === 'count') return 'a whole number'
  if (typeof shape === 'string') return shape === 'boolean' ? 'true or false' : `a ${shape}`
  if (isWords(shape)) return shape.slice(1).join(', ')
  return 'list' in shape ? 'a list' : 'an object'
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'an object'
  const text = JSON.stringify(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
