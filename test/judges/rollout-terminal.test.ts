/** `rollout` and `status --watch` on a real terminal: a pty that `script` of util-linux makes. */

import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPackage } from '../built.js'
import { fakeSsh, sevenHosts } from '../hosts/fake-ssh.js'
import { terminalAfter } from '../terminal.js'

let built = ''
const folders: string[] = []
beforeAll(() => {
  built = buildPackage()
})
afterAll(() => {
  for (const folder of [built, ...folders]) rmSync(folder, { recursive: true })
})

/** Types a command into a terminal of 60 columns and 8 lines; `press` is typed when a text appears. */
async function inTerminal(
  command: string,
  press?: { readonly when: RegExp; readonly keys: string },
): Promise<{ readonly written: string; readonly lines: readonly string[] }> {
  const base = mkdtempSync(path.join(tmpdir(), 'nomad-pki-pty-'))
  const bed = mkdtempSync(path.join(tmpdir(), 'nomad-pki-pty-hosts-'))
  folders.push(base, bed)
  writeFileSync(path.join(base, 'cluster.yaml'), sevenHosts)
  // `script` starts $SHELL: bash lives on when the command it waits for was interrupted, dash does not.
  const env = {
    ...process.env,
    ...fakeSsh(bed),
    SHELL: '/bin/bash',
    TERM: 'xterm',
    PKI: path.join(built, 'bin/nomad-pki.js'),
  }
  const pki = (...args: readonly string[]): void => {
    execFileSync(process.execPath, [env.PKI, ...args], { cwd: base, env, stdio: 'ignore' })
  }
  pki('init', '--new-store')
  pki('apply', '--yes')
  const line = `stty rows 8 cols 60; stty -g >before; ${command}; echo "status $?"; stty -g >after; cmp before after && echo 'the terminal is as it was'`
  const child = spawn('script', ['-qec', line, '/dev/null'], { cwd: base, env })
  let written = ''
  let pressed = false
  child.stdout.on('data', (bytes: Buffer) => {
    written += bytes.toString('utf8')
    if (press === undefined || pressed || !press.when.test(written)) return
    pressed = true
    child.stdin.write(press.keys)
  })
  await new Promise((resolve) => child.on('close', resolve))
  return { written, lines: terminalAfter(written, { columns: 60, rows: 8 }) }
}

describe('rollout in a pty', () => {
  test('a line a host in place, then a table; the terminal is as it was', async () => {
    const { written, lines } = await inTerminal(
      'node "$PKI" rollout --yes --wait 0s --max-failures 1',
    )
    const text = lines.join('\n')
    expect(written).toContain('looking at every host')
    expect(text).not.toContain('looking at every host')
    for (const name of ['s1', 's2', 'c1', 'c2', 'c3', 'c4']) {
      expect(text.match(new RegExp(`^  ${name}  +in place`, 'gm'))).toHaveLength(1)
    }
    expect(text).toMatch(/^status 1$/m)
    expect(text).toContain('the terminal is as it was')
  })

  test('Ctrl-C ends the waiting for a person, and the terminal is as it was', async () => {
    const { lines } = await inTerminal('node "$PKI" rollout --yes', {
      when: /waiting for you/,
      keys: '\u0003',
    })
    const text = lines.join('\n')
    expect(text).toContain('interrupted: the host at work is finished first')
    expect(text.match(/^ {2}off {2}waiting for you/gm)).toHaveLength(1)
    expect(text).toMatch(/^status 130$/m)
    expect(text).toContain('the terminal is as it was')
  })
})

test('status --watch follows what another command does, and Ctrl-C ends it', async () => {
  const { written, lines } = await inTerminal(
    '(sleep 3; node "$PKI" rotate leaves s1 --yes >/dev/null 2>&1) & node "$PKI" status --watch',
    { when: /Work to do: 1 undelivered/, keys: '\u0003' },
  )
  const text = lines.join('\n')
  expect(written).toMatch(/^acme /m)
  expect(text.match(/^acme {2}/gm)).toHaveLength(1)
  expect(text).toMatch(/^status 130$/m)
  expect(text).toContain('the terminal is as it was')
}, 60_000)
