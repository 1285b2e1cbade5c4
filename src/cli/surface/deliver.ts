/**
 * Commands that bring certificates to agents, and ask agents what they loaded.
 *
 * @module
 */

/** The commands. */
export const deliverCommands = {
  pack: {
    arguments: '[address...]',
    summary: 'pack what a node receives, and print the fingerprint of the archive',
    details:
      'The current generation, the stanza and install.sh in one file with mode 0600, because it holds the private key. A different file is never overwritten; the same archive again is not an error. A machine gets an archive too, without a stanza. An operator gets ca.pem, cert.pem, key.pem and nomad.env, or with --layout p12 a file for a browser, with a new password. With --layout cfssl or nomad-tls a folder gets plain files instead; addresses choose the identities, where several have keys of their own.',
    writes: true,
    options: {
      out: {
        summary: 'the archive, such as s1.tar.gz',
        excludes: ['outDir'],
        because: '--out is for one archive, --out-dir for several',
      },
      outDir: {},
      all: {},
      layout: {},
      withoutKey: {},
      trustOnly: {},
      renew: {
        needs: ['outDir'],
        excludes: ['out', 'all', 'layout', 'withoutKey', 'trustOnly'],
        because: 'it writes what a node needs to ask for its own certificate',
      },
      region: {
        summary: 'with cfssl, nomad-tls or --trust-only: the files of this region',
      },
      withAuthorityKey: {},
      compat: {},
      passwordFile: { excludes: ['newPasswordFile'] },
      newPasswordFile: {},
      dryRun: {},
      json: {},
    },
    examples: ['nomad-pki pack s1 --out s1.tar.gz', 'nomad-pki pack --all --out-dir out'],
    words: ['identities'],
  },
  rollout: {
    arguments: '[address...]',
    summary: 'bring what was made to the hosts by ssh, one server at a time, with proof after each',
    details:
      'Looks at every host first. Then servers one by one, the leader last; it waits until the region is healthy before the next. Then clients in batches. Stops at the first failure; the same command goes on, and leaves out agents that are proven. Uses your own ssh; node.ssh of the spec names the user. Of a host with ssh: false it prints the commands, and waits until its agent presents the files. With --collect, agents whose certificates wait for a request (keyHeld: node) are asked for it first: the key is made on the host and stays there, and the spec decides every name. With --recover, where certificates have ended: asks every agent, says what comes in which order, makes new certificates and brings them; agents with a certificate that lives are left alone unless they are named. Exits 2 unless every agent that was named is proven.',
    writes: true,
    options: {
      batch: {},
      only: {},
      maxFailures: {},
      collect: {},
      passphraseFd: { needsOne: ['collect', 'recover'], because: 'a rollout alone signs nothing' },
      back: {
        excludes: ['batch', 'only', 'maxFailures', 'backOnFailure', 'wait', 'collect'],
        because: 'one host goes back',
      },
      backOnFailure: {},
      recover: {
        excludes: ['back', 'policy', 'commands', 'collect'],
        because: 'it brings new certificates to agents whose own have ended',
      },
      via: {},
      wait: {},
      commands: {
        needs: ['dryRun'],
        excludes: ['yes', 'back', 'via', 'collect'],
        because: 'it only prints',
      },
      leader: { needs: ['commands'], because: 'a rollout asks the servers for their leader' },
      policy: {},
      override: { needs: ['reason'] },
      reason: { needs: ['override'] },
      dryRun: {},
      yes: {},
      json: {},
    },
    examples: ['nomad-pki rollout --dry-run --commands', 'nomad-pki rollout --policy'],
    words: ['agents'],
  },
  install: {
    arguments: '[archive]',
    summary: 'on a node: put the packed files in place, reload, prove it, or go back',
    details:
      'Needs no spec; - is stdin. Runs install.sh with more checks before and a handshake after. Goes back when the agent died or still presents the old generation. Exits 2 when the agent has not loaded it.',
    writes: true,
    options: {
      tls: {},
      reload: {},
      restart: { needs: ['reload'] },
      config: {
        summary: "the agent's configuration, a file or a directory; gets the stanza if it lacks it",
      },
      probe: {},
      fingerprint: {},
      owner: {},
      dryRun: {},
      rollback: {
        excludes: ['config', 'fingerprint'],
        because: 'the node has the files that it goes back to',
      },
      giveUp: {},
      override: { needs: ['reason'] },
      reason: { needs: ['override'] },
      json: {},
    },
    examples: [
      'nomad-pki install s1.tar.gz --tls tls --reload none',
      'nomad-pki install s1.tar.gz --tls tls --config agents/s1 --reload none --dry-run',
    ],
  },
  renew: {
    arguments: '',
    summary: 'on a node: renew its own certificate from Vault or OpenBao, and have it loaded',
    details:
      'Needs no spec: the file of the node says what it may ask for (pack NODE --renew makes it). The key is made here and stays here. What the engine answers is linted and compared, and goes through the same installer as an archive: lock, continuity, switch, reload, proof, way back, receipt. Exits 0 and says when, where nothing is due; 2 where the agent has not loaded it; 3 where the engine or the node refuses. The pair in place stays then.',
    writes: true,
    options: {
      config: { summary: "the node's file (default: /etc/nomad-pki/node.yaml)" },
      reload: {},
      force: {},
      giveUp: {},
      override: { needs: ['reason'] },
      reason: { needs: ['override'] },
      dryRun: {},
      json: {},
    },
    examples: [
      'nomad-pki renew --config node/node.yaml --dry-run',
      'nomad-pki renew --config node/node.yaml --force --json',
    ],
  },
  probe: {
    arguments: '[address...]',
    summary: 'ask the running agents which generation they loaded, and which roots they trust',
    details:
      "One handshake without a certificate on each agent's HTTPS and RPC port; the ledger records the result. A server logs each handshake on its RPC port, at WARN. With --evidence no agent is asked. With --via ssh the connections begin on the agents' own hosts (ssh -W). Exits 2 unless every agent is proven to have its newest generation.",
    writes: true,
    options: {
      out: { summary: 'also write what was seen into this file: on a bastion without the store' },
      evidence: {
        excludes: ['out', 'refuses', 'dryRun', 'via'],
        because: 'with --evidence no agent is asked',
      },
      refuses: {},
      via: {},
      timeout: {},
      dryRun: {},
      long: {},
      json: {},
    },
    examples: [
      'nomad-pki probe --refuses authority/agent/1',
      'nomad-pki probe --timeout 1s --out evidence.json',
    ],
    words: ['agents'],
  },
} as const
