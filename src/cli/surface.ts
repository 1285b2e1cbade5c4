/**
 * The whole command surface on one screen: what there is, what it takes, two examples each. The
 * parser, `--help`, the shells' completions and `docs/commands.md` are all made from this table.
 *
 * @module
 */

import type { Context } from './context.js'
import { overrideOptions } from './override.js'
import type { ExitStatus } from './status.js'

/** An option. */
export interface OptionEntry {
  /** As commander reads it: `-f, --file <file>`. */
  readonly flags: string
  readonly summary: string
  /** May be given several times. */
  readonly many?: true
}

/** A command. */
export interface CommandEntry {
  readonly name: string
  /** As commander reads them: `[address...]`. */
  readonly arguments: string
  /** A line. */
  readonly summary: string
  /** A sentence or two more. */
  readonly details?: string
  readonly options: readonly OptionEntry[]
  /** Whole command lines; a test runs each of them. */
  readonly examples: readonly [string, string]
  /** Words that an argument can be, for completions. */
  readonly words?: readonly string[]
  /** Loads it; nothing of it is there before. */
  readonly load: () => Promise<Command>
}

/** A command: callable from a test. */
export type Command = (call: Call, context: Context) => Promise<ExitStatus>

/** What a command was called with. */
export interface Call {
  readonly args: readonly string[]
  readonly options: Options
}

/** All options of all commands, by their long names. */
export interface Options {
  readonly file?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly color?: boolean
  readonly debug?: boolean
  readonly all?: boolean
  readonly at?: string
  readonly batch?: string
  readonly cluster?: string
  readonly clients?: readonly string[]
  readonly compromised?: boolean
  readonly combined?: readonly string[]
  readonly config?: string | readonly string[]
  readonly dryRun?: boolean
  readonly due?: boolean
  readonly evidence?: readonly string[]
  readonly except?: string
  readonly fingerprint?: string
  readonly from?: readonly string[]
  readonly giveUp?: boolean
  readonly ip?: readonly string[]
  readonly keepKey?: boolean
  readonly made?: boolean
  readonly layout?: string
  readonly leader?: readonly string[]
  readonly ledgerHead?: string
  readonly lifetime?: string
  readonly name?: readonly string[]
  readonly newStore?: boolean
  readonly next?: boolean
  readonly nomadVersion?: string
  readonly offline?: boolean
  readonly operator?: readonly string[]
  readonly out?: string
  readonly override?: readonly string[]
  readonly owner?: string
  readonly passwordFile?: string
  readonly plan?: string
  readonly probe?: string | true
  readonly prune?: boolean
  readonly reason?: string
  readonly region?: string
  readonly reload?: string
  readonly rideAlong?: boolean
  readonly rollback?: boolean
  readonly serverName?: string | true
  readonly servers?: readonly string[]
  readonly shell?: string
  readonly strict?: boolean
  readonly timeout?: string
  readonly tls?: string
  readonly trustOnly?: boolean
  readonly url?: string
  readonly user?: string
  readonly way?: string
  readonly withoutKey?: boolean
  readonly write?: string
  readonly yes?: boolean
}

