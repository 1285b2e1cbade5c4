/**
 * Commands about keys that are elsewhere: an authority's, or a node's.
 *
 * @module
 */

/** The commands. */
export const keysCommands = {
  request: {
    arguments: '[address]',
    summary: 'on a node: make its private key there, and a request for a certificate',
    details:
      'Needs neither the store nor the spec. ADDRESS is ROLE/REGION/NAME, or the end of one where the spec is here; without it, it is the node whose certificate is in place. The key lies in --tls as requested-key.pem (0600) until install pairs it with its certificate. A second call uses the same key. Where a certificate is in place, its key signs the request too: sign then takes it without a question, once the renewal is due. Prints the fingerprint of the public key, and the request where no --out names a file. A dry run shows no request.',
    writes: true,
    options: {
      out: { summary: 'write the request into this file (default: standard output)' },
      tls: {
        summary:
          'where the agent has its files (default: what the spec says; without it, /etc/nomad-tls or /etc/nomad.d/tls, where a certificate is in place, else /etc/nomad-tls)',
      },
      key: { excludes: ['keepKey'], because: '--key is for a new key' },
      keepKey: { summary: 'ask for a new certificate of the key in use' },
      dryRun: {},
      json: {},
    },
    examples: [
      'nomad-pki request server/global/s1 --tls tls --out s1.csr',
      'nomad-pki request server/global/s1 --tls tls --key ecdsa-p384',
    ],
    words: ['identities', []],
  },
  sign: {
    arguments: '<request>',
    summary: 'sign the request of a node: the spec decides every name, and how long it lives',
    details:
      'For identities with keyHeld: node. REQUEST is a file, or - for stdin. Shows what is asked for beside what is granted. --fingerprint is what request printed on the node. Without it, a request that the certificate in use also signed is taken when its renewal is due. Any other request asks on the terminal.',
    writes: true,
    options: {
      as: {},
      fingerprint: {
        summary: 'the fingerprint of the public key, SHA256:HEX, as request printed it on the node',
      },
      dryRun: {},
      json: {},
    },
    examples: ['nomad-pki sign s1.csr --dry-run', 'nomad-pki sign other.csr --as s1 --dry-run'],
    words: ['files', []],
  },
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
      'For authorities whose `signer` is `encrypted` in the spec. The file is replaced by one rename. The passphrase comes from --passphrase-fd, from what `nomad-pki.local.yaml` names, or from the terminal. Without it nobody can open the key. With --change-passphrase the new one comes from --new-passphrase-fd or the terminal. A dry run opens the key and writes nothing.',
    writes: true,
    options: { passphraseFd: {}, changePassphrase: {}, newPassphraseFd: {}, dryRun: {} },
    examples: ['nomad-pki authority encrypt agent --dry-run', 'nomad-pki authority encrypt agent'],
    words: ['authorities', []],
  },
  'authority decrypt': {
    arguments: '[name]',
    summary: "write an authority's key in the store without its passphrase",
    details:
      'For authorities whose `signer` is `file` in the spec. The file is replaced by one rename. A dry run opens the key and writes nothing.',
    writes: true,
    options: { passphraseFd: {}, dryRun: {} },
    examples: ['nomad-pki authority decrypt agent --dry-run', 'nomad-pki authority decrypt agent'],
    words: ['authorities', []],
  },
  'authority setup': {
    arguments: '<name>',
    summary: 'make an authority in Vault or OpenBao: its key is made there and stays there',
    details:
      'For authorities with `engine` in the spec. Makes the mount and the key, has its root certify it (a root certifies itself), and sets up the issuer. Makes one role for each kind of certificate and region. Prints policies. It leaves what is there and right, so you can run it again. A dry run asks the engine what it has, and changes nothing.',
    writes: true,
    options: {
      compromised: { summary: 'issuers of older generations sign no more certificates' },
      passphraseFd: {},
      dryRun: {},
    },
    examples: ['nomad-pki authority setup us-west --dry-run', 'nomad-pki authority setup us-west'],
    words: ['authorities', []],
  },
  'authority request': {
    arguments: '[name]',
    summary:
      'ask a key on another machine for roots, intermediates, cross-certificates and revocation lists',
    details:
      'For authorities whose `signer` is `offline`. Everything that waits for the key goes into one file, in words and as data; intermediates get their keys here. On the machine that has the key, `authority accept` signs it. NAME is the authority that signs.',
    writes: true,
    options: {
      out: { summary: 'the request, such as agent.request' },
      passphraseFd: {},
      dryRun: {},
    },
    examples: [
      'nomad-pki authority request --out agent.request --dry-run',
      'nomad-pki authority request agent --out agent.request',
    ],
    words: ['authorities', []],
  },
  'authority accept': {
    arguments: '<file>',
    summary: 'sign a request where the key is, or take the answer where the store is',
    details:
      'FILE is what `authority request` wrote, and the spec here says where the key is: what it asks for is signed, and --out gets the answer. Or FILE is the answer, and the spec here says `signer: offline`: each signature and each word is checked, and all of it is put into the store at once. Shows what it is, and asks; --fingerprint or --yes answers.',
    writes: true,
    options: {
      out: { summary: 'the answer to a request, such as agent.answer' },
      fingerprint: {
        summary: 'the fingerprint of the request, SHA256:HEX, as authority request printed it',
      },
      yes: {},
      passphraseFd: {},
      dryRun: {},
    },
    examples: [
      'nomad-pki authority accept agent.request --out agent.answer --dry-run',
      'nomad-pki authority accept agent.answer --dry-run',
    ],
    words: ['files', []],
  },
} as const
