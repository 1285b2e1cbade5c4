/**
 * As much of MessagePack as Nomad's RPC and raft speak in one question and its answer.
 *
 * @module
 */

export type Value = null | boolean | number | string | Uint8Array | readonly Value[] | ValueMap
export interface ValueMap {
  readonly [key: string]: Value
}

/** Integers must be within 0..2^32-1, strings and arrays within 65,535. */
export function encode(value: Value): Buffer {
  if (value === null) return Buffer.of(0xc0)
  if (typeof value === 'boolean') return Buffer.of(value ? 0xc3 : 0xc2)
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(5, 0xce)
    bytes.writeUInt32BE(value, 1)
    return bytes
  }
  if (typeof value === 'string') return raw(Buffer.from(value, 'utf8'))
  if (value instanceof Uint8Array) return raw(value)
  if (Array.isArray(value)) {
    const items = value as readonly Value[]
    return Buffer.concat([head(0xdc, items.length), ...items.map(encode)])
  }
  const entries = Object.entries(value as ValueMap)
  return Buffer.concat([
    head(0xde, entries.length),
    ...entries.flatMap(([key, item]) => [encode(key), encode(item)]),
  ])
}

// Go's decoder takes the old raw type for strings and bytes alike.
const raw = (bytes: Uint8Array): Buffer => Buffer.concat([head(0xda, bytes.length), bytes])

function head(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(3, type)
  bytes.writeUInt16BE(length, 1)
  return bytes
}

/** The first value and where it ends, or `undefined` when the bytes are not all there. */
export function decode(bytes: Buffer, from = 0): { value: Value; end: number } | undefined {
  let at = from
  const take = (count: number): Buffer => {
    if (at + count > bytes.length) throw new RangeError('short')
    at += count
    return bytes.subarray(at - count, at)
  }
  const text = (length: number): string => take(length).toString('utf8')
  const array = (length: number): Value[] => Array.from({ length }, item)
  const map = (length: number): ValueMap =>
    Object.fromEntries(
      Array.from({ length }, () => {
        const key = item()
        return [typeof key === 'string' ? key : JSON.stringify(key), item()]
      }),
    )
  function item(): Value {
    const type = take(1).readUInt8()
    if (type <= 0x7f) return type
    if (type <= 0x8f) return map(type & 0x0f)
    if (type <= 0x9f) return array(type & 0x0f)
    if (type <= 0xbf) return text(type & 0x1f)
    if (type >= 0xe0) return type - 0x100
    switch (type) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
      case 0xd9:
        return text(take(1).readUInt8())
      case 0xc5:
      case 0xda:
        return text(take(2).readUInt16BE())
      case 0xc6:
      case 0xdb:
        return text(take(4).readUInt32BE())
      case 0xca:
        return take(4).readFloatBE()
      case 0xcb:
        return take(8).readDoubleBE()
      case 0xcc:
        return take(1).readUInt8()
      case 0xcd:
        return take(2).readUInt16BE()
      case 0xce:
        return take(4).readUInt32BE()
      case 0xcf:
        return Number(take(8).readBigUInt64BE())
      case 0xd0:
        return take(1).readInt8()
      case 0xd1:
        return take(2).readInt16BE()
      case 0xd2:
        return take(4).readInt32BE()
      case 0xd3:
        return Number(take(8).readBigInt64BE())
      case 0xdc:
        return array(take(2).readUInt16BE())
      case 0xdd:
        return array(take(4).readUInt32BE())
      case 0xde:
        return map(take(2).readUInt16BE())
      case 0xdf:
        return map(take(4).readUInt32BE())
      default:
        throw new Error(`unexpected MessagePack type 0x${type.toString(16)}`)
    }
  }
  try {
    const value = item()
    return { value, end: at }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
