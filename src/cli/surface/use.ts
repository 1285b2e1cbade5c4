/**
 * Commands that look at things and serve a shell.
 *
 * @module
 */

/** The commands. */
export const useCommands = {
  env: {
    arguments: '<operator>',
    summary: "print what an operator's shell needs",
    details: 'For the nomad command; the shell evaluates it. The files are those of the store.',
    writes: false,
    options: { url: {}, shell: {}, serverName: {}, json: {} },
    examples: [
      'nomad-pki env alice --url https://10.0.0.11:4646',
      'nomad-pki env alice --url https://nomad.example:4646 --shell fish',
    ],
    words: ['operators', []],
  },
  inspect: {
    arguments: '<thing...>',
    summary: 'describe a certificate, key, address or agent',
    details:
      'THING is a file (PEM, DER, PKCS#12 or an archive of pack; - is stdin), an address or the end of one, or the host:port of a running agent. A secret is never shown.',
    writes: false,
    options: { passwordFile: {}, json: {} },
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
