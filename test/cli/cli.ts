/**
 * Calls the command in this process.
 *
 * @module
 */

import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll } from 'vitest'
import { main } from '../../src/cli/main.js'
import { testContext, type World } from './context.js'

/** The present, because handshakes know no other. */
export const now: number = Date.now()

/** What a command said. */
export interface Said {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command in a folder. */
export async function cli(
  cwd: string,
  argv: readonly string[],
  world: Partial<World> = {},
): Promise<Said> {
  const made = testContext({ now, ...world, argv, cwd })
  const status = await main(made.context)
  return { status, stdout: made.stdout(), stderr: made.stderr() }
}

const folders: string[] = []
afterAll(() => {
  for (const made of folders) fs.rmSync(made, { recursive: true, force: true })
})

/** A new folder, with files in it; removed when the file's tests are over. */
export function folder(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const made = fs.mkdtempSync(path.join(tmpdir(), 'nomad-pki cli\'s "test" '))
  folders.push(made)
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(made, name)), { recursive: true })
    fs.writeFileSync(path.join(made, name), content)
  }
  return made
}
