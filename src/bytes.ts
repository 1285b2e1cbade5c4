/**
 * Bytes: views, comparison, and text that keeps every byte.
 *
 * @module
 */

/**
 * Gives the same memory as a Buffer, without a copy.
 *
 * @param bytes Any range of bytes.
 */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * Gives the text of a file that should be ASCII, such as PEM. Latin-1 keeps every byte, so texts are
 * equal exactly where the files are.
 *
 * @param bytes The whole file.
 */
export function latin1Of(bytes: Uint8Array): string {
  return bufferOf(bytes).toString('latin1')
}

/**
 * Whether two ranges hold the same bytes.
 *
 * @param a One.
 * @param b The other one.
 */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  // The length first: most names that differ differ in it.
  return a === b || (a.length === b.length && Buffer.compare(a, b) === 0)
}
