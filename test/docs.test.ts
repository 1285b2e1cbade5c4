/**
 * Every block of commands in README and the documents, run as written and in order by a shell, with the
 * built command. One folder a document; what belongs to other machines is played by the programs below.
 *
 * A block of commands is fenced as `sh`; one that shows what a command says as `console`, with a `$`
 * before the command: `npm run docs` runs those, and writes what they say.
 */

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fixture } from './adoption/folders.js'
import { blocksOf, startMachine, type Machine } from './docs/machine.js'

const root = fileURLToPath(new URL('../', import.meta.url))

/** Documents that other tests run. */
const elsewhere: Readonly<Record<string, string>> = {
  'docs/commands.md':
    'made from the table of commands, whose examples test/cli/examples.test.ts runs',
}

/** Lines that are not run: what they hold, and why. */
const notHere: readonly (readonly [pattern: RegExp, why: string])[] = [
  [/^npm (ci|test|run) /, '.ci/run runs it, as an ordinary user'],
  [/^\.ci\/(run|deep) /, 'runs this test'],
  [/chown nomad:/, 'needs root, and the user of an agent'],
  [
    /--override .*…/,
    'overrides a refusal that nothing here gives, with the fingerprint that it names',
  ],
  [/--ledger-head [0-9a-f]+/, 'stands for the head that a reader noted'],
  [/nomad-pki sign /, 'test/cli/request.test.ts signs what a node asked for'],
  [
    /init --new-store|authority setup|rotate authority us-west/,
    'test/judges/openbao.test.ts does it with a real engine',
  ],
  [
    /nomad-pki renew|pack c1 --renew|^bao (policy )?write|enable --now nomad-pki-node/,
    'test/judges/renew.test.ts does it with a real engine',
  ],
  [
    /nomad-pki revoke .* # the ledger, then the engine/,
    'test/judges/openbao.test.ts does it with a real engine',
  ],
  [/--evidence (receipt|in\/\*)\.json/, 'test/cli/renewed-by.test.ts takes the receipt of a node'],
  [/adopt root --engine/, 'test/cli/adopt-engine.test.ts does it with an engine that is played'],
  [/openssl (req|cms) .*s1\.(der|csr)/, 'test/judges/requests.test.ts asks openssl'],
]

/** What a line holds that is of a node, and what stands for it here. */
const played: readonly (readonly [pattern: RegExp, here: string, why: string])[] = [
  [/ --stanza \S+/g, '', 'the stanza of the archive names the files in /etc'],
  [/\/etc\/nomad/g, '"$ETC"/nomad', 'a node has its files where root writes'],
  [/--reload nomad\.service/g, '--reload none', 'no agent runs here'],
  [/(install.*) --probe( [0-9.]+:\d+)?/g, '$1', 'and none answers'],
  [/\b415f…/g, '$FINGERPRINT', 'what pack printed'],
]

/** Lines that may end with something else than 0 (done) or 2 (done, and there is work or a finding). */
const endsWith: readonly (readonly [
  document: string,
  line: RegExp,
  status: number,
  why: string,
])[] = [
  [
    'docs/guide.md',
    /--next +# agent: \{ trusted: \[2\] \}/,
    3,
    'the gate saw no agent: none runs here',
  ],
  ['docs/turning-tls-on.md', /rotate tls/, 3, 'no agent has its files: nobody delivers here'],
  ['docs/rollout.md', /rollout --back/, 3, 'no terminal is there to ask on'],
  ['docs/vault.md', /^nomad-pki rollout$/, 3, 'no terminal is there to ask on'],
  ['docs/delivery.md', /--rollback/, 3, 'only one generation was ever there'],
  ['docs/other-tools.md', /--layout p12/, 64, 'no terminal is there to show the password on'],
]

// Nodes have their files below the document's own folder: no test writes to the /etc of this machine.
const cluster = `nomad-pki init --cluster acme --servers global=3 --clients global=3 --clients us-west=8 --operator alice &&
  sed "s#/etc/nomad-tls#$ETC/agent-tls#" cluster.yaml >edited && mv edited cluster.yaml && nomad-pki apply`

