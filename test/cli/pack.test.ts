import fs from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { cli, folder } from './cli.js'

const spec = 'version: 1\ncluster: acme\nregions: { global: { servers: { s1: {} } } }\n'

/** Made, and nothing packed. */
async function made(): Promise<string> {
  const cwd = folder({ 'cluster.yaml': spec, 'a-file': '' })
  await cli(cwd, ['init', '--new-store'])
  await cli(cwd, ['apply', '--yes'])
  return cwd
}

describe('where an archive goes', () => {
  test.each([
    [['--all', '--out-dir', 'pki'], /: pki: a folder of archives is not saved in the store/],
    [['s1', '--out', 'pki/s1.tgz'], /pki\/s1\.tgz: an archive is not saved in the store/],
    [['--all', '--out-dir', 'a-file'], /: a-file: .*a-file is not a folder/],
    [['--all', '--out-dir', 'a-link'], /: a-link: .*a-link is not a folder/],
  ])('%j is refused with the reason', async (line, message) => {
    const cwd = await made()
    fs.symlinkSync('nowhere', path.join(cwd, 'a-link'))
    const before = fs.readdirSync(path.join(cwd, 'pki'))
    const { status, stderr } = await cli(cwd, ['pack', ...line])
    expect(status).toBe(1)
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain('internal')
    expect(fs.readdirSync(path.join(cwd, 'pki'))).toEqual(before)
  })
})

describe('one of many that is not fit to be packed', () => {
  const wide = spec.replace('{ s1: {} }', '{ s1: {}, s2: {}, s3: {}, s4: {} }')

  /** s2 has a torn chain, s3 was never made, and s4's archive is there with other bytes. */
  async function damaged(): Promise<string> {
    const cwd = folder({ 'cluster.yaml': wide, 'out/global-s4-1.tar.gz': 'another' })
    await cli(cwd, ['init', '--new-store'])
    await cli(cwd, ['apply', '--yes'])
    const place = path.join(cwd, 'pki/identity/server/global')
    fs.writeFileSync(path.join(place, 's2/current/cert.pem'), 'torn')
    fs.rmSync(path.join(place, 's3'), { recursive: true })
    return cwd
  }

  test.each([[['--all']], [['s1', 's2', 's3', 's4']]])(
    'is named, and the others are packed: %j',
    async (which) => {
      const cwd = await damaged()
      const run = await cli(cwd, ['pack', ...which, '--out-dir', 'out', '--quiet'])
      expect(run.status).toBe(1)
      expect(run.stdout).toMatch(/^[0-9a-f]{64} {2}out\/global-s1-1\.tar\.gz\n$/)
      expect(run.stderr).toMatch(/error: identity\/server\/global\/s2 is not fit to be packed: /)
      expect(run.stderr).toContain('error: identity/server/global/s3 has no current generation')
      expect(run.stderr).toMatch(/error: .*global-s4-1\.tar\.gz exists already/)
      expect(fs.readdirSync(path.join(cwd, 'out')).sort()).toEqual([
        'global-s1-1.tar.gz',
        'global-s4-1.tar.gz',
      ])
      expect(fs.readFileSync(path.join(cwd, 'out/global-s4-1.tar.gz'), 'utf8')).toBe('another')
      const loud = await cli(cwd, ['pack', ...which, '--out-dir', 'out'])
      expect(loud.stderr).toContain(
        '3 of 4 were not packed: identity/server/global/s2, identity/server/global/s3, identity/server/global/s4',
      )
    },
  )

  test('stands in the document', async () => {
    const cwd = await damaged()
    const run = await cli(cwd, ['pack', '--all', '--out-dir', 'out', '--json'])
    expect([run.status, run.stderr]).toEqual([1, ''])
    expect(JSON.parse(run.stdout)).toMatchObject({
      archives: [{ address: 'identity/server/global/s1', written: true }],
      held: ['s2', 's3', 's4'].map((name) => ({ address: `identity/server/global/${name}` })),
    })
  })

  test('where none is fit, nothing is made', async () => {
    const cwd = folder({ 'cluster.yaml': wide })
    await cli(cwd, ['init', '--new-store'])
    const run = await cli(cwd, ['pack', '--all', '--out-dir', 'out'])
    expect([run.status, run.stdout]).toEqual([1, ''])
    expect(run.stderr).toContain('4 of 4 were not packed')
    expect(fs.existsSync(path.join(cwd, 'out'))).toBe(false)
  })
})
