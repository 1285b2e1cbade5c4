/** Where the files go that a person names: not into the store, by whatever name, and not to nowhere. */

import fs from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { wordsOf } from '../testscript.js'
import { cli, folder } from './cli.js'

let cwd = ''
const all = (): readonly string[] =>
  fs.readdirSync(cwd, { recursive: true, encoding: 'utf8' }).sort()

beforeAll(async () => {
  cwd = folder({ password: 'correct horse\n', file: 'mine\n' })
  await cli(cwd, ['init', '--servers', 'global=1', '--operator', 'alice'])
  expect((await cli(cwd, ['apply', '--yes'])).status).toBe(0)
  fs.symlinkSync('pki', path.join(cwd, 'link'))
  fs.symlinkSync('pki/identity', path.join(cwd, 'inner'))
  fs.symlinkSync('nowhere', path.join(cwd, 'dangling'))
})

const p12 = 'pack alice --layout p12 --password-file password'
const stores = ['pki', 'link', 'inner', './link/new/../.']

describe.each(stores)('nothing is saved in the store, which is called %s here', (store) => {
  test.each([
    [`pack s1 --out ${store}/x.tgz`, 'an archive'],
    [`pack --all --out-dir ${store}`, 'a folder of archives'],
    [`pack --all --out-dir ${store}/new/one`, 'a folder of archives'],
    [`pack --all --layout cfssl --out-dir ${store}`, 'a folder of keys'],
    [`pack --all --layout nomad-tls --out-dir ${store}/new`, 'a folder of keys'],
    [`${p12} --out ${store}/x.p12`, 'a PKCS#12 file'],
    [`pack alice --layout p12 --out x.p12 --new-password-file ${store}/pw`, 'a password'],
    [`plan --out ${store}/plan.json`, 'a plan'],
    [`probe --out ${store}/x.jsonl`, 'evidence'],
    [`probe --dry-run --out ${store}/x.jsonl`, 'evidence'],
  ])('%s', async (line, what) => {
    const before = all()
    const run = await cli(cwd, wordsOf(line))
    expect([run.status, run.stderr]).toEqual([
      1,
      expect.stringMatching(
        new RegExp(`^error: \\S*${store}\\S*: ${what} is not saved in the store$`, 'm'),
      ),
    ])
    expect(all()).toEqual(before)
  })
})

describe('- is not the name of a file', () => {
  test.each([
    'plan --out -',
    'probe --out -',
    'probe --dry-run --out -',
    'pack s1 --out -',
    `${p12} --out -`,
    'pack alice --layout p12 --out x.p12 --new-password-file -',
  ])('%s', async (line) => {
    const before = all()
    expect((await cli(cwd, wordsOf(line))).status).toBe(64)
    expect(all()).toEqual(before)
  })
})

describe('a place that cannot be is told before anything is written, in a rehearsal too', () => {
  test.each([
    ['pack s1 --out none/x.tgz', /none\/x\.tgz: there is no folder .*none/],
    ['pack s1 --out file/x.tgz', /file\/x\.tgz: .*file is not a folder/],
    ['pack --all --out-dir file', /file: .*file is not a folder/],
    ['pack --all --out-dir file/new', /file\/new: .*file is not a folder/],
    ['pack --all --out-dir dangling', /dangling: .*dangling is not a folder/],
    ['pack --all --layout cfssl --out-dir file', /file: .*file is not a folder/],
    [`${p12} --out none/x.p12`, /none\/x\.p12: there is no folder .*none/],
    ['pack alice --layout p12 --out none/x --new-password-file pw', /there is no folder .*none/],
    ['pack alice --layout p12 --out x --new-password-file none/pw', /there is no folder .*none/],
    ['probe --out none/x.jsonl', /none\/x\.jsonl: there is no folder .*none/],
  ])('%s', async (line, message) => {
    const before = all()
    for (const more of [[], ['--dry-run']]) {
      const run = await cli(cwd, [...wordsOf(line), ...more])
      expect([run.status, run.stderr]).toEqual([1, expect.stringMatching(message)])
    }
    expect(all()).toEqual(before)
  })

  test('a name with control characters is shown, and does not reach the terminal', async () => {
    for (const line of ['--all --out-dir', '--all --layout cfssl --out-dir']) {
      const run = await cli(cwd, ['pack', ...wordsOf(line), 'red\u001b[31m', '--dry-run'])
      expect(run.status).toBe(0)
      expect(run.stdout).toContain('  red\\u{1b}[31m/')
      expect(run.stdout + run.stderr).not.toContain('\u001b')
    }
    const file = wordsOf(`${p12} --out`)
    const run = await cli(cwd, [...file, 'red\u001b[31m', '--dry-run'])
    expect(run.stdout).toMatch(/^[0-9a-f]{64} {2}red\\u\{1b\}\[31m\n$/)
  })

  test('a folder of several levels is made, and one behind a link is taken', async () => {
    fs.mkdirSync(path.join(cwd, 'real'))
    fs.symlinkSync('real', path.join(cwd, 'other'))
    for (const place of ['a/b/c', 'other']) {
      expect((await cli(cwd, ['pack', '--all', '--out-dir', place])).status).toBe(0)
      expect(fs.readdirSync(path.join(cwd, place))).not.toEqual([])
    }
  })
})
