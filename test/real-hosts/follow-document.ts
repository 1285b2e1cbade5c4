/**
 * The whole example of a document, on real hosts: each command as it is written there, and what it prints.
 *
 * @module
 */

import fs from 'node:fs'
import { expect } from 'vitest'
import type { Bed } from './bed.js'

interface Entry {
  readonly line: string
  readonly says: string[]
}

/** The first block of text below a heading: each command with the lines that it prints there. */
function transcript(document: string, heading: string): readonly Entry[] {
  const text = fs.readFileSync(new URL(`../../docs/${document}`, import.meta.url), 'utf8')
  const block = /```text\n([^]*?)```/.exec(text.slice(text.indexOf(`${heading}\n`)))?.[1] ?? ''
  const entries: Entry[] = []
  for (const line of block.split('\n')) {
    if (line.startsWith('$ ')) entries.push({ line, says: [] })
    else if (line.trim() !== '' && line.trim() !== '…') entries.at(-1)!.says.push(line)
  }
  return entries
}

/** Dates and fingerprints are those of the day; which server leads, and so comes last, is Raft's own affair. */
function plain(line: string): string {
  return line
    .replace(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z/g, 'DATE')
    .replace(/\b[0-9]-[0-9a-f]{8}\b/g, 'GENERATION')
    .replace(/\bs[123](?=\.global|$|:)/g, 'sN')
    .replace(/^[0-9]+(?= {2}global: sN$)/, 'N')
    .trimEnd()
}

/**
 * Runs the commands of an example, and looks for each line of it in what they print, in its order.
 *
 * @param statuses How a command with this word ends. Default: 0.
 * @returns What the commands printed.
 */
export async function followDocument(
  bed: Bed,
  document: string,
  heading: string,
  statuses: Readonly<Record<string, number>> = {},
): Promise<readonly string[]> {
  const entries = transcript(document, heading)
  expect(entries.length, `commands in ${document}`).toBeGreaterThan(1)
  const all: string[] = []
  for (const { line, says } of entries) {
    const words = line.replace(/^\$ nomad-pki /, '').split(' ')
    // Nobody is there to type the answer.
    const asks = says.some((one) => one.includes('[y/N]'))
    const said = await bed.pki(...words, ...(asks ? ['--yes'] : []))
    const printed = `${said.stdout}${said.stderr}`
    if (process.env.NOMAD_PKI_SHOW !== undefined) console.log(`${line}\n${printed}`)
    const status = Object.entries(statuses).find(([word]) => words.includes(word))?.[1] ?? 0
    expect(said.status, `${line}\n${printed}`).toBe(status)
    const lines = printed.split('\n')
    const found = lines.map(plain)
    let at = 0
    for (const wanted of says.filter((one) => !one.includes('[y/N]'))) {
      const next = found.indexOf(plain(wanted), at)
      expect(next, `${line}: ${wanted}\n--- printed\n${printed}`).not.toBe(-1)
      at = next + 1
    }
    all.push(...lines)
  }
  return all
}
