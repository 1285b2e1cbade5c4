/**
 * Every option of every command: one entry for each long name, and so one meaning everywhere. A command
 * names those that it takes (`describe.ts`, `make.ts`, …), and its options' type follows from both.
 *
 * @module
 */

/** Options that hold everywhere, before and after the command; by the names that the parser gives them. */
export const globalFlags = {
  file: { flags: '-f, --file <file>', summary: 'the spec (default: cluster.yaml in this folder)' },
  quiet: { flags: '-q, --quiet', summary: 'print only errors and questions on stderr' },
  color: { flags: '--no-color', summary: 'no colours (NO_COLOR does the same)' },
  debug: { flags: '--debug', summary: 'print errors with their stack' },
} as const

/** Options of commands, by the names that the parser gives them. */
export const flags = {
  agents: {
    flags: '--agents <config...>',
    summary:
      'configurations of the agents, one for each agent, as init --from takes them: they give names, and say which certificate each uses',
    many: true,
    value: 'files',
  },
  alarm: { flags: '--alarm <duration>', summary: 'remind so long before each event: 7d' },
  all: { flags: '--all', summary: 'all agents' },
  as: {
    flags: '--as <address>',
    summary: 'whose request it is, where the request does not say so',
    value: 'identities',
  },
  at: { flags: '--at <date>', summary: 'as of a different day: 2027-03-01, or +30d' },
  authority: {
    flags: '--authority <name>',
    summary: 'an authority: NAME, or NAME/GENERATION',
    value: 'authorities',
  },
  batch: {
    flags: '--batch <size>',
    summary: 'how many clients of a region at once: 25, or 10% (default: 10%)',
  },
  calendar: {
    flags: '--calendar <file>',
    summary: 'also write the dates as a calendar (iCalendar)',
    value: 'files',
  },
  clients: {
    flags: '--clients <region=count>',
    summary: 'clients: REGION=COUNT; may be repeated',
    many: true,
  },
  cluster: {
    flags: '--cluster <name>',
    summary: 'name of the cluster (default: the name of the folder)',
  },
  collect: {
    flags: '--collect',
    summary:
      'first ask the hosts by ssh for the requests that certificates wait for, and sign them: that ssh reaches a host shows that the key is its own',
  },
  combined: {
    flags: '--combined <region=count>',
    summary: 'agents that are server and client: REGION=COUNT; may be repeated',
    many: true,
  },
  commands: {
    flags: '--commands',
    summary: 'print the commands of each host, for those that you bring yourself, and ask no host',
  },
  compat: {
    flags: '--compat',
    summary: 'with p12: 3DES and SHA-1, for software that reads nothing newer',
  },
  compromised: {
    flags: '--compromised',
    summary: 'the old key may be in the wrong hands, so it must not sign',
  },
  config: {
    flags: '--config <path>',
    summary: "the agent's configuration, a file or a directory",
    value: 'files',
  },
  dryRun: { flags: '--dry-run', summary: 'check and show everything, and write nothing' },
  due: { flags: '--due', summary: 'the certificates that are due, spread by address' },
  engine: {
    flags: '--engine',
    summary: 'instead: rebuild a store from the spec and Vault or OpenBao; nothing is signed',
  },
  evidence: {
    flags: '--evidence <file...>',
    summary: 'take what probe --out saw, and receipts of installers, into the ledger first',
    many: true,
    value: 'files',
  },
  except: {
    flags: '--except <address>',
    summary: 'do not wait for this agent; the ledger records it',
    value: 'agents',
  },
  fingerprint: {
    flags: '--fingerprint <hex>',
    summary: 'what pack printed; a different archive is refused',
  },
  force: { flags: '--force', summary: 'renew although nothing is due' },
  format: {
    flags: '--format <format>',
    summary:
      "for a shell, systemd's EnvironmentFile=, Docker's --env-file, JSON, or a tool's own configuration (default: sh)",
    choices: [
      'sh',
      'fish',
      'powershell',
      'systemd',
      'docker',
      'json',
      'prometheus',
      'terraform',
      'traefik',
      'autoscaler',
    ],
    former: '--shell',
  },
  from: {
    flags: '--from <config...>',
    summary:
      'existing agents: their directories or files, as -config takes them, one for each agent',
    many: true,
    value: 'files',
  },
  giveUp: { flags: '--give-up', summary: 'switch although the last switch was never proven' },
  html: {
    flags: '--html <file>',
    summary: 'also write the state as a page for a browser',
    value: 'files',
  },
  inventory: {
    flags: '--inventory <file>',
    summary: 'also write what there is, without keys, for plan --inventory',
    value: 'files',
  },
  ip: { flags: '--ip <address>', summary: 'an address of the node; may be repeated', many: true },
  json: { flags: '--json', summary: 'answer with a JSON document' },
  key: {
    flags: '--key <algorithm>',
    summary:
      'algorithm of a new key (default: what the spec says, or that of the key in use; else ecdsa-p256)',
    choices: ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa-2048', 'rsa-3072', 'rsa-4096'],
  },
  keepKey: { flags: '--keep-key', summary: 'keep the private keys' },
  layout: {
    flags: '--layout <layout>',
    summary:
      'links (the default); flat: without links and installer, for Ansible and images; cfssl, nomad-tls: plain files under the names of that tool; p12: an operator for a browser',
    choices: ['links', 'flat', 'cfssl', 'nomad-tls', 'p12'],
  },
  leader: {
    flags: '--leader <server...>',
    summary: 'the server that leads its region, and so comes last',
    many: true,
    value: 'agents',
  },
  ledgerHead: {
    flags: '--ledger-head <hash>',
    summary: 'a head of the ledger that you wrote down earlier; the ledger must contain it',
  },
  lifetime: {
    flags: '--lifetime <span>',
    summary: 'a lifetime other than the default, such as 30d',
  },
  list: {
    flags: '--list <kind>',
    summary: 'print words of this kind instead of a script',
    choices: ['addresses', 'identities', 'agents', 'authorities', 'configs', 'nodes', 'operators'],
  },
  long: { flags: '--long', summary: 'one line each instead of ranges', former: '--all' },
  made: {
    flags: '--made',
    summary: 'count each certificate as delivered once it is made, without proof',
  },
  markdown: {
    flags: '--markdown',
    summary: 'answer in Markdown, for the comment of a pull request',
  },
  metrics: {
    flags: '--metrics <file>',
    summary: 'also write metrics for Prometheus',
    value: 'files',
  },
  name: { flags: '--name <name>', summary: 'a DNS name of the node; may be repeated', many: true },
  newPasswordFile: {
    flags: '--new-password-file <file>',
    summary: 'with p12: write the new password into this file, instead of on the terminal',
    value: 'files',
  },
  newStore: {
    flags: '--new-store',
    summary: 'begin a store for an existing cluster.yaml, and leave the file as it is',
  },
  next: { flags: '--next', summary: 'write the next stage into the spec' },
  run: {
    flags: '--run',
    summary:
      'go through all stages: edit, apply, rollout and gate, with a question before the old root is dropped',
  },
  nomadVersion: {
    flags: '--nomad-version <version>',
    summary:
      'check for this version of Nomad (default: nomad.version of cluster.yaml, else 1.8.0 to 2.0.5)',
  },
  offline: { flags: '--offline', summary: 'no handshakes over loopback' },
  operator: {
    flags: '--operator <name>',
    summary: 'a person with a certificate for the nomad command; may be repeated',
    many: true,
  },
  back: {
    flags: '--back',
    summary: 'the host that is named goes back to the generation before, if the others accept it',
  },
  backOnFailure: {
    flags: '--back-on-failure',
    summary: 'a host whose agent does not load what it was brought goes back',
  },
  maxFailures: {
    flags: '--max-failures <number>',
    summary: 'so many clients may fail before it stops (default: 0)',
  },
  only: {
    flags: '--only <role>',
    summary: 'servers, clients or machines alone; combined agents are servers',
    choices: ['servers', 'clients', 'machines'],
  },
  out: { flags: '--out <file>', summary: 'write the result into this file' },
  outDir: {
    flags: '--out-dir <folder>',
    summary: 'a folder for several archives, such as global-s1-2.tar.gz',
  },
  perNode: {
    flags: '--per-node',
    summary: 'one for each certificate (default: up to 1,000)',
  },
  perRegion: {
    flags: '--per-region',
    summary: 'the earliest of each role and region',
  },
  policy: {
    flags: '--policy',
    summary: 'print the ACL policy that NOMAD_TOKEN needs, and do nothing else',
  },
  override: {
    flags: '--override <code=value>',
    summary: 'accept what a guard refuses, as its message says; may be repeated',
    many: true,
  },
  owner: {
    flags: '--owner <user>',
    summary: "the agent's user (default: what the archive says)",
  },
  changePassphrase: {
    flags: '--change-passphrase',
    summary: 'put a key that is encrypted already under another passphrase',
  },
  newPassphraseFd: {
    flags: '--new-passphrase-fd <number>',
    summary: 'an open file descriptor that gives the new passphrase, with --change-passphrase',
  },
  passphraseFd: {
    flags: '--passphrase-fd <number>',
    summary: 'an open file descriptor that gives the passphrase: --passphrase-fd 3 3< FILE',
  },
  passphraseFile: {
    flags: '--passphrase-file <file>',
    summary: 'a file with the passphrase of encrypted keys and PKCS#12 files',
    value: 'files',
  },
  passwordFile: {
    flags: '--password-file <file>',
    summary: 'a file with the password of the PKCS#12 file',
    value: 'files',
  },
  plan: { flags: '--plan <file>', summary: 'apply only if the plan is still the saved one' },
  probe: {
    flags: '--probe [host:port]',
    summary:
      'prove that the agent loaded it; where the agent listens (without a value: 127.0.0.1:4646)',
  },
  prune: { flags: '--prune', summary: 'also remove what the spec no longer names' },
  reason: { flags: '--reason <text>', summary: 'why it is right here; it is recorded' },
  recover: {
    flags: '--recover',
    summary: 'certificates have ended: say what to do and why, ask, and do it',
  },
  refuses: {
    flags: '--refuses <authority>',
    summary: 'offer a certificate under this root; exit 0 only if every agent refuses it',
  },
  region: { flags: '--region <region>', summary: 'the region' },
  reload: {
    flags: '--reload <what>',
    summary: 'how the agent loads it: a unit of systemd, a process (or a file with its id), none',
  },
  renew: {
    flags: '--renew',
    summary: 'instead: what a node needs to renew itself from Vault or OpenBao; no secret is in it',
  },
  restart: {
    flags: '--restart',
    summary: "restart the unit instead: a machine's, which reads its files at its start alone",
  },
  rideAlong: {
    flags: '--ride-along',
    summary: 'agents take the stages with their renewals, without reloads of their own',
  },
  rollback: { flags: '--rollback', summary: 'back to the generation before, if it still fits' },
  serial: {
    flags: '--serial <hex>',
    summary: 'the serial number of a certificate that the ledger lacks, in hex',
  },
  serverName: {
    flags: '--server-name [name]',
    summary: 'also set NOMAD_TLS_SERVER_NAME (without a value: server.REGION.nomad)',
  },
  servers: {
    flags: '--servers <region=count>',
    summary: 'servers: REGION=COUNT; may be repeated',
    many: true,
  },
  specOnly: {
    flags: '--spec-only',
    summary: 'check the spec alone, without a store: for editors and pipelines',
  },
  strict: { flags: '--strict', summary: 'exit 2 for warnings too' },
  timeout: { flags: '--timeout <span>', summary: 'how long to wait for each port (default: 5s)' },
  wait: {
    flags: '--wait <span>',
    summary: 'how long to wait for files that you bring yourself, for each step (default: 1h)',
  },
  tls: {
    flags: '--tls <folder>',
    summary: 'where the agent has its files (default: what the archive says)',
  },
  trustOnly: {
    flags: '--trust-only',
    summary:
      'leave the leaf and its key out: new trust around what the node has; without an address the roots alone, as PEM',
  },
  url: {
    flags: '--url <url>',
    summary: 'NOMAD_ADDR (default: the first server with an address in the spec)',
  },
  ssh: {
    flags: '--ssh <host>',
    summary: 'where ssh reaches its host: an alias, a name or an address; of a node false: nowhere',
  },
  user: {
    flags: '--user <user>',
    summary: "the agent's user, NAME or UID, with :GROUP (default: the owner of key_file)",
  },
  via: {
    flags: '--via <way>',
    summary: 'ssh: ask each agent from its own host, where its ports cannot be reached from here',
    choices: ['ssh'],
  },
  watch: {
    flags: '--watch',
    summary:
      'show the state until Ctrl-C, on one screen; without a terminal print a line for each change',
  },
  way: {
    flags: '--way <way>',
    summary: 'crossed or staged (default: crossed where the old root can sign)',
    choices: ['crossed', 'staged'],
  },
  with: {
    flags: '--with <other...>',
    summary:
      'compare with a different cluster: its cluster.yaml, its store, or a ca_file of its agents; may be repeated',
    many: true,
    value: 'files',
  },
  withAuthorityKey: {
    flags: '--with-authority-key',
    summary: 'with cfssl or nomad-tls: the private key of the authority too',
  },
  withoutKey: {
    flags: '--without-key',
    summary: 'leave the private key out: the node has it',
  },
  write: {
    flags: '--write <file>',
    summary: 'the one of several configurations that receives the stanza (default: the last one)',
  },
  yes: { flags: '-y, --yes', summary: 'do not ask' },
} as const
