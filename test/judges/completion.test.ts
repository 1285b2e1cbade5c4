/** The scripts of `completion`, judged by the shells that evaluate them. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands, families, globalOptions } from '../../src/cli/surface.js'
import { completionShells } from '../../src/report/completion-shells.js'
import { completionText } from '../../src/report/completion.js'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nomad-pki-completion-'))
  for (const shell of completionShells) {
    writeFileSync(join(folder, shell), completionText(shell, commands, families, globalOptions))
  }
  // In place of the command: it lists what the scripts ask for.
  writeFileSync(
    join(folder, 'nomad-pki'),
    `#!/bin/sh
case "$*" in
  'completion --list identities') printf 's1\\nglobal/c1\\n' ;;
  'completion --list identities --file x.yaml') echo other ;;
  'completion --list agents') echo s1 ;;
  *) exit 1 ;;
esac
`,
    { mode: 0o755 },
  )
})
afterAll(() => {
  rmSync(folder, { recursive: true })
})

function ask(shell: string, ...args: readonly string[]): readonly string[] {
  const stdout = execFileSync(shell, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${folder}:${process.env.PATH!}`, HOME: folder },
  })
  return stdout.split('\n').filter((line) => line !== '')
}

/** What bash offers for a line whose last word is not finished. */
function inBash(line: string): readonly string[] {
  const words = line.split(' ')
  const driver = `
complete() { :; }
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_nomad_pki
printf '%s\\n' "\${COMPREPLY[@]}"`
  return ask('bash', '-c', driver, 'bash', join(folder, 'bash'), ...words)
}

/** The same for fish, without descriptions. */
function inFish(line: string): readonly string[] {
  const driver = `source ${join(folder, 'fish')}; complete -C${JSON.stringify(line)}`
  return ask('fish', '--no-config', '-c', driver).map((one) => one.split('\t')[0]!)
}

test.each(completionShells)('%s parses its script', (shell) => {
  ask(shell, '-n', join(folder, shell))
})

describe.each<[string, readonly string[]]>([
  ['nomad-pki rot', ['rotate']],
  ['nomad-pki rotate ', ['leaves', 'authority', 'tls']],
  ['nomad-pki config c', ['check']],
  ['nomad-pki rotate leaves ', ['s1', 'global/c1']],
  ['nomad-pki rotate leaves g', ['global/c1']],
  ['nomad-pki -f x.yaml rotate leaves ', ['other']],
  ['nomad-pki rotate authority --except ', ['s1']],
  ['nomad-pki rotate authority --way c', ['crossed']],
  ['nomad-pki rotate authority --way crossed --ne', ['--next']],
  ['nomad-pki add cl', ['client']],
  ['nomad-pki pack --layout fl', ['flat']],
  ['nomad-pki completion b', ['bash']],
  ['nomad-pki verify ', []],
])('%j', (line, words) => {
  test('bash', () => {
    expect(inBash(line)).toEqual(words)
  })

  test('fish', () => {
    expect([...inFish(line)].sort()).toEqual([...words].sort())
  })
})

test('bash offers nothing where nothing can be known', () => {
  expect(inBash('nomad-pki add client ')).toEqual([])
  expect(inBash('nomad-pki env alice ')).toEqual([])
})
