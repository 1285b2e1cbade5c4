/** The last lines of an agent's log, by the real script with a journal, a systemctl and an agent of the test. */

import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { env } from 'node:process'
import { afterAll, describe, expect, test } from 'vitest'
import { agentLog, logScript } from '../../src/rollout/agent-log.js'
import { memoryHosts } from '../../src/hosts/memory-hosts.js'
import { readLog } from '../../src/rollout/scripts.js'
import { shellQuote } from '../../src/shell-quote.js'

const made: string[] = []
const children: { kill: () => void }[] = []
afterAll(() => {
  for (const child of children) child.kill()
  for (const folder of made) fs.rmSync(folder, { recursive: true, force: true })
})

const since = Math.floor(Date.now() / 1000) - 60
const stamp = (ago: number): string => {
  const at = new Date(Date.now() - ago * 1000)
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000)
  return local.toISOString().replace('Z', '+0000')
}

interface Bed {
  /** What `journalctl` prints; default: there is none. */
  readonly journal?: string
  /** Words of the agent's command line. */
  readonly words?: (folder: string) => readonly string[]
  readonly files?: Readonly<Record<string, string>>
}

function rowsOf({ journal, words, files = {} }: Bed): readonly string[] {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nomad-pki-log-'))
  made.push(folder)
  const bin = path.join(folder, 'bin')
  fs.mkdirSync(bin)
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    fs.writeFileSync(path.join(folder, name), text.replaceAll('FOLDER', folder))
  }
  const shim = (name: string, text: string): void => {
    fs.writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  }
  fs.writeFileSync(path.join(folder, 'journal'), journal ?? '')
  shim(
    'journalctl',
    journal === undefined ? 'exit 1' : `cat ${shellQuote(path.join(folder, 'journal'))}`,
  )
  const agent =
    words && spawn('sh', ['-c', 'sleep 60; :', 'nomad', ...words(folder)], { stdio: 'ignore' })
  if (agent !== undefined) children.push(agent)
  shim('systemctl', `echo MainPID=${agent?.pid ?? 0}`)
  const { stdout } = spawnSync('sh', ['-s'], {
    input: logScript('nomad.service', since),
    encoding: 'utf8',
    env: { ...env, PATH: `${bin}:${env.PATH ?? ''}` },
  })
  return readLog(stdout)
}

const error = `${stamp(5)} [ERROR] agent: failed to reload: open key.pem: permission denied`

describe("the agent's own log", () => {
  test('errors of the journal; warnings only where there are none, and not those of our own probes', () => {
    const warning = `${stamp(6)} [WARN]  agent: something is odd`
    const probe = `${stamp(6)} [WARN]  nomad.rpc: failed TLS handshake: remote_addr=198.18.0.1`
    const info = `${stamp(6)} [INFO]  agent: reloading`
    expect(rowsOf({ journal: [info, warning, error, ''].join('\n') })).toEqual([error])
    expect(rowsOf({ journal: [info, warning, probe, ''].join('\n') })).toEqual([warning])
    expect(rowsOf({ journal: [info, probe, ''].join('\n') })).toEqual([])
  })

  test('three lines, of a bearable length, without what moves a cursor', () => {
    const many = Array.from({ length: 9 }, (_, at) => `[ERROR] ${at} \u001b[31m${'x'.repeat(900)}`)
    const rows = rowsOf({ journal: many.join('\n') })
    expect(rows.map((row) => row.slice(0, 9))).toEqual(['[ERROR] 6', '[ERROR] 7', '[ERROR] 8'])
    expect(rows.every((row) => row.length === 300 && !row.includes('\u001b'))).toBe(true)
  })

  test.each<[string, Bed]>([
    [
      'the file that a configuration names',
      {
        words: (folder) => ['agent', `-config=${folder}/etc`],
        files: { 'etc/a.hcl': 'region = "global"\nlog_file = "FOLDER/agent.log"\n' },
      },
    ],
    [
      'the file that a configuration in JSON names',
      {
        words: (folder) => ['agent', '-config', `${folder}/etc/a.json`],
        files: { 'etc/a.json': '{ "log_file": "FOLDER/agent.log" }\n' },
      },
    ],
    [
      'the file of the command line',
      { words: (folder) => ['agent', `-log-file=${folder}/agent.log`] },
    ],
  ])('%s, from the moment of the reload', (_name, bed) => {
    const old = `${stamp(3600)} [ERROR] agent: an old trouble`
    const files = { ...bed.files, 'agent.log': `${old}\n${error}\n` }
    expect(rowsOf({ ...bed, files })).toEqual([error])
  })

  test('a host that does not answer has said nothing', async () => {
    const hosts = memoryHosts(() => ({ reached: false, message: 'cut' }))
    expect(await agentLog(hosts.at('s1'), 'nomad.service', undefined)).toEqual([])
  })
})
