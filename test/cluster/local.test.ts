import { expect, test } from 'vitest'
import { noLocalSettings, parseLocal } from '../../src/cluster/local.js'

const authorities = ['agent', 'us-west']

function parsed(text: string): ReturnType<typeof parseLocal> {
  return parseLocal(text, { file: 'nomad-pki.local.yaml', authorities })
}

test.each(['', '\n', '# nothing yet\n  # at all\n', '{}\n', 'signers: {}\n', 'signers:\n'])(
  '%j says nothing',
  (text) => {
    expect(parsed(text)).toEqual({ settings: noLocalSettings, diagnostics: [] })
  },
)

test('a whole file', () => {
  const { settings, diagnostics } = parsed(
    [
      'signers:',
      '  agent: { command: [/usr/local/libexec/sign, "0", ""], timeout: 2m30s }',
      'passphrases:',
      '  agent: { file: secret/pass }',
      '  us-west:',
      '    command: [pass, show, pki]',
    ].join('\n'),
  )
  expect(diagnostics).toEqual([])
  expect(settings).toEqual({
    signers: new Map([
      ['agent', { command: ['/usr/local/libexec/sign', '0', ''], timeout: 150_000 }],
    ]),
    passphrases: new Map<string, object>([
      ['agent', { file: 'secret/pass' }],
      ['us-west', { command: ['pass', 'show', 'pki'], timeout: 60_000 }],
    ]),
  })
})

test.each<[string, line: number, message: RegExp, hint?: RegExp]>([
  ['signer: {}', 1, /unknown key "signer" at the top/, /the spec says the kind/],
  ['singers: {}', 1, /unknown key "singers"/, /did you mean signers\?/],
  ['signers:\n  agnet: { command: [a] }', 2, /no authority "agnet"/, /did you mean agent\?/],
  ['passphrases:\n  west: { file: a }', 2, /no authority "west"/],
  ['signers:\n  agent: {}', 2, /signers\.agent: the key command is missing/],
  ['signers:\n  agent: { command: sign it }', 2, /command is the text "sign it"/, /\[sign it\]/],
  ['signers:\n  agent: { command: [] }', 2, /command is empty/],
  ['signers:\n  agent: { command: [sign, 3] }', 2, /the number 3/, /in quotes/],
  ['signers:\n  agent: { command: ["a\\nb"] }', 2, /does not fit/],
  ['signers:\n  agent: { command: [a], timeout: 0s }', 2, /a timeout of 0/],
  ['signers:\n  agent: { command: [a], timeout: 2h }', 2, /"2h"/],
  ['signers:\n  agent: { command: [a], shell: true }', 2, /unknown key "shell"/],
  ['passphrases:\n  agent: {}', 2, /says neither file nor command/],
  ['passphrases:\n  agent: { file: a, command: [b] }', 2, /says both file and command/],
  ['passphrases:\n  agent: correct horse', 2, /passphrases\.agent is the text/],
  ['passphrase: correct horse', 1, /unknown key "passphrase"/, /does not stand here/],
  ['[]', 1, /the local file is a list/],
  ['signers: &a {}', 1, /an anchor/],
  ['signers: {}\n---\nsigners: {}', 2, /second document/],
])('%j is refused with its place', (text, line, message, hint) => {
  const { settings, diagnostics } = parsed(text)
  expect(settings).toBeUndefined()
  const [first] = diagnostics
  expect(first).toMatchObject({ file: 'nomad-pki.local.yaml', line })
  expect(diagnostics.map((one) => one.message).join('\n')).toMatch(message)
  if (hint !== undefined) expect(first?.hint).toMatch(hint)
})
