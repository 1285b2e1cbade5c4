/**
 * Commands about keys that are elsewhere: an authority's, or a node's.
 *
 * @module
 */

/** The commands. */
export const keysCommands = {
  'authority show': {
    arguments: '[name]',
    summary: "show where each authority's key is",
    details:
      'Compares what the spec says (`signer`) with what the store has. It opens no key and runs no command. Exits 2 where the two differ.',
    writes: false,
    options: {},
    examples: ['nomad-pki authority show', 'nomad-pki authority show agent'],
    words: ['authorities', []],
  },
  'authority encrypt': {
    arguments: '[name]',
    summary: "put an authority's key in the store under a passphrase",
    details:
      'For authorities whose `signer` is `encrypted` in the spec. The file is replaced by one rename. The passphrase comes from --passphrase-fd, from what `nomad-pki.local.yaml` names, or from the terminal. Without it nobody can open the key.',
    writes: true,
    options: { passphraseFd: {}, dryRun: {} },
    examples: ['nomad-pki authority encrypt agent --dry-run', 'nomad-pki authority encrypt agent'],
    words: ['authorities', []],
  },
  'authority decrypt': {
    arguments: '[name]',
    summary: "write an authority's key in the store without its passphrase",
    details:
      'For authorities whose `signer` is `file` in the spec. The file is replaced by one rename.',
    writes: true,
    options: { passphraseFd: {}, dryRun: {} },
    examples: ['nomad-pki authority decrypt agent --dry-run', 'nomad-pki authority decrypt agent'],
    words: ['authorities', []],
  },
} as const
