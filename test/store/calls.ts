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
