/**
 * Commands that describe the cluster: the spec, and the configurations of agents.
 *
 * @module
 */

/** The commands. */
export const describeCommands = {
  init: {
    arguments: '',
    summary: 'write cluster.yaml and .gitignore, and begin the store',
    details:
      'Existing files are never overwritten. Without options: three servers and a client in the region global. With --from: the nodes of existing agents, with a comment for each guess. With --new-store: only the store, for an existing cluster.yaml; refused where the store has content. Restore a lost store from its backup instead: a new one makes a new authority, and every agent must get its root.',
    writes: true,
    options: {
      cluster: {},
      servers: {},
      clients: {},
      combined: {},
      operator: {},
      from: {
        excludes: ['servers', 'clients', 'combined'],
        because: 'the nodes are numbered, or read from the agents',
      },
      newStore: {
        excludes: ['cluster', 'servers', 'clients', 'combined', 'operator', 'from'],
        because: 'the spec exists, and is not written',
      },
      dryRun: {},
    },
    examples: [
      'nomad-pki init --servers global=3 --clients global=5 --operator alice',
      'nomad-pki init --cluster acme --from agents/s1 agents/c1.hcl',
    ],
    words: [[]],
  },
  adopt: {
    arguments: '[folder...]',
    summary: 'take over the authority and certificates that a different tool made',
    details:
      'FOLDER is what cfssl, nomad tls, consul tls, easy-rsa, openssl, mkcert, step or Vault left; the content of a file decides what it is. The authority becomes generation 1 in the store, certificates that have not expired become those of their agents; everything else is listed with the reason. The folder stays as it is. A second run adds what is new. With --engine a store that was lost, or that of a second administrator, is rebuilt from cluster.yaml and Vault or OpenBao: issuers, certificates that have not ended (without their keys), and what is revoked there. The root is the one that the spec pins, or the one in FOLDER.',
    writes: true,
    options: {
      cluster: {},
      agents: {},
      engine: { excludes: ['cluster', 'agents', 'probe'] },
      probe: {
        summary:
          'also ask running agents what they present and trust; may be repeated (without a value: the agents of --agents)',
        many: true,
      },
      passphraseFile: { excludes: ['passphraseFd'] },
      passphraseFd: {},
      dryRun: {},
      json: {},
    },
    examples: [
      "nomad-pki adopt tls --agents 'agents/*' --dry-run",
      'nomad-pki adopt root --engine --dry-run',
    ],
  },
  add: {
    arguments: '<kind> <node>',
    summary: 'add a node, an operator or a machine to the spec',
    details:
      'KIND is server, client, combined, operator or machine; NODE is REGION/NAME, or NAME where there is one region. A machine is a program that uses the HTTP API, such as Prometheus. Comments and layout of the spec stay.',
    writes: true,
    options: {
      ip: {},
      name: {},
      config: {
        summary:
          "the agent's configuration, a file or a directory; repeated as the agent's own -config is",
        many: true,
      },
      write: {
        needs: ['config'],
        because: 'name all that the agent is started with: --config base --config agents/s1.hcl',
      },
      lifetime: {},
      region: { summary: 'region of an operator or machine (default: the first one)' },
      tls: { summary: "a machine's: the folder of its files on its host" },
      owner: { summary: "a machine's: the user that it runs as" },
      reload: { summary: "a machine's: none, or reload or restart and a unit of systemd" },
      ssh: {},
      dryRun: {},
    },
    examples: [
      'nomad-pki add client us-west/c9 --ip 10.2.0.9',
      'nomad-pki add machine prometheus --region global --owner prometheus',
    ],
    words: [['server', 'client', 'combined', 'operator', 'machine'], []],
  },
  remove: {
    arguments: '<kind> <node>',
    summary: 'remove a node, an operator or a machine from the spec',
    details:
      'Its files stay in the store until apply --prune; its certificate is valid until it ends.',
    writes: true,
    options: { dryRun: {} },
    examples: ['nomad-pki remove client us-west/c9', 'nomad-pki remove operator bob'],
    words: [['server', 'client', 'combined', 'operator', 'machine'], 'nodes'],
  },
  'config show': {
    arguments: '<path...>',
    summary: "show an agent's configuration as Nomad reads it",
    details:
      'PATH is a file or a directory, as -config takes it. Each value is shown with its file and line. Needs no spec.',
    writes: false,
    options: { json: {} },
    examples: ['nomad-pki config show agents/s1', 'nomad-pki config show agents/s1 --json'],
    words: ['files'],
  },
  'config diff': {
    arguments: '[address...]',
    summary: "show what apply would change in agents' configurations",
    writes: false,
    options: { json: {} },
    examples: ['nomad-pki config diff', 'nomad-pki config diff global/s1'],
    words: ['configs'],
  },
  'config pull': {
    arguments: '[address...]',
    summary:
      "copy the agents' configurations from their hosts, where the spec says config: { host, copy }",
    details:
      'Reads .hcl and .json files by ssh, and writes copies that only you can read. A copy that was edited here stays, where its host still has what was pulled. Where both changed nothing is written, and the difference is shown. Refuses a place that git tracks. Exits 2 where both changed, or with --dry-run where something would be written; 1 where a host was not reached.',
    writes: true,
    options: { dryRun: {} },
    examples: ['nomad-pki config pull --dry-run', 'nomad-pki config pull global/s1'],
    words: ['configs'],
  },
  'config check': {
    arguments: '<path...>',
    summary: "report what Nomad would refuse or ignore in an agent's configuration",
    details:
      'PATH is an agent: a file or a directory, as -config takes it, or several of them with commas. With several agents, the gossip keys of the servers are compared; --json prints them as one document with `agents`. Needs no spec. On the host of the agent it also checks the files that tls names.',
    writes: false,
    options: { nomadVersion: {}, user: {}, strict: {}, json: {} },
    examples: [
      'nomad-pki config check agents/s1',
      'nomad-pki config check agents/s1 --nomad-version 1.11.3',
    ],
    words: ['files'],
  },
} as const
