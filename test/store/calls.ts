/**
 * Real system calls without the wait for the disk, and calls that go wrong on purpose.
 */

import { nodeFiles, type Files } from '../../src/files/files.js'

/** The real calls, which do not wait for the disk: tests do not pull the plug. */
export const hastyFiles: Files = { ...nodeFiles, syncAll: async () => true }

/** What a call may do before the real one: throw, or count. */
export type Before = (call: keyof Files, args: readonly unknown[]) => void

/** The same calls, each announced. */
export function watched(files: Files, before: Before): Files {
  return Object.fromEntries(
    Object.entries(files).map(([call, act]) => [
      call,
      (...args: unknown[]): unknown => {
        before(call as keyof Files, args)
        return (act as (...all: unknown[]) => unknown)(...args)
      },
    ]),
  ) as unknown as Files
}

/** An error as the operating system gives it. */
export function errno(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made up by a test`), { code })
}

/** Calls that only look change nothing; dying before them is dying before the next one that does. */
const looking: ReadonlySet<keyof Files> = new Set([
  'read',
  'fstat',
  'lstat',
  'stat',
  'names',
  'list',
  'readlink',
  'realpath',
])

/** Calls that die in the N-th one that does something; a write may get through by half before. */
export function mortal(dieAt: number, half: boolean): { files: Files; calls: () => number } {
  let calls = 0
  const dead = (): never => {
    throw errno('EIO')
  }
  const files = watched(hastyFiles, (call, args) => {
    if (calls >= dieAt) dead()
    if (looking.has(call)) return
    calls += 1
    if (calls < dieAt) return
    if (half && call === 'write') {
      const [fd, bytes, offset] = args as [number, Uint8Array, number]
      const length = Math.floor((bytes.length - offset) / 2)
      hastyFiles.write(fd, bytes.subarray(offset, offset + length), 0)
    }
    dead()
  })
  return { files, calls: () => calls }
}
