/** The templates of docs/automation.md: their scripts run, and their commands are those of this version. */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { env, execPath } from 'node:process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { commands, globalOptions } from '../../src/cli/surface.js'
import { buildPackage } from '../built.js'
import { cli, folder } from '../cli/cli.js'
import { wordsOf } from '../testscript.js'

const spec = 'version: 1\ncluster: acme\nregions:\n  global:\n    servers: { s1: {} }\n'

let built = ''
beforeAll(() => {
  built = buildPackage()
})
afterAll(() => {
  fs.rmSync(built, { recursive: true, force: true })
})

/** A checkout of a pull request that adds a server, and programs that write down how they were called. */
async function checkout(): Promise<string> {
  const cwd = folder({ 'cluster.yaml': spec })
  await cli(cwd, ['init', '--new-store'])
  await cli(cwd, ['apply', '--yes'])
  await cli(cwd, ['status', '--inventory', 'inventory.json'])
  fs.rmSync(path.join(cwd, 'pki'), { recursive: true })
  fs.writeFileSync(path.join(cwd, 'cluster.yaml'), spec.replace('s1: {}', 's1: {}, s2: {}'))
  const tool = `import(${JSON.stringify(path.join(built, 'bin/nomad-pki.js'))})\n`
  fs.mkdirSync(path.join(cwd, 'tools'))
  fs.writeFileSync(path.join(cwd, 'tools/nomad-pki.cjs'), tool)
  const sum = createHash('sha256').update(tool).digest('hex')
  fs.writeFileSync(path.join(cwd, 'tools/nomad-pki.cjs.sha256'), `${sum}  tools/nomad-pki.cjs\n`)
  fs.mkdirSync(path.join(cwd, 'bin'))
  for (const name of ['gh', 'curl', 'apt-get']) {
    const body = `#!/bin/sh\nprintf '%s\\n' "${name} $*" >>"$CALLS"\n[ ${name} != curl ] || cat >>"$CALLS"\n`
    fs.writeFileSync(path.join(cwd, 'bin', name), body, { mode: 0o755 })
  }
  fs.symlinkSync(execPath, path.join(cwd, 'bin/node'))
  return cwd
}

function run(cwd: string, shell: string, script: string, more: Record<string, string> = {}): void {
  const { status, stderr } = spawnSync(shell, ['-e', '-c', script], {
    cwd,
    encoding: 'utf8',
    env: {
      PATH: `${path.join(cwd, 'bin')}:${env['PATH'] ?? ''}`,
      CALLS: path.join(cwd, 'calls'),
      GITHUB_STEP_SUMMARY: path.join(cwd, 'summary.md'),
      GITHUB_REPOSITORY: 'acme/pki',
      NUMBER: '7',
      ...more,
    },
  })
  expect(status, stderr).toBe(0)
}

const read = (cwd: string, name: string): string => fs.readFileSync(path.join(cwd, name), 'utf8')
const template = (name: string): string => fs.readFileSync(`templates/${name}`, 'utf8')

describe('a pull request', () => {
  test('GitHub: each step runs without the store, and the plan is in the summary and the comment', async () => {
    const cwd = await checkout()
    const { jobs, permissions } = parse(template('automation/github-actions.yml')) as {
      jobs: { plan: { steps: { run?: string; uses?: string }[] } }
      permissions: object
    }
    expect(permissions).toEqual({ contents: 'read', 'pull-requests': 'write' })
    for (const { run: script } of jobs.plan.steps) {
      if (script === undefined) continue
      // A name that somebody chose must not become a part of a script.
      expect(script).not.toContain('${{')
      run(cwd, 'bash', script)
    }
    expect(read(cwd, 'summary.md')).toMatch(
      /^<!-- nomad-pki plan -->[^]*identity\/server\/global\/s2/,
    )
    expect(read(cwd, 'calls')).toContain(
      'gh api --silent repos/acme/pki/issues/7/comments -F body=@plan.md',
    )
  })

  test('GitLab: so too, and the token is on no command line', async () => {
    const cwd = await checkout()
    const job = (
      parse(template('automation/gitlab-ci.yml')) as Record<
        string,
        { before_script: string[]; script: string[] }
      >
    )['nomad-pki-plan']!
    for (const line of [...job.before_script, ...job.script]) {
      run(cwd, 'sh', line, {
        NOMAD_PKI_NOTES: 'hunter2',
        CI_API_V4_URL: 'https://gitlab.example/api/v4',
        CI_PROJECT_ID: '1',
        CI_MERGE_REQUEST_IID: '2',
      })
    }
    expect(read(cwd, 'plan.md')).toContain('identity/server/global/s2')
    const calls = read(cwd, 'calls').split('\n')
    expect(calls.find((line) => line.startsWith('curl '))).toMatch(
      /body@plan\.md https:\/\/gitlab\.example\/api\/v4\/projects\/1\/merge_requests\/2\/notes$/,
    )
    expect(calls.filter((line) => line.includes('hunter2'))).toEqual([
      'header = "PRIVATE-TOKEN: hunter2"',
    ])
  })
})

/** The command lines of a template, without what a shell does with them. */
function linesOf(text: string): readonly string[][] {
  const plain = [...text.matchAll(/nomad-pki(?:\.cjs)? ((?:[a-z]+ )[^\n>|]*)/g)].map(
    ([, line]) => line!,
  )
  const job = [...text.matchAll(/args += (\[[^\n]*\])/g)].map(([, list]) =>
    (JSON.parse(list!) as string[]).join(' '),
  )
  const first = new Set(commands.map(({ name }) => name.split(' ')[0]!))
  return [...plain, ...job].map(wordsOf).filter(([word = '']) => first.has(word))
}

const known = (words: readonly string[]): void => {
  const entry = commands.find(({ name }) => words.join(' ').startsWith(name))!
  const flags = [...entry.options, ...globalOptions].flatMap((one) =>
    one.flags.match(/--[a-z-]+/g)!,
  )
  for (const word of words) {
    if (/^--[a-z]/.test(word)) expect(flags, words.join(' ')).toContain(word)
  }
}

test.each([
  ['automation/github-actions.yml', 3],
  ['automation/gitlab-ci.yml', 2],
  ['automation/nomad-pki-watch.nomad.hcl', 1],
  ['automation/nomad-pki-probe.service', 1],
  ['automation/nomad-pki-inventory.service', 1],
  ['monitoring/nomad-pki-status.service', 1],
  ['nomad-pki-renew.service', 1],
])('%s: its commands and options are those of this version', (name, count) => {
  const lines = linesOf(template(name).replaceAll(/^ *#.*$/gm, ''))
  expect(lines).toHaveLength(count)
  lines.forEach(known)
})
