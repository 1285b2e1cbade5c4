/**
 * Commands that look at things and serve a shell.
 *
 * @module
 */

/** The commands. */
export const useCommands = {
  env: {
    arguments: '<operator>',
    summary: 'print the variables or the configuration with which a tool reaches Nomad',
    details:
      "The shell evaluates the variables of Nomad. --format writes a file for systemd or Docker, or the part of a tool's own configuration: Prometheus, Terraform, Traefik, the autoscaler. It says which ACL policy the tool needs, because a certificate grants none. The files that it names are those of the store; a machine's are those on its host.",
    writes: false,
    options: {
      url: {},
      format: {
        excludes: ['json'],
        because: '--json is a document about the operator, --format json the variables alone',
      },
      serverName: {},
      json: {},
    },
    examples: [
      'nomad-pki env alice --url https://10.0.0.11:4646',
      'nomad-pki env alice --url https://nomad.example:4646 --format terraform',
    ],
    words: ['operators', []],
  },
  inspect: {
    arguments: '<thing...>',
    summary: 'say what files, addresses and agents are, and what of them fits together',
    details:
      'THING is a file (certificates, keys, requests and revocation lists in PEM or DER; PKCS#12; JSON of cfssl; an archive of pack; - is stdin), an address or the end of one, or the host:port of a running agent. Says whether Nomad takes a certificate, as what, and until when. Several things are matched to each other. An encrypted key is opened (its passphrase is asked for) where there is something to match. A secret is never shown.',
    writes: false,
    options: { passphraseFile: {}, passphraseFd: {}, passwordFile: {}, json: {} },
    examples: [
      'nomad-pki inspect server/global/s1',
      'nomad-pki inspect pki/bundle/agent/ca.pem --json',
    ],
    words: ['identities'],
  },
  completion: {
    arguments: '[shell]',
    summary: 'print completions for bash, zsh or fish',
    details:
      'The shell evaluates them: eval "$(nomad-pki completion bash)". With --list it prints the words of a kind: the scripts ask for them, and it never fails.',
    writes: false,
    options: { list: {} },
    examples: ['nomad-pki completion bash', 'nomad-pki completion fish'],
    words: [['bash', 'zsh', 'fish'], []],
  },
} as const
