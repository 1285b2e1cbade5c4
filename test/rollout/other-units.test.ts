/** An agent whose unit the spec does not name: what its host shows. */

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { env } from 'node:process'
import { afterAll, describe, expect, test } from 'vitest'
import { otherUnits, unitRemedy } from '../../src/rollout/other-units.js'
import { prologue } from '../../src/rollout/scripts.js'

const bin = fs.mkdtempSync(path.join(tmpdir(), "nomad-pki units' "))
afterAll(() => {
  fs.rmSync(bin, { recursive: true })
})

/** What a host tells whose systemd lists these units. */
function told(rows: string, running: 'yes' | 'no' = 'no'): string {
  fs.writeFileSync(path.join(bin, 'rows'), rows)
  fs.writeFileSync(
    path.join(bin, 'systemctl'),
    '#!/bin/sh\n[ "$1" = list-units ] && cat "${0%/*}/rows"\n',
    { mode: 0o755 },
  )
  return execFileSync('sh', ['-s'], {
    encoding: 'utf8',
    input: `${prologue}\nrunning=${running}\n${otherUnits}\n`,
    env: { ...env, PATH: `${bin}:${env.PATH ?? ''}` },
  })
}

describe('an agent by another unit', () => {
  test('units that run and have nomad in their names, and none of ours', () => {
    const rows = `hashi-nomad.service loaded active running Nomad
nomad-pki-c1.service loaded active running renews
nomad.timer loaded active running no service
`
    expect(told(rows)).toBe('other=hashi-nomad.service\n')
    expect(told(rows, 'yes')).toBe('')
    expect(told('')).toBe('')
    expect(told('nomad-x.service a\n'.repeat(9)).match(/other=/g)).toHaveLength(5)
  })

  test('a host without systemd has no unit to name', () => {
    expect(unitRemedy({ unit: 'absent', others: [] })).toMatch(/no systemd.*ssh: false/)
  })
})