/** What is there before a document begins; without an entry, a cluster with certificates. */
const before: Readonly<Record<string, string>> = {
  'README.md': ':',
  'docs/guide.md': ':',
  'docs/delivery.md': `${cluster} && nomad-pki pack s1 --out s1-flat.tar.gz --layout flat &&
    cp "$PACKAGE/templates/install.sh" . && mkdir -p etc/nomad.d/tls`,
  'docs/turning-tls-on.md': `${cluster} && echo 'transport: plaintext' >>cluster.yaml`,
  'docs/verify.md': `${cluster} && (mkdir b && cd b && nomad-pki init --servers global=1 && nomad-pki apply) &&
    cp b/pki/bundle/agent/ca.pem old-ca.pem`,
  'docs/requests.md': `${cluster} && mkdir -p "$ETC/nomad-tls" "$ETC/nomad.d"`,
  'docs/machines.md': ':',
  'docs/other-tools.md':
    'nomad-pki init --cluster acme --servers global=1 --clients global=1 --operator alice && nomad-pki apply',
  'docs/from-cfssl.md': `cp -R '${fixture('cfssl')}' tls`,
  'docs/from-nomad-tls.md': `cp -R '${fixture('nomad-tls')}' tls`,
  // An authority that somebody made, and an agent that uses it.
  'docs/take-over.md': `
    (mkdir old && cd old && nomad-pki init --servers global=1 && nomad-pki apply) &&
    mkdir -p tls agents/s1/tls && cp old/pki/authority/agent/1/*.pem tls/ && rm -rf cluster.yaml pki &&
    cp old/pki/identity/server/global/s1/current/*.pem agents/s1/tls/ &&
    cat >agents/s1/nomad.hcl <<EOF
name = "s1"
data_dir = "/opt/nomad"
server {
  enabled          = true
  bootstrap_expect = 1
}
tls {
  http      = true
  rpc       = true
  ca_file   = "/etc/nomad.d/tls/ca.pem"
  cert_file = "/etc/nomad.d/tls/cert.pem"
  key_file  = "/etc/nomad.d/tls/key.pem"

  verify_server_hostname = true
  verify_https_client    = true
}
EOF`,
}

const documents = [
  ...fs.readdirSync(root).map((name) => name),
  ...fs.readdirSync(path.join(root, 'docs')).map((name) => `docs/${name}`),
]
  .filter((name) => name.endsWith('.md') && !(name in elsewhere))
  .map((name) => [name, fs.readFileSync(path.join(root, name), 'utf8')] as const)

let machine: Machine
beforeAll(() => {
  machine = startMachine()
})
afterAll(() => machine.remove())

const withCommands = documents.filter(([, text]) =>
  blocksOf(text).some(({ language }) => language === 'sh'),
)

describe('commands', () => {
  test.each(withCommands)('%s', (name, text) => {
    const cwd = machine.folder()
    const begun = machine.run(cwd, [before[name] ?? cluster])
    expect(begun).toMatchObject({ statuses: [0] })
    for (const { language, lines } of blocksOf(text)) {
      if (language !== 'sh') continue
      const run = lines.filter(
        (line) => !/^(#|$)/.test(line) && !notHere.some(([pattern]) => pattern.test(line)),
      )
      const { statuses, said } = machine.run(
        cwd,
        run.map((line) => played.reduce((now, [from, to]) => now.replaceAll(from, to), line)),
      )
      const wrong = run.flatMap((line, index) => {
        const exception = endsWith.find(([where, what]) => where === name && what.test(line))
        const right = exception === undefined ? [0, 2] : [exception[2]]
        return right.includes(statuses[index] ?? -1) ? [] : [`${statuses[index] ?? '?'}: ${line}`]
      })
      expect(wrong, said).toEqual([])
    }
  })

  test('a block of them is fenced as sh, so that it is run', () => {
    const unmarked = documents.flatMap(([name, text]) =>
      blocksOf(text)
        .filter(
          ({ language, lines }) =>
            language === '' &&
            /^(nomad-pki|nomad|npm|npx|ssh|scp|sh|tar|curl|sudo) /.test(lines[0]!),
        )
        .map(({ lines }) => `${name}: ${lines[0]!}`),
    )
    expect(unmarked).toEqual([])
  })

  test('nothing is left out, or excused, that is not there', () => {
    const lines = withCommands.flatMap(([name, text]) =>
      blocksOf(text)
        .filter(({ language }) => language === 'sh')
        .flatMap((block) => block.lines.map((line) => [name, line] as const)),
    )
    const unused = notHere.filter(([pattern]) => !lines.some(([, line]) => pattern.test(line)))
    expect(unused).toEqual([])
    const idle = played.filter(([pattern]) => !lines.some(([, line]) => line.search(pattern) >= 0))
    expect(idle).toEqual([])
    const excused = endsWith.filter(
      ([name, what]) => !lines.some(([where, line]) => where === name && what.test(line)),
    )
    expect(excused).toEqual([])
    for (const name of [...Object.keys(before), ...Object.keys(elsewhere)]) {
      expect(fs.existsSync(path.join(root, name))).toBe(true)
    }
  })
})
