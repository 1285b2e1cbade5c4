/**
 * The whole command surface on one screen: what there is, what it takes, two examples each. The
 * parser, `--help`, the shells' completions and `docs/commands.md` are all made from this table.
 *
 * @module
 */

import { overrideOptions } from './override.js'
import { completionShells } from '../report/completion-shells.js'
import type { Command } from './command.js'

/** What a word on the command line can be, where that is not a fixed list: completions ask for it. */
export type WordKind =
  /** Everything that `plan` and `apply` take. */
  | 'addresses'
  /** Identities of agents and operators. */
  | 'identities'
  /** Identities of agents. */
  | 'agents'
  /** Names of authorities. */
  | 'authorities'
  /** Configurations of agents. */
  | 'configs'
  /** `REGION/NAME`, or the name of an operator. */
  | 'nodes'
  /** Names of operators. */
  | 'operators'
  | 'files'

/** The kinds that `completion --list` knows. */
const wordKinds: readonly Exclude<WordKind, 'files'>[] = [
  'addresses',
  'identities',
  'agents',
  'authorities',
  'configs',
  'nodes',
  'operators',
]

/** What can stand in one place of the command line. */
export type Words = readonly string[] | WordKind

/** An option. */
export interface OptionEntry {
  /** As commander reads it: `-f, --file <file>`. */
  readonly flags: string
  readonly summary: string
  /** May be given several times. */
  readonly many?: true
  /** All values that it takes. */
  readonly choices?: readonly string[]
  /** What its value can be, for completions. */
  readonly value?: WordKind
  /** Long names of options that it excludes, without the dashes. */
  readonly conflicts?: readonly string[]
  /** The name that it had before. */
  readonly former?: string
}

/** The groups of `--help`, in its order. */
export const commandGroups = ['describe', 'make', 'change', 'deliver', 'use'] as const

/** A group of commands. */
export type CommandGroup = (typeof commandGroups)[number]

/** A command. */
export interface CommandEntry {
  /** `plan`, or `rotate leaves`: the second word is one of a {@link CommandFamily}. */
  readonly name: string
  readonly group: CommandGroup
  /** As commander reads them: `[address...]`. */
  readonly arguments: string
  /** A line. */
  readonly summary: string
  /** A sentence or two more. */
  readonly details?: string
  readonly options: readonly OptionEntry[]
  /** Whole command lines; a test runs each of them. */
  readonly examples: readonly [string, string]
  /** What its arguments can be, for completions; the last place stands for all that follow. Default: files. */
  readonly words?: readonly Words[]
  /** Loads it; nothing of it is there before. */
  readonly load: () => Promise<Command>
}

/** Commands that share a first word. */
export interface CommandFamily {
  readonly name: string
  readonly group: CommandGroup
  /** A line. */
  readonly summary: string
}

const json = { flags: '--json', summary: 'answer with a JSON document' }
const long = {
  flags: '--long',
  summary: 'one line each instead of ranges',
  former: '--all',
}
const at = { flags: '--at <date>', summary: 'as of another day: 2027-03-01, or +30d' }
const dryRun = { flags: '--dry-run', summary: 'go through everything, and touch nothing' }
const strict = { flags: '--strict', summary: 'exit 2 for warnings too' }
const prune = { flags: '--prune', summary: 'also remove what the spec no longer names' }
const regionCount = 'REGION=COUNT; may be repeated'
const many = (flags: string, summary: string, value?: WordKind): OptionEntry => ({
  flags,
  summary,
  many: true,
  ...(value !== undefined && { value }),
})
/** A place in which nothing can be completed. */
const none: readonly string[] = []
const kinds = ['server', 'client', 'combined', 'operator']

/** The first words of commands of two words. */
export const families: readonly CommandFamily[] = [
  { name: 'config', group: 'describe', summary: "show, compare or check agents' configurations" },
  {
    name: 'rotate',
    group: 'change',
    summary: 'renew leaves, replace an authority, or order a rollout',
  },
]

