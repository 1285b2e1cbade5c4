import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import type { Command } from '../../src/cli/command.js'
import { exitStatusSentences } from '../../src/cli/status.js'
import { commands, families, globalOptions, longName, type Options } from '../../src/cli/surface.js'
import type { FlagEntry, FlagName } from '../../src/cli/surface/entry.js'
import { flags, globalFlags } from '../../src/cli/surface/flags.js'
import { completionShells } from '../../src/report/completion-shells.js'
import { wordsOf } from '../testscript.js'
import { cli } from './cli.js'

describe('the command surface', () => {
  test.each(commands.map((entry) => [entry.name, entry] as const))(
    '%s: its help shows its options and both examples',
    async (name, entry) => {
      const { status, stdout, stderr } = await cli('/', [...name.split(' '), '--help'])
      expect(status).toBe(0)
      expect(stderr).toBe('')
      for (const example of entry.examples) expect(stdout).toContain(`$ ${example}`)
      for (const { flags: text } of [...entry.options, ...globalOptions]) {
        expect(stdout).toContain(text)
      }
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    },
  )

  test.each(commands.map((entry) => [entry.name, entry] as const))(
    '%s: each example parses as its own command',
    (name, entry) => {
      for (const example of entry.examples) {
        const [program, ...words] = wordsOf(example)
        const verbs = name.split(' ')
        expect([program, ...words.slice(0, verbs.length)]).toEqual(['nomad-pki', ...verbs])
        const rest = words.slice(verbs.length)
        const known = [...entry.options, ...globalOptions].map((option) => option.flags)
        for (const flag of rest.filter((word) => word.startsWith('-'))) {
          expect(known.some((text) => text.split(/[ ,]+/).includes(flag))).toBe(true)
        }
      }
    },
  )

  test('--help lists every command and every exit status', async () => {
    const { status, stdout } = await cli('/', ['--help'])
    expect(status).toBe(0)
    const first = commands.filter(({ name }) => !name.includes(' '))
    for (const { name, summary } of [...first, ...families]) {
      expect(stdout).toContain(`  ${name} `)
      expect(stdout.replace(/\s+/g, ' ')).toContain(summary)
    }
    for (const [code] of exitStatusSentences) expect(stdout).toMatch(new RegExp(`^  ${code} `, 'm'))
  })

  test.each(families.map((family) => [family.name, family.summary] as const))(
    '%s: its help lists its commands; alone it is called wrongly, and shows the same',
    async (name, summary) => {
      const help = await cli('/', [name, '--help'])
      expect(help.status).toBe(0)
      const own = commands.filter((entry) => entry.name.startsWith(`${name} `))
      expect(own.length).toBeGreaterThan(1)
      for (const entry of own) {
        expect(help.stdout).toMatch(new RegExp(`^  ${entry.name.split(' ')[1]!} `, 'm'))
      }
      expect(help.stdout.toLowerCase()).toContain(summary)
      const alone = await cli('/', [name])
      expect(alone).toMatchObject({ status: 64, stdout: '' })
      expect(alone.stderr).toContain(help.stdout)
    },
  )

  test.each<[string, readonly string[], string]>([
    [
      'an option of a sibling',
      ['rotate', 'authority', '--due'],
      '--due is an option of: rotate leaves',
    ],
    ['an option that was renamed', ['plan', '--all'], 'it is called --long here'],
    ['a command that is misspelt', ['rotate', 'leafs'], 'did you mean leaves?'],
    [
      'a value that is none of the choices',
      ['pack', 's1', '--layout', 'zip'],
      'one of: links, flat',
    ],
    [
      'options that exclude each other',
      ['rotate', 'leaves', '--due', '--all'],
      'see: nomad-pki rotate leaves --help',
    ],
  ])('%s is an error with a way out', async (_, argv, hint) => {
    const { status, stdout, stderr } = await cli('/', argv)
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' })
    expect(stderr).toContain(hint)
  })

  test('an option is named as the parser names it', () => {
    for (const [name, { flags: text }] of [
      ...Object.entries(flags),
      ...Object.entries(globalFlags),
    ]) {
      const long = /--(?:no-)?([a-z-]+)/.exec(text)![1]!
      expect(long.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())).toBe(name)
    }
  })

  test('a short name belongs to one option', () => {
    const short = [...Object.values(flags), ...Object.values(globalFlags)].flatMap(
      ({ flags: text }) => /^-\w\b/.exec(text)?.[0] ?? [],
    )
    expect(new Set(short).size).toBe(short.length)
  })

  // One entry for each long name: what a command says of its own must be the same meaning, more exactly.
  test('one option means one thing: what it says of its own is listed here, with the reason', () => {
    const own = commands.flatMap(({ name, options }) =>
      options
        .filter(
          (option) => option.summary.replace(/ \(with --.*\)$/, '') !== flags[option.name].summary,
        )
        .map((option) => `${name} --${option.name}: ${option.summary}`),
    )
    const reasons = {
      'adopt --probe: also ask running agents what they present and trust; may be repeated (without a value: the agents of --agents)':
        'it asks agents that are not installed yet, and more than one',
      "add --config: the agent's configuration, a file or a directory; repeated as the agent's own -config is":
        'the spec keeps all that the agent is started with',
      'add --region: region of an operator or machine (default: the first one)':
        'whose region it is',
      "add --tls: a machine's: the folder of its files on its host": 'whose files they are',
      "add --owner: a machine's: the user that it runs as": 'whose user it is',
      "add --reload: a machine's: none, or reload or restart and a unit of systemd":
        'the spec keeps it, for each renewal',
      'plan --out: save the plan in this file, for apply --plan': 'what the result is',
      'plan --inventory: plan from what status --inventory wrote: neither store nor key is needed':
        'here it is read',
      'revoke --reason: why (default: unspecified)': 'why, in the words of revocation lists',
      'pack --out: the archive, such as s1.tar.gz': 'what the result is',
      'pack --region: with cfssl, nomad-tls or --trust-only: the files of this region':
        'whose region it is',
      "install --config: the agent's configuration, a file or a directory; gets the stanza if it lacks it":
        'the one that is written',
      "renew --config: the node's file (default: /etc/nomad-pki/node.yaml)":
        'it is the configuration of nomad-pki on a node',
      'probe --out: also write what was seen into this file: on a bastion without the store':
        'what the result is',
      'request --out: write the request into this file (default: standard output)':
        'what the result is',
      'request --tls: where the agent has its files (default: what the spec says; without it, /etc/nomad-tls or /etc/nomad.d/tls, where a certificate is in place, else /etc/nomad-tls)':
        'there is no archive that says it',
      'request --keepKey: ask for a new certificate of the key in use': 'there is one key',
      'sign --fingerprint: the fingerprint of the public key, SHA256:HEX, as request printed it on the node':
        'what it is the fingerprint of',
      'authority setup --compromised: issuers of older generations sign no more certificates':
        'what it does to an engine',
      'authority request --out: the request, such as agent.request': 'what the result is',
      'authority accept --out: the answer to a request, such as agent.answer': 'what the result is',
      'authority accept --fingerprint: the fingerprint of the request, SHA256:HEX, as authority request printed it':
        'what it is the fingerprint of',
    }
    expect(own).toEqual(Object.keys(reasons))
    const several = commands.flatMap(({ name, options }) =>
      options
        .filter((option) => option.many !== (flags[option.name] as FlagEntry).many)
        .map((option) => `${name} --${option.name}`),
    )
    expect(several).toEqual(['adopt --probe', 'add --config'])
  })

  test.each(
    commands.flatMap(({ name, options }) =>
      options.flatMap(({ name: option, excludes = [], needs = [], needsOne = [] }) => [
        ...excludes.map((other) => [name, option, 'excludes', other] as const),
        ...needs.map((other) => [name, option, 'needs', other] as const),
        ...needsOne.slice(0, 1).map((other) => [name, option, 'needs', other] as const),
      ]),
    ),
  )('%s: %s %s %s', async (name, option, rule, other) => {
    const entry = commands.find((one) => one.name === name)!
    expect(entry.options.map((one) => one.name)).toContain(other)
    const given = (flag: FlagName): readonly string[] => {
      const { flags: text, choices } = flags[flag] as FlagEntry
      const value = choices?.[0] ?? 'x'
      return text.includes('<') ? [longName(flag), value] : [longName(flag)]
    }
    const args = [...entry.arguments.matchAll(/<(\w+)/g)].map(() => 'x')
    const both = [...given(option), ...(rule === 'excludes' ? given(other) : [])]
    const { status, stderr } = await cli('/', [...name.split(' '), ...args, ...both])
    expect(status).toBe(64)
    expect(stderr).toContain(
      rule === 'excludes'
        ? `${longName(option)} and ${longName(other)} exclude each other`
        : `${longName(option)} needs ${longName(other)}`,
    )
  })

  // As a script gives them for a variable that is not set: resolved against a folder, '' is that folder.
  const valued = [...Object.values(flags), ...Object.values(globalFlags)]
    .map(({ flags: text }) => text)
    .filter((text) => /[<[]/.test(text))
  test.each(
    valued.map((text) => {
      const taker = commands.find(({ options }) => options.some((option) => option.flags === text))
      return [/--[a-z-]+/.exec(text)![0], taker?.name ?? 'status', text] as const
    }),
  )('%s: an empty value is refused by %s, and says what to name', async (long, name, text) => {
    const { arguments: places } = commands.find((entry) => entry.name === name)!
    const args = [...places.matchAll(/<(\w+)/g)].map(() => 'x')
    for (const given of [[long, ''], [`${long}=`]]) {
      const run = await cli('/', [...name.split(' '), ...args, ...given])
      expect({ status: run.status, stdout: run.stdout }).toEqual({ status: 64, stdout: '' })
      if ((flags as Record<string, FlagEntry>)[long.slice(2)]?.choices !== undefined) continue
      expect(run.stderr).toContain(`error: ${long} is empty\n`)
      const place = /[<[]([a-z:=]+)/.exec(text)![1]!
      const noun = place === 'path' || place === 'config' ? 'file or the folder' : place
      expect(run.stderr).toContain(`hint: ${noun === 'name' ? 'give' : 'name'} the ${noun}`)
    }
  })

  test.each(
    commands.filter((entry) => entry.arguments !== '').map((entry) => [entry.name, entry] as const),
  )('%s: an empty argument is refused', async (name, entry) => {
    const args = [...entry.arguments.matchAll(/[<[](\w+)/g)].map(() => '')
    const run = await cli('/', [...name.split(' '), ...args])
    expect({ status: run.status, stdout: run.stdout }).toEqual({ status: 64, stdout: '' })
    expect(run.stderr).toMatch(/^error: an argument is empty\n {2}hint: (?:name|give) the [a-z]+/)
  })

  test('the shells of completion are those that it has scripts for', () => {
    const { words } = commands.find(({ name }) => name === 'completion')!
    expect(words?.[0]).toEqual(completionShells)
  })

  test('a command that reads an option that it does not take does not compile', () => {
    const plan: Command<'plan'> = async ({ options }) => {
      // @ts-expect-error -- `plan` takes no --ip.
      const ips = options.ip as unknown
      // @ts-expect-error -- one value, of two.
      const layout: 'zip' | undefined = (undefined as unknown as Options<'pack'>).layout
      return ips === undefined && layout === undefined && options.prune === true ? 0 : 2
    }
    // @ts-expect-error -- `remove` takes no --ip, and `add` reads it.
    const remove: Command<'remove'> = plan as unknown as Command<'add'>
    expect([plan, remove]).toHaveLength(2)
  })
})

/** Options that the files of a command read, by themselves or by what they hand them to. */
function optionsRead(): ReadonlyMap<string, ReadonlySet<string>> {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const config = ts.parseJsonConfigFileContent(
    ts.readConfigFile(`${root}tsconfig.json`, (file) => ts.sys.readFile(file)).config,
    ts.sys,
    root,
  )
  const program = ts.createProgram([`${root}src/cli/load.ts`], config.options)
  const checker = program.getTypeChecker()
  const isOptions = (node: ts.Node): boolean => {
    const type = checker.getTypeAtLocation(node)
    return ['quiet', 'debug'].every((name) => type.getProperty(name) !== undefined)
  }
  const read = new Map<string, Set<string>>()
  for (const source of program.getSourceFiles()) {
    if (!source.fileName.includes('/src/cli/')) continue
    const takers = [...source.text.matchAll(/\b(?:Command|Options)<'([^']+)'>/g)]
    const names = new Set<string>()
    const visit = (node: ts.Node): void => {
      if (ts.isPropertyAccessExpression(node) && isOptions(node.expression)) {
        names.add(node.name.text)
      }
      if (ts.isObjectBindingPattern(node) && isOptions(node)) {
        for (const { propertyName, name } of node.elements)
          names.add((propertyName ?? name).getText())
      }
      if (ts.isCallExpression(node)) {
        const parameters = checker.getResolvedSignature(node)?.parameters ?? []
        for (const [at, argument] of node.arguments.entries()) {
          const parameter = parameters[at]
          if (parameter === undefined || !isOptions(argument)) continue
          const type = checker.getTypeOfSymbolAtLocation(parameter, node)
          // What takes all options of the command is visited itself.
          if (type.aliasSymbol?.name === 'Options') continue
          for (const property of type.getProperties()) names.add(property.name)
        }
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
    for (const [, name] of takers) read.set(name!, new Set([...(read.get(name!) ?? []), ...names]))
  }
  return read
}

test('every option is read by its command', { timeout: 120_000 }, () => {
  const read = optionsRead()
  const unread = commands.flatMap(({ name, options }) =>
    options
      .filter((option) => read.get(name)?.has(option.name) !== true)
      .map((option) => `${name} ${longName(option.name)}`),
  )
  expect(unread).toEqual([])
})
