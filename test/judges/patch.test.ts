/** The real `patch` takes the diffs that are shown. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { diffText } from '../../src/report/diff.js'
import { plainStyle } from '../../src/report/style.js'

test.each([
  ['tabs', 'a\n\thttp = false\nb\n', 'a\n\thttp = true\nb\n'],
  ['CRLF', 'a\r\nhttp = false\r\nb\r\n', 'a\r\nhttp = true\r\nb\r\n'],
  ['no newline at the end', 'a\nhttp = false', 'a\nhttp = true'],
  ['a newline that comes', 'a\nb', 'a\nb\ntls {\n}\n'],
  ['a newline that goes', 'a\nb\n', 'a\nb'],
  ['several places', 'a\nb\nc\nd\ne\n', 'x\nb\nc\ny\ne\nf\n'],
])('%s', (_, before, after) => {
  const folder = mkdtempSync(join(tmpdir(), 'nomad-pki-patch-'))
  try {
    const file = join(folder, 'n.hcl')
    writeFileSync(file, before)
    const input = `${diffText('n.hcl', before, after, plainStyle)}\n`
    const { status, stdout } = spawnSync('patch', ['--binary', '--unified', file], {
      input,
      encoding: 'utf8',
    })
    expect(stdout).toContain('patching file')
    expect(status).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe(after)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