/** Options that hold everywhere, before and after the command. */
export const globalOptions: readonly OptionEntry[] = [
  { flags: '-f, --file <file>', summary: 'the spec (default: cluster.yaml in this folder)' },
  { flags: '-q, --quiet', summary: 'nothing on stderr but errors and questions' },
  { flags: '--no-color', summary: 'no colours (NO_COLOR does the same)' },
  { flags: '--debug', summary: 'errors with their stack' },
]

/** The commands, in the order of a cluster's life. */
export const commands: readonly CommandEntry[] = [
  {
    name: 'init',
    group: 'describe',
    arguments: '',
    summary: 'write cluster.yaml and .gitignore, and begin the store',
    details:
      'Nothing is written over. Without options: three servers and a client in the region global. With --from: the nodes of existing agents, with a comment for all that was guessed. With --new-store: only the store, for a cluster.yaml that is there; refused where the store has content. A lost store is restored from its backup instead: a new one makes a new authority, and every agent must get its root.',
    options: [
      { flags: '--cluster <name>', summary: 'name of the cluster (default: that of the folder)' },
      many('--servers <region=count>', `servers: ${regionCount}`),
      many('--clients <region=count>', `clients: ${regionCount}`),
      many('--combined <region=count>', `server and client in one agent: ${regionCount}`),
      many(
        '--operator <name>',
        'a person, with a certificate for the nomad command; may be repeated',
      ),
      many(
        '--from <config...>',
        'agents that are there: their directories or files, as -config takes them, one an agent; instead of numbers',
      ),
      {
        flags: '--new-store',
        summary: 'begin a store for a cluster.yaml that is there, and leave the file as it is',
      },
      dryRun,
    ],
    examples: [
      'nomad-pki init --servers global=3 --clients global=5 --operator alice',
      'nomad-pki init --cluster acme --from agents/s1 agents/c1.hcl',
    ],
    words: [none],
    load: async () => (await import('./commands/init.js')).command,
  },
  {
    name: 'adopt',
    group: 'describe',
    arguments: '<folder...>',
    summary: 'take over the authority and certificates that another tool made',
    details:
      'FOLDER is what cfssl, nomad tls, consul tls, easy-rsa, openssl, mkcert, step or Vault left: what a file is follows from its content. The authority becomes generation 1 in the store, certificates that live become those of their agents; all else is listed with the reason. The folder stays as it is. A second run adds what is new.',
    options: [
      { flags: '--cluster <name>', summary: 'name of the cluster (default: that of the folder)' },
      many(
        '--agents <config...>',
        'configurations of the agents, one an agent, as init --from takes them: they give names, and say which certificate each uses',
      ),
      dryRun,
      json,
    ],
    examples: [
      'nomad-pki adopt tls --cluster acme',
      "nomad-pki adopt tls --agents 'agents/*' --dry-run",
    ],
    load: async () => (await import('./commands/adopt.js')).command,
  },
  {
    name: 'add',
    group: 'describe',
    arguments: '<kind> <node>',
    summary: 'add a node or an operator to the spec',
    details:
      'KIND is server, client, combined or operator; NODE is REGION/NAME, or NAME where there is one region. Comments and layout of the spec stay.',
    options: [
      many('--ip <address>', 'an address of the node; may be repeated'),
      many('--name <name>', 'a DNS name of the node; may be repeated'),
      many(
        '--config <path>',
        "the agent's configuration, a directory or file; repeated as the agent's own -config is",
      ),
      {
        flags: '--write <file>',
        summary: 'which of several receives the stanza (default: the last one)',
      },
      { flags: '--lifetime <span>', summary: 'another lifetime than the default, such as 30d' },
      { flags: '--region <region>', summary: 'region of an operator (default: the first one)' },
      dryRun,
    ],
    examples: [
      'nomad-pki add client us-west/c9 --ip 10.2.0.9',
      'nomad-pki add operator bob --region global',
    ],
    words: [kinds, none],
    load: async () => (await import('./commands/add.js')).command,
  },
  {
    name: 'remove',
    group: 'describe',
    arguments: '<kind> <node>',
    summary: 'remove a node or an operator from the spec',
    details: 'What it has in the store stays, and its certificate is valid, until: apply --prune.',
    options: [dryRun],
    examples: ['nomad-pki remove client us-west/c9', 'nomad-pki remove operator bob'],
    words: [kinds, 'nodes'],
    load: async () => (await import('./commands/remove.js')).command,
  },
  {
    name: 'plan',
    group: 'make',
    arguments: '[address...]',
    summary: 'say what is missing or ageing, and why',
    details:
      'Changes nothing. Exits 2 when there is work. An ADDRESS, or the end of one, limits it.',
    options: [
      { flags: '--out <file>', summary: 'save the plan, for apply --plan' },
      prune,
      at,
      ...overrideOptions,
      long,
      json,
    ],
    examples: ['nomad-pki plan', 'nomad-pki plan --out plan.json'],
    words: ['addresses'],
    load: async () => (await import('./commands/plan.js')).command,
  },
  {
    name: 'apply',
    group: 'make',
    arguments: '[address...]',
    summary: 'make it so',
    details:
      'Asks on a terminal, and refuses where nobody can be asked. Interrupted at any moment, the same command goes on. An ADDRESS, or the end of one, limits it. An operator that is named is renewed when it is due, or has expired; rotate leaves makes a new certificate at any time.',
    options: [
      { flags: '-y, --yes', summary: 'do not ask' },
      { flags: '--plan <file>', summary: 'only if the plan is still the saved one' },
      dryRun,
      prune,
      ...overrideOptions,
      long,
      json,
    ],
    examples: ['nomad-pki apply --yes', 'nomad-pki apply --dry-run'],
    words: ['addresses'],
    load: async () => (await import('./commands/apply.js')).command,
  },
  {
    name: 'verify',
    group: 'make',
    arguments: '',
    summary: 'prove that Nomad will accept it',
    details:
      "Chains, lint, Nomad's name checks for all pairs, files and modes, the ledger, configurations, and real handshakes over loopback. Exits 2 with errors.",
    options: [
      {
        flags: '--ledger-head <hash>',
        summary: 'the ledger must contain this head, written down earlier',
      },
      { flags: '--offline', summary: 'without handshakes over loopback' },
      {
        flags: '--spec-only',
        summary: 'look at the spec alone, without a store: for editors and pipelines',
        conflicts: ['ledgerHead', 'offline', 'at', 'long'],
      },
      strict,
      at,
      long,
      json,
    ],
    examples: ['nomad-pki verify', 'nomad-pki verify --strict --at +30d'],
    words: [none],
    load: async () => (await import('./commands/verify.js')).command,
  },
  {
    name: 'status',
    group: 'make',
    arguments: '',
    summary: 'say what expires when',
    details:
      "Ends are effective over the chain, and an agent's certificate ends with the generation that it was last known to have (a probe, or its installer's receipt): what was made after is undelivered. Exits 2 when something is missing, due, undelivered or expired.",
    options: [
      at,
      { flags: '--made', summary: 'take what was made for delivered: proof does not count' },
      long,
      json,
    ],
    examples: ['nomad-pki status', 'nomad-pki status --at 2027-03-01 --json'],
    words: [none],
    load: async () => (await import('./commands/status.js')).command,
  },
  {
    name: 'rotate leaves',
    group: 'change',
    arguments: '[address...]',
    summary: 'make new certificates now, or those that are due',
    details:
      'Makes new generations beside the running ones; deliver them as after any apply. Name addresses, or use --due or --all. --due is for a timer: it does not ask, spreads the days by address, and exits 3 where no key can sign.',
    options: [
      {
        flags: '--due',
        summary: 'those that are due, spread by address',
        conflicts: ['all'],
      },
      { flags: '--all', summary: 'those of all agents' },
      { flags: '--keep-key', summary: 'keep the private keys' },
      dryRun,
      { flags: '-y, --yes', summary: 'do not ask' },
      json,
    ],
    examples: ['nomad-pki rotate leaves s1 --yes', 'nomad-pki rotate leaves --due'],
    words: ['identities'],
    load: async () => (await import('./commands/rotate.js')).leaves,
  },
  {
    name: 'rotate authority',
    group: 'change',
    arguments: '[name]',
    summary: 'show where the rotation of an authority stands, or take its next stage',
    details:
      'Shows the next stage, its costs, and what its gate waits for. With --next it writes that stage into the spec, for apply; it exits 3 while the gate is closed. NAME may be left out where there is one authority.',
    options: [
      { flags: '--next', summary: 'write the next stage into the spec' },
      {
        ...dryRun,
        summary: 'with --next: show the edit, and write nothing',
        conflicts: ['evidence', 'except'],
      },
      {
        flags: '--way <way>',
        summary: 'crossed or staged (default: crossed where the old root can sign)',
        choices: ['crossed', 'staged'],
      },
      {
        flags: '--compromised',
        summary: 'the old key may be in other hands, so it must not sign',
      },
      {
        flags: '--ride-along',
        summary: 'renewals carry the stages as they fall due, without reloads of their own',
      },
      {
        flags: '--except <address>',
        summary: 'do not wait for this agent; the ledger records it, with --reason',
        value: 'agents',
      },
      { flags: '--reason <text>', summary: 'why it is not waited for' },
      many(
        '--evidence <file...>',
        'first take what probe --out saw, and receipts of installers',
        'files',
      ),
      json,
    ],
    examples: ['nomad-pki rotate authority agent', 'nomad-pki rotate authority agent --json'],
    words: ['authorities', none],
    load: async () => (await import('./commands/rotate.js')).authority,
  },
  {
    name: 'rotate rollout',
    group: 'change',
    arguments: '',
    summary: 'show the order in which new files reach the agents, with the commands of each step',
    details:
      'Agents already proven on the newest generation are left out. Exits 2 while any remain, or the plan has steps for agents.',
    options: [
      {
        flags: '--batch <size>',
        summary: 'clients of a region at once: 25, or 10% (the default)',
      },
      many('--leader <server...>', 'a server that leads its region, and so comes last', 'agents'),
      json,
    ],
    examples: ['nomad-pki rotate rollout', 'nomad-pki rotate rollout --batch 25 --json'],
    words: [none],
    load: async () => (await import('./commands/rollout.js')).rollout,
  },
  {
    name: 'config show',
    group: 'describe',
    arguments: '<path...>',
    summary: "show an agent's configuration as Nomad reads it",
    details:
      'PATH is a file or a directory, as -config takes it. Each value is shown with its file and line. Needs no spec.',
    options: [json],
    examples: ['nomad-pki config show agents/s1', 'nomad-pki config show agents/s1 --json'],
    words: ['files'],
    load: async () => (await import('./commands/config.js')).show,
  },
  {
    name: 'config diff',
    group: 'describe',
    arguments: '[address...]',
    summary: "show what apply would change in agents' configurations",
    options: [json],
    examples: ['nomad-pki config diff', 'nomad-pki config diff global/s1'],
    words: ['configs'],
    load: async () => (await import('./commands/config.js')).diff,
  },
  {
    name: 'config check',
    group: 'describe',
    arguments: '<path...>',
    summary: "say what Nomad would refuse or ignore in an agent's configuration",
    details:
      'PATH is an agent: a file or a directory, as -config takes it, or several of them with commas. Of several agents the gossip keys of the servers are compared; --json prints them as one document with `agents`. Needs no spec. On the machine of the agent it also looks at the files that tls names.',
    options: [
      {
        flags: '--nomad-version <version>',
        summary:
          'check for this version of Nomad (default: nomad.version of cluster.yaml, else 1.8.0 to 2.0.5)',
      },
      {
        flags: '--user <user>',
        summary: 'who the agent runs as, NAME or UID, with :GROUP (default: the owner of key_file)',
      },
      strict,
      json,
    ],
    examples: [
      'nomad-pki config check agents/s1',
      'nomad-pki config check agents/s1 --nomad-version 1.11.3',
    ],
    words: ['files'],
    load: async () => (await import('./commands/config.js')).check,
  },
  {
    name: 'pack',
    group: 'deliver',
    arguments: '[address...]',
    summary: 'pack what a node receives, and print the fingerprint of the archive',
    details:
      'The current generation, the stanza and install.sh in one file, which nobody else can read: it holds the private key. Never written over another file; the same again is not an error. An operator gets ca.pem, cert.pem, key.pem and nomad.env, or with --layout p12 a file for a browser, with a new password. With --layout cfssl or nomad-tls a folder gets plain files instead; an address says whose, where several have their own keys.',
    options: [
      { flags: '--out <file>', summary: 'the archive, such as s1.tar.gz' },
      {
        flags: '--out-dir <folder>',
        summary: 'a folder for several archives, such as global-s1-2.tar.gz',
      },
      { flags: '--all', summary: 'all agents; with --out-dir' },
      {
        flags: '--layout <layout>',
        choices: ['links', 'flat', 'cfssl', 'nomad-tls', 'p12'],
        summary:
          'links; flat: without links and installer, for Ansible and images; cfssl, nomad-tls: plain files under the names of that tool; p12: an operator for a browser',
      },
      { flags: '--without-key', summary: 'leave the private key out: the node has it' },
      {
        flags: '--trust-only',
        summary: 'leave the leaf out too: new trust around what the node has',
      },
      { flags: '--region <region>', summary: 'with cfssl or nomad-tls: of this region' },
      {
        flags: '--with-authority-key',
        summary: 'with cfssl or nomad-tls: the private key of the authority too',
      },
      {
        flags: '--compat',
        summary: 'with p12: 3DES and SHA-1, for what reads nothing newer',
      },
      {
        flags: '--password-file <file>',
        summary: 'with p12: the password is the content of this file',
        conflicts: ['newPasswordFile'],
        value: 'files',
      },
      {
        flags: '--new-password-file <file>',
        summary: 'with p12: write the new password into this file, instead of on the terminal',
      },
      dryRun,
      json,
    ],
    examples: ['nomad-pki pack s1 --out s1.tar.gz', 'nomad-pki pack --all --out-dir out'],
    words: ['identities'],
    load: async () => (await import('./commands/pack.js')).command,
  },
  {
    name: 'install',
    group: 'deliver',
    arguments: '[archive]',
    summary: 'on a node: put in place what was packed for it, reload, prove it, or go back',
    details:
      'Needs no spec; - is stdin. Runs install.sh with more checks before and a handshake after. Goes back by itself when the agent died or still presents the old generation. Exits 2 when the agent has not loaded it.',
    options: [
      {
        flags: '--tls <folder>',
        summary: 'where the agent has its files (default: what the archive says)',
      },
      {
        flags: '--reload <what>',
        summary: 'a unit of systemd, a process (or a file with it), none',
      },
      {
        flags: '--config <path>',
        summary: "the agent's configuration: the stanza is written where it is not there",
      },
      {
        flags: '--probe [host:port]',
        summary: 'where the agent listens (127.0.0.1:4646): proof that it loaded it',
      },
      { flags: '--fingerprint <hex>', summary: 'what pack printed: another archive is refused' },
      {
        flags: '--owner <user>',
        summary: 'who the agent runs as (default: what the archive says)',
      },
      dryRun,
      { flags: '--rollback', summary: 'back to the generation before, if it still fits' },
      { flags: '--give-up', summary: 'switch although the last switch was never proven' },
      ...overrideOptions,
      json,
    ],
    examples: [
      'nomad-pki install s1.tar.gz --tls tls --reload none',
      'nomad-pki install s1.tar.gz --tls tls --config agents/s1 --reload none --dry-run',
    ],
    load: async () => (await import('./commands/install.js')).command,
  },
  {
    name: 'probe',
    group: 'deliver',
    arguments: '[address...]',
    summary: 'ask the running agents which generation they loaded, and whom they trust',
    details:
      "One handshake without a certificate on each agent's HTTPS and RPC port, noted in the ledger. A server notes each one on its RPC port in its log, at WARN. Exits 2 unless every agent is proven to have its newest generation.",
    options: [
      {
        flags: '--out <file>',
        summary: 'also write what was seen: from a bastion without the store',
      },
      many(
        '--evidence <file...>',
        'ask nobody: take what probe --out saw, and receipts of installers, into the ledger',
      ),
      {
        flags: '--refuses <authority>',
        summary: 'offer a certificate under this root; exit 0 only if every agent refuses it',
      },
      { flags: '--timeout <span>', summary: 'wait so long for each port (default: 5s)' },
      {
        ...dryRun,
        summary: 'ask, and write neither to the ledger nor to a file',
        conflicts: ['evidence'],
      },
      long,
      json,
    ],
    examples: [
      'nomad-pki probe --refuses authority/agent/1',
      'nomad-pki probe --timeout 1s --out evidence.json',
    ],
    words: ['agents'],
    load: async () => (await import('./commands/probe.js')).command,
  },
  {
    name: 'env',
    group: 'use',
    arguments: '<operator>',
    summary: "print what an operator's shell needs",
    details:
      'For the nomad command; to be evaluated by the shell. The files are those of the store.',
    options: [
      {
        flags: '--url <url>',
        summary: 'NOMAD_ADDR (default: the first server that the spec gives an address)',
      },
      {
        flags: '--shell <shell>',
        summary: 'sh, fish or powershell (default: sh)',
        choices: ['sh', 'fish', 'powershell'],
      },
      { flags: '--server-name [name]', summary: 'also set NOMAD_TLS_SERVER_NAME' },
      json,
    ],
    examples: [
      'nomad-pki env alice --url https://10.0.0.11:4646',
      'nomad-pki env alice --url https://nomad.example:4646 --shell fish',
    ],
    words: ['operators', none],
    load: async () => (await import('./commands/env.js')).command,
  },
  {
    name: 'inspect',
    group: 'use',
    arguments: '<thing...>',
    summary: 'describe a certificate, key, address or agent',
    details:
      'THING is a file (PEM, DER, PKCS#12 or an archive of pack; - is stdin), an address or the end of one, or the host:port of a running agent. A secret is never shown.',
    options: [{ flags: '--password-file <file>', summary: 'the password of a PKCS#12 file' }, json],
    examples: [
      'nomad-pki inspect server/global/s1',
      'nomad-pki inspect pki/bundle/agent/ca.pem --json',
    ],
    words: ['identities'],
    load: async () => (await import('./commands/inspect.js')).command,
  },
  {
    name: 'completion',
    group: 'use',
    arguments: '[shell]',
    summary: 'print completions for bash, zsh or fish',
    details:
      'For the shell to evaluate, such as: eval "$(nomad-pki completion bash)". With --list it prints the words of a kind: the scripts ask for them, and they are never an error.',
    options: [
      {
        flags: '--list <kind>',
        summary: 'print words instead: addresses, agents, operators, …',
        choices: wordKinds,
      },
    ],
    examples: ['nomad-pki completion bash', 'nomad-pki completion fish'],
    words: [completionShells, none],
    load: async () => (await import('./commands/completion.js')).command,
  },
]
