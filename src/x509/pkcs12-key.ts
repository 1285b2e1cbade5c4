/**
 * The key derivation of PKCS#12 itself (RFC 7292 appendix B): for the MAC of every file, and for the old
 * ciphers. Newer ciphers use PBKDF2 instead.
 *
 * @module
 */

import { hash as digestOf } from 'node:crypto'

/** A hash of the derivation: the octets of its output and of its blocks. */
export interface DerivationHash {
  readonly name: 'sha1' | 'sha256' | 'sha384' | 'sha512'
  readonly output: number
  readonly block: number
}

/** The hashes by name. */
export const derivationHashes: Readonly<Record<DerivationHash['name'], DerivationHash>> = {
  sha1: { name: 'sha1', output: 20, block: 64 },
  sha256: { name: 'sha256', output: 32, block: 64 },
  sha384: { name: 'sha384', output: 48, block: 128 },
  sha512: { name: 'sha512', output: 64, block: 128 },
}

/** What the derived octets are for (RFC 7292 appendix B.3). */
export const derivedFor = { key: 1, iv: 2, mac: 3 } as const

/**
 * Derives octets from a password.
 *
 * @param hash The hash.
 * @param purpose One of {@link derivedFor}.
 * @param password The password, written as a BMPString with two zero octets at its end (appendix B.1).
 * @param salt The salt.
 * @param rounds How often the hash runs for each block.
 * @param length How many octets.
 */
export function derivePkcs12(
  hash: DerivationHash,
  purpose: number,
  password: string,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Uint8Array {
  const { name, block, output } = hash
  const input = Buffer.concat([filled(salt, block), filled(bmpPassword(password), block)])
  const diversifier = Buffer.alloc(block, purpose)
  const derived = Buffer.alloc(Math.ceil(length / output) * output)
  for (let at = 0; at < length; at += output) {
    let digest = digestOf(name, Buffer.concat([diversifier, input]), 'buffer')
    for (let round = 1; round < rounds; round += 1) digest = digestOf(name, digest, 'buffer')
    derived.set(digest, at)
    if (at + output >= length) break
    addToBlocks(input, filled(digest, block, block))
  }
  return derived.subarray(0, length)
}

/** Adds a block, and 1, to each block of the input, modulo 2^(8 · block). */
function addToBlocks(input: Buffer, addend: Buffer): void {
  for (let from = 0; from < input.length; from += addend.length) {
    let carry = 1
    for (let at = addend.length - 1; at >= 0; at -= 1) {
      carry += input[from + at]! + addend[at]!
      input[from + at] = carry & 0xff
      carry >>= 8
    }
  }
}

/** Octets, repeated until they fill whole blocks; none stay none. */
function filled(octets: Uint8Array, block: number, length?: number): Buffer {
  const out = Buffer.alloc(length ?? Math.ceil(octets.length / block) * block)
  for (let at = 0; at < out.length; at += 1) out[at] = octets[at % octets.length]!
  return out
}

function bmpPassword(password: string): Uint8Array {
  return Buffer.from(`${password}\0`, 'utf16le').swap16()
}
