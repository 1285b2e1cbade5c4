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
    [['--all', '--out-dir', 'pki'], /pki\/global-s1-1\.tar\.gz: an archive is not saved in the/],
    [['s1', '--out', 'pki/s1.tgz'], /pki\/s1\.tgz: an archive is not saved in the store/],
    [['--all', '--out-dir', 'a-file'], /can't write .*a-file: it exists already/],
    [['--all', '--out-dir', 'a-link'], /can't write .*a-link: /],
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
