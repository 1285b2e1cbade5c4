/**
 * Commands that make certificates, and check them.
 *
 * @module
 */

/** The commands. */
export const makeCommands = {
  plan: {
    arguments: '[address...]',
    summary: 'show what is missing or due, and why',
    details:
      'Changes nothing. Exits 2 when there is work. An ADDRESS, or the end of one, limits the plan to it.',
    writes: false,
    options: {
      out: { summary: 'save the plan in this file, for apply --plan' },
      prune: {},
      at: {},
      inventory: {
        summary: 'plan from what status --inventory wrote: neither store nor key is needed',
      },
      override: { needs: ['reason'] },
      reason: { needs: ['override'] },
      long: {},
      markdown: { excludes: ['json'], because: 'the answer has one form' },
      json: {},
    },
    examples: ['nomad-pki plan', 'nomad-pki plan --out plan.json'],
    words: ['addresses'],
  },
  apply: {
    arguments: '[address...]',
    summary: 'create what is missing or due',
    details:
      'Asks on a terminal, and refuses where it cannot ask. After an interruption the same command goes on. An ADDRESS, or the end of one, limits it. Name an operator to renew a certificate that is due or has expired; rotate leaves makes a new one at any time.',
    writes: true,
    options: {
      yes: {},
      plan: {},
      dryRun: {},
      prune: {},
      override: { needs: ['reason'] },
      reason: { needs: ['override'] },
      passphraseFd: {},
      long: {},
      json: {},
    },
    examples: ['nomad-pki apply --yes', 'nomad-pki apply --dry-run'],
    words: ['addresses'],
  },
  verify: {
    arguments: '',
    summary: "check the files against Nomad's rules, and perform TLS handshakes with them",
    details:
      "Chains, lint, Nomad's name checks for all pairs, files and modes, the ledger, configurations, and real handshakes over loopback. With --with, also whether two clusters trust each other by mistake. It does not know what agents have loaded; probe does. Exits 2 with errors.",
    writes: false,
    options: {
      ledgerHead: {},
      offline: {},
      specOnly: { excludes: ['ledgerHead', 'offline', 'with', 'at', 'long'] },
      with: {},
      strict: {},
      at: {},
      long: {},
      json: {},
    },
    examples: ['nomad-pki verify --strict --at +30d', 'nomad-pki verify --with b/cluster.yaml'],
    words: [[]],
  },
  status: {
    arguments: '',
    summary: 'show what expires when',
    details:
      "A certificate ends with the first certificate of its chain that ends. For an agent, the certificate that it was last known to have counts (a probe, or its installer's receipt); a newer one is undelivered. For a machine, the one that its installer's last receipt names counts. A node that renews itself (renewedBy: node) is known by what it presents and by its receipts alone. Exits 2 when something is missing, due, undelivered, revoked or expired, or a node that renews itself is not seen yet, overdue, or has what the spec does not want.",
    writes: false,
    options: {
      watch: {
        excludes: ['at', 'made', 'long', 'json', 'metrics', 'calendar', 'html', 'inventory'],
        because: 'it shows the present on one screen, until Ctrl-C',
      },
      at: {},
      made: {},
      long: {},
      json: {},
      metrics: { excludes: ['at', 'made'], because: 'what watches the file takes it for now' },
      calendar: { excludes: ['at', 'made'], because: 'what watches the file takes it for now' },
      html: { excludes: ['at', 'made'], because: 'what watches the file takes it for now' },
      inventory: { excludes: ['at', 'made'], because: 'a plan from it begins now' },
      alarm: { needs: ['calendar'] },
      perNode: { excludes: ['perRegion'], needsOne: ['metrics', 'calendar'] },
      perRegion: { needsOne: ['metrics', 'calendar'] },
    },
    examples: [
      'nomad-pki status --watch',
      'nomad-pki status --metrics nomad_pki.prom --calendar pki.ics --alarm 7d',
    ],
    words: [[]],
  },
} as const