const json = { flags: '--json', summary: 'answer with a JSON document' }
const all = { flags: '--all', summary: 'one line each instead of ranges' }
const at = { flags: '--at <date>', summary: 'as of another day: 2027-03-01, or +30d' }
const strict = { flags: '--strict', summary: 'exit 2 for warnings too' }
const prune = { flags: '--prune', summary: 'also remove what the spec no longer names' }
const regionCount = 'REGION=COUNT; may be repeated'
const many = (flags: string, summary: string): OptionEntry => ({ flags, summary, many: true })

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
    ],
    examples: [
      'nomad-pki init --servers global=3 --clients global=5 --operator alice',
      'nomad-pki init --cluster acme --from agents/s1 agents/c1.hcl',
    ],
    load: async () => (await import('./commands/everyday.js')).init,
  },
  {
    name: 'add',
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
    ],
    examples: [
      'nomad-pki add client us-west/c9 --ip 10.2.0.9',
      'nomad-pki add operator bob --region global',
    ],
    words: ['server', 'client', 'combined', 'operator'],
    load: async () => (await import('./commands/everyday.js')).add,
  },
  {
    name: 'remove',
    arguments: '<kind> <node>',
    summary: 'remove a node or an operator from the spec',
    details: 'What it has in the store stays, and its certificate is valid, until: apply --prune.',
    options: [],
    examples: ['nomad-pki remove client us-west/c9', 'nomad-pki remove operator bob'],
    words: ['server', 'client', 'combined', 'operator'],
    load: async () => (await import('./commands/everyday.js')).remove,
  },
  {
    name: 'plan',
    arguments: '[address...]',
    summary: 'say what is missing or ageing, and why',
    details:
      'Changes nothing. Exits 2 when there is work. An ADDRESS, or the end of one, limits it.',
    options: [
      { flags: '--out <file>', summary: 'save the plan, for apply --plan' },
      prune,
      at,
      ...overrideOptions,
      all,
      json,
    ],
    examples: ['nomad-pki plan', 'nomad-pki plan --out plan.json'],
    load: async () => (await import('./commands/everyday.js')).plan,
  },
  {
    name: 'apply',
    arguments: '[address...]',
    summary: 'make it so',
    details:
      'Asks on a terminal, and refuses where nobody can be asked. Interrupted at any moment, the same command goes on. An ADDRESS, or the end of one, limits it, and renews an operator.',
    options: [
      { flags: '-y, --yes', summary: 'do not ask' },
      { flags: '--plan <file>', summary: 'only if the plan is still the saved one' },
      { flags: '--dry-run', summary: 'go through everything, and touch nothing' },
      prune,
      ...overrideOptions,
      all,
      json,
    ],
    examples: ['nomad-pki apply --yes', 'nomad-pki apply --dry-run'],
    load: async () => (await import('./commands/apply.js')).command,
  },
  {
    name: 'verify',
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
      strict,
      at,
      all,
      json,
    ],
    examples: ['nomad-pki verify', 'nomad-pki verify --strict --at +30d'],
    load: async () => (await import('./commands/verify.js')).command,
  },
  {
    name: 'status',
    arguments: '',
    summary: 'say what expires when',
    details:
      "Ends are effective over the chain, and an agent's certificate ends with the generation that it was last known to have (a probe, or its installer's receipt): what was made after is undelivered. Exits 2 when something is missing, due, undelivered or expired.",
    options: [
      at,
      { flags: '--made', summary: 'take what was made for delivered: proof does not count' },
      all,
      json,
    ],
    examples: ['nomad-pki status', 'nomad-pki status --at 2027-03-01 --json'],
    load: async () => (await import('./commands/everyday.js')).status,
  },
  {
    name: 'rotate',
    arguments: '<thing> [what...]',
    summary: 'renew leaves now, take an authority to its next generation, or say who is next',
    details:
      'leaves (ADDRESS…, --due or --all) makes new generations beside the running ones; --due is what a timer runs, and exits 3 where nobody can sign. authority NAME shows where its rotation stands and what the gate waits for; --next writes the next stage into the spec, and exits 3 while the gate is closed. rollout is the order in which what was made reaches the agents, with the commands of each step; who is proven to have the newest is not in it, and it exits 2 while somebody is.',
    options: [
      { flags: '--due', summary: 'leaves: those that are due, spread by address' },
      { flags: '--all', summary: "leaves: all agents'" },
      { flags: '--keep-key', summary: 'leaves: with the same private key' },
      { flags: '--dry-run', summary: 'leaves: everything but the signatures, in memory' },
      { flags: '--yes', summary: 'leaves: without being asked' },
      { flags: '--next', summary: 'authority: write the next stage into the spec' },
      {
        flags: '--way <way>',
        summary: 'authority: crossed or staged (default: crossed where the old root can sign)',
      },
      {
        flags: '--compromised',
        summary: 'authority: the old key may be in other hands, so it must not sign',
      },
      {
        flags: '--ride-along',
        summary:
          'authority: renewals carry the stages as they fall due, without reloads of their own',
      },
      {
        flags: '--except <address>',
        summary: 'authority: do not wait for this one; written to the ledger, with --reason',
      },
      { flags: '--reason <text>', summary: 'authority: why it is not waited for' },
      many(
        '--evidence <file...>',
        'authority: first take what probe --out saw, and receipts of installers',
      ),
      {
        flags: '--batch <size>',
        summary: 'rollout: so many clients of a region at once: 25, or 10% (the default)',
      },
      {
        flags: '--leader <server...>',
        summary: 'rollout: who leads its region, and so comes last',
      },
      json,
    ],
    examples: ['nomad-pki rotate leaves s1 --yes', 'nomad-pki rotate authority agent'],
    words: ['leaves', 'authority', 'rollout'],
    load: async () => (await import('./commands/rotate.js')).command,
  },
  {
    name: 'config',
    arguments: '<verb> [what...]',
    summary: "show, diff or check agents' configurations",
    details:
      'show PATH… and check PATH… read files and directories as Nomad does, and need no spec; diff [ADDRESS…] is what apply would write. On the machine of the agent, check looks at the files that tls names too.',
    options: [
      {
        flags: '--nomad-version <version>',
        summary: 'check for this version of Nomad (default: 1.8.0 to 2.0.5)',
      },
      {
        flags: '--user <user>',
        summary:
          'check: who the agent runs as, NAME or UID, with :GROUP (default: the owner of key_file)',
      },
      strict,
      json,
    ],
    examples: ['nomad-pki config show agents/s1', 'nomad-pki config diff'],
    words: ['show', 'diff', 'check'],
    load: async () => (await import('./commands/everyday.js')).config,
  },
  {
    name: 'pack',
    arguments: '<address>',
    summary: 'pack what a node receives, and print the fingerprint of the archive',
    details:
      'The current generation, the stanza and install.sh in one file, which nobody else can read: it holds the private key. Never written over another file.',
    options: [
      { flags: '--out <file>', summary: 'the archive, such as s1.tar.gz' },
      {
        flags: '--layout <layout>',
        summary: 'links, or flat: without links and installer, for Ansible and images',
      },
      { flags: '--without-key', summary: 'leave the private key out: the node has it' },
      {
        flags: '--trust-only',
        summary: 'leave the leaf out too: new trust around what the node has',
      },
      json,
    ],
    examples: [
      'nomad-pki pack s1 --out s1.tar.gz',
      'nomad-pki pack s1 --out s1.tar.gz --layout flat --json',
    ],
    load: async () => (await import('./commands/pack.js')).command,
  },
  {
    name: 'install',
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
      { flags: '--dry-run', summary: 'go through everything, and touch nothing' },
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
      { flags: '--timeout <span>', summary: 'wait so long for each port (default: 5s)' },
      all,
      json,
    ],
    examples: ['nomad-pki probe c1', 'nomad-pki probe --timeout 1s --out evidence.json'],
    load: async () => (await import('./commands/probe.js')).command,
  },
  {
    name: 'env',
    arguments: '<operator>',
    summary: "print what an operator's shell needs",
    details:
      'For the nomad command; to be evaluated by the shell. The files are those of the store.',
    options: [
      {
        flags: '--url <url>',
        summary: 'NOMAD_ADDR (default: the first server that the spec gives an address)',
      },
      { flags: '--shell <shell>', summary: 'sh, fish or powershell (default: sh)' },
      { flags: '--server-name [name]', summary: 'also set NOMAD_TLS_SERVER_NAME' },
      json,
    ],
    examples: [
      'nomad-pki env alice --url https://10.0.0.11:4646',
      'nomad-pki env alice --url https://nomad.example:4646 --shell fish',
    ],
    load: async () => (await import('./commands/everyday.js')).env,
  },
  {
    name: 'inspect',
    arguments: '<thing...>',
    summary: 'describe a certificate, key, address or agent',
    details:
      'THING is a file (PEM, DER or PKCS#12; - is stdin), an address or the end of one, or the host:port of a running agent. A secret is never shown.',
    options: [{ flags: '--password-file <file>', summary: 'the password of a PKCS#12 file' }, json],
    examples: [
      'nomad-pki inspect server/global/s1',
      'nomad-pki inspect pki/bundle/agent/ca.pem --json',
    ],
    load: async () => (await import('./commands/inspect.js')).command,
  },
  {
    name: 'completion',
    arguments: '<shell>',
    summary: 'print completions for bash, zsh or fish',
    details: 'To be evaluated by the shell, such as: eval "$(nomad-pki completion bash)"',
    options: [],
    examples: ['nomad-pki completion bash', 'nomad-pki completion fish'],
    words: ['bash', 'zsh', 'fish'],
    load: async () => (await import('./commands/completion.js')).command,
  },
]
