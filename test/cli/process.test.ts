/** What only a real process shows: streams that close, signals, an empty environment. */

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPackage, runBuilt } from '../built.js'
import { folder } from './cli.js'

let built = ''
beforeAll(() => {
  built = buildPackage()
})
afterAll(() => {
  fs.rmSync(built, { recursive: true, force: true })
})

describe('the program', () => {
  test('says its version, and runs without HOME, PATH or a terminal', async () => {
    const { status, stdout, stderr } = await runBuilt(built, ['--version'], { env: {} })
    const { version } = JSON.parse(fs.readFileSync(path.join(built, 'package.json'), 'utf8')) as {
      version: string
    }
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
  })

  test('a reader that goes away is not an error', async () => {
    const cwd = folder()
    expect((await runBuilt(built, ['init', '--clients', 'global=3'], { cwd })).status).toBe(0)
    const { status, signal, stderr } = await runBuilt(built, ['plan', '--long', '--quiet'], {
      cwd,
      watch: (child) => child.stdout?.destroy(),
    })
    expect({ status, signal, stderr }).toEqual({ status: 2, signal: null, stderr: '' })
  })

  test('a stdout that was closed from the beginning changes nothing but that', async () => {
    const cwd = folder()
    await runBuilt(built, ['init'], { cwd })
    const line = '"$0" "$1" plan -q >&-'
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', line, process.execPath, path.join(built, 'bin/nomad-pki.js')],
      { cwd, encoding: 'utf8' },
    )
    expect({ status, stderr }).toEqual({ status: 2, stderr: '' })
  })

  test('Ctrl-C stops at a step, says how to go on, and the next apply goes on', async () => {
    const cwd = folder()
    await runBuilt(built, ['init', '--servers', 'global=1', '--clients', 'global=2500'], { cwd })
    const stopped = await interruptWhen(cwd, () => fs.existsSync(path.join(cwd, 'pki/bundle')))
    expect(stopped.status).toBe(130)
    expect(stopped.stderr).toMatch(
      /^interrupted: finishing the step under way; a second Ctrl-C kills$/m,
    )
    expect(stopped.stderr).toMatch(/^completed steps are kept; to go on: nomad-pki apply --yes$/m)
    expect(stopped.stdout).toMatch(/of 2,50\d steps done/)
    const rest = await runBuilt(built, ['plan', '--json'], { cwd })
    const left = (JSON.parse(rest.stdout) as { steps: unknown[] }).steps.length
    expect(left).toBeGreaterThan(0)
    const done = /^([\d,]+) of/m.exec(stopped.stdout)?.[1]?.replace(',', '')
    expect(Number(done) + left).toBe(2503)
  })
})

function interruptWhen(cwd: string, ready: () => boolean): ReturnType<typeof runBuilt> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    runBuilt(built, ['apply', '--yes'], {
      cwd,
      started: (child) => {
        timer = setInterval(() => {
          if (!ready()) return
          clearInterval(timer)
          child.kill('SIGINT')
        }, 5)
      },
    }).then((run) => {
      clearInterval(timer)
      resolve(run)
    }, reject)
  })
}
