// Writes the generated half of the corpus: agents (what a configuration says) times styles (how
// people and their tools write it). The hand-written half stands in `hand/`. Run it again after a
// change: `node test/corpus/agents/generate.mjs`.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const out = fileURLToPath(new URL('generated/', import.meta.url))

/** Blocks are objects; `[label, object]` pairs in `blocks` are labelled blocks. */
const agents = {
  'package-default': {
    data_dir: '/opt/nomad/data',
    bind_addr: '0.0.0.0',
    server: { enabled: true, bootstrap_expect: 1 },
    client: { enabled: true, servers: ['127.0.0.1'] },
  },
  'guide-server': {
    datacenter: 'dc1',
    data_dir: '/opt/nomad',
    server: {
      enabled: true,
      bootstrap_expect: 3,
      server_join: { retry_join: ['10.0.0.11', '10.0.0.12:4648'], retry_max: 3, retry_interval: '15s' },
    },
    tls: {
      http: true,
      rpc: true,
      ca_file: '/etc/nomad.d/nomad-ca.pem',
      cert_file: '/etc/nomad.d/server.pem',
      key_file: '/etc/nomad.d/server-key.pem',
      verify_server_hostname: true,
      verify_https_client: true,
    },
  },
  'guide-client': {
    datacenter: 'dc1',
    data_dir: '/opt/nomad',
    client: { enabled: true, node_class: 'general', meta: { rack: 'r12', 'os.kind': 'linux' } },
    tls: {
      http: true,
      rpc: true,
      ca_file: 'nomad-ca.pem',
      cert_file: 'client.pem',
      key_file: 'client-key.pem',
      verify_server_hostname: true,
    },
  },
  'role-ansible': {
    name: 'nomad-01.example.internal',
    region: 'eu-central',
    datacenter: 'fra1',
    enable_debug: false,
    disable_update_check: true,
    bind_addr: '10.1.2.3',
    advertise: { http: '10.1.2.3:4646', rpc: '10.1.2.3:4647', serf: '10.1.2.3:4648' },
    ports: { http: 4646, rpc: 4647, serf: 4648 },
    consul: { address: 'localhost:8500', auto_advertise: true, server_auto_join: true },
    data_dir: '/var/nomad',
    log_level: 'INFO',
    enable_syslog: true,
    leave_on_terminate: true,
    leave_on_interrupt: false,
    acl: { enabled: false, token_ttl: '30s', policy_ttl: '30s' },
    vault: { enabled: false },
    server: { enabled: true, raft_protocol: 3, bootstrap_expect: 5, encrypt: 'K8R0YRiDmFQoDNaaN6K9Tw==' },
  },
  'plaintext-dev': {
    log_level: 'DEBUG',
    data_dir: '/tmp/client1',
    name: 'client1',
    client: { enabled: true, servers: ['127.0.0.1:4647'], options: { 'driver.raw_exec.enable': '1' } },
    ports: { http: 5656 },
  },
  'docker-host': {
    region: 'global',
    data_dir: '/srv/nomad',
    client: { enabled: true, network_interface: 'eth1', gc_disk_usage_threshold: 80.5, reserved: { cpu: 500, memory: 512 } },
    telemetry: { collection_interval: '1s', prometheus_metrics: true, publish_allocation_metrics: true },
    plugin: ['docker', { config: { allow_privileged: true, volumes: { enabled: true }, extra_labels: ['job_name', 'node_name'] } }],
  },
  'host-volumes': {
    data_dir: '/opt/nomad/data',
    client: {
      enabled: true,
      cni_path: '/opt/cni/bin',
      host_volume: ['mysql', { path: '/srv/mysql', read_only: false }],
      chroot_env: { '/bin': '/bin', '/etc': '/etc' },
    },
  },
  'combined-edge': {
    region: 'us_west',
    datacenter: 'edge-7',
    data_dir: '/data/nomad',
    server: { enabled: true, bootstrap_expect: 1, rejoin_after_leave: true },
    client: { enabled: true },
    limits: { http_max_conns_per_client: 500, rpc_max_conns_per_client: 0 },
    tls: { http: true, rpc: true, rpc_upgrade_mode: false, tls_min_version: 'tls12' },
  },
  'half-tls': {
    data_dir: '/opt/nomad',
    server: { enabled: true },
    tls: { rpc: true, ca_file: '/etc/ssl/nomad/ca.crt', cert_file: '/etc/ssl/nomad/agent.crt', key_file: '/etc/ssl/nomad/agent.key' },
  },
  'windows-client': {
    data_dir: 'C:\\ProgramData\\nomad\\data',
    log_file: 'C:\\ProgramData\\nomad\\logs\\',
    client: { enabled: true, options: { 'driver.allowlist': 'docker,exec' } },
    tls: { http: true, rpc: true, ca_file: 'C:\\nomad\\tls\\ca.pem', cert_file: 'C:\\nomad\\tls\\cert.pem', key_file: 'C:\\nomad\\tls\\key.pem' },
  },
  'autopilot-server': {
    data_dir: '/opt/nomad',
    autopilot: { cleanup_dead_servers: true, last_contact_threshold: '200ms', max_trailing_logs: 250 },
    server: {
      enabled: true,
      bootstrap_expect: 3,
      heartbeat_grace: '1h',
      default_scheduler_config: { scheduler_algorithm: 'spread', memory_oversubscription_enabled: true, preemption_config: { service_scheduler_enabled: true } },
    },
    ui: { enabled: true, label: { text: 'staging «süd»', background_color: 'yellow' } },
  },
  'only-tls': {
    tls: { http: true, rpc: true, ca_file: '/etc/nomad.d/tls/ca.crt', cert_file: '/etc/nomad.d/tls/agent.crt', key_file: '/etc/nomad.d/tls/agent.key', verify_server_hostname: true, verify_https_client: false },
  },
}

const isBlock = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const isLabelled = (value) => Array.isArray(value) && value.length === 2 && isBlock(value[1])
const plainKey = (key) => /^[A-Za-z_][\w.-]*$/.test(key)

/** Writes HCL in a style. */
function hcl(object, style, depth = 0) {
  const pad = style.indent.repeat(depth)
  const lines = []
  const width = style.align ? Math.max(0, ...Object.entries(object).filter(([, v]) => !isBlock(v) && !isLabelled(v)).map(([k]) => written(k, style).length)) : 0
  let first = true
  for (const [key, value] of Object.entries(object)) {
    if (style.comment !== undefined && (isBlock(value) || first)) lines.push(pad + style.comment(key))
    if (isBlock(value) || isLabelled(value)) {
      const label = isLabelled(value) ? ` "${value[0]}"` : ''
      const inner = isLabelled(value) ? value[1] : value
      const small = style.oneLine && Object.values(inner).every((v) => !isBlock(v) && !isLabelled(v)) && Object.keys(inner).length <= 3
      if (style.airy && !first) lines.push('')
      if (small) {
        const inside = Object.entries(inner).map(([k, v]) => `${written(k, style)} = ${literal(v, style)}`).join(style.comma ? ', ' : ' ')
        lines.push(`${pad}${written(key, style)}${label}${style.blockAssign && label === '' ? ' =' : ''} { ${inside} }`)
      } else {
        const brace = style.newlineBrace ? `\n${pad}{` : ' {'
        lines.push(`${pad}${written(key, style)}${label}${style.blockAssign && label === '' ? ' =' : ''}${brace}`)
        lines.push(hcl(inner, style, depth + 1))
        lines.push(`${pad}}`)
      }
    } else {
      const tail = (style.comma ? ',' : '') + (style.lineComment && key === 'http' ? ' # was: false' : '')
      lines.push(`${pad}${written(key, style).padEnd(width)}${style.equals}${literal(value, style)}${tail}`)
    }
    first = false
  }
  return lines.join('\n')
}

function written(key, style) {
  // These two Nomad finds by their exact spelling only.
  const spelt = style.upper && !['consul', 'vault'].includes(key) ? key.toUpperCase() : key
  return style.quoted || !plainKey(key) ? JSON.stringify(spelt) : spelt
}

function literal(value, style) {
  if (Array.isArray(value)) {
    if (style.multilineLists) return `[\n${value.map((v) => `    ${JSON.stringify(v)},`).join('\n')}\n  ]`
    return `[${value.map((v) => JSON.stringify(v)).join(', ')}]`
  }
  if (typeof value === 'boolean' && style.stringly) return `"${value}"`
  if (typeof value === 'number' && style.stringly && Number.isInteger(value)) return `"${value}"`
  return JSON.stringify(value)
}

/** The same for JSON: a labelled block becomes a key inside. */
function json(object) {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => {
      if (isLabelled(value)) return [key, { [value[0]]: json(value[1]) }]
      return [key, isBlock(value) ? json(value) : value]
    }),
  )
}

const base = { indent: '  ', equals: ' = ' }
const styles = {
  plain: (a) => [`${hcl(a, base)}\n`, 'hcl'],
  fmt: (a) => [`${hcl(a, { ...base, align: true, airy: true })}\n`, 'hcl'],
  commented: (a) => [
    `# Full configuration options can be found at the vendor's site\n\n${hcl(a, { ...base, airy: true, lineComment: true, comment: (key) => `# ${key}: managed by hand` })}\n# end\n`,
    'hcl',
  ],
  ansible: (a) => [`# Ansible managed\n${hcl(a, { ...base, quoted: true, indent: '    ', comment: (key) => `// ${key}` })}\n\n`, 'hcl'],
  cloudinit: (a) => [hcl(a, { ...base, multilineLists: true, comment: (key) => `/* ${key}\n   set at boot */` }), 'hcl'],
  windows: (a) => [`${hcl(a, { ...base, airy: true, align: true })}\n`.replaceAll('\n', '\r\n'), 'hcl'],
  dense: (a) => [hcl(a, { indent: '', equals: '=', oneLine: true }), 'hcl'],
  tabs: (a) => [`${hcl(a, { indent: '\t', equals: ' = ', comma: true, lineComment: true })}\n`, 'hcl'],
  assigned: (a) => [`\n${hcl(a, { ...base, blockAssign: true, oneLine: true, comma: true })}\n`, 'hcl'],
  shouting: (a) => [`${hcl(a, { ...base, stringly: true, upper: true, newlineBrace: true })}\n`, 'hcl'],
  json: (a) => [`${JSON.stringify(json(a), null, 2)}\n`, 'json'],
  'json-four': (a) => [JSON.stringify(json(a), null, 4).replaceAll('\n', '\r\n'), 'json'],
  'json-line': (a) => [JSON.stringify(json(a)), 'json'],
  'json-trailing': (a) => [`${JSON.stringify(json(a), null, '\t').replace(/([^,{[\s])\n(\t*)([}\]])/g, '$1,\n$2$3')}\n`, 'json'],
}

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
let count = 0
for (const [name, agent] of Object.entries(agents)) {
  for (const [style, write] of Object.entries(styles)) {
    const [text, kind] = write(agent)
    writeFileSync(`${out}${name}.${style}.${kind}`, text)
    count += 1
  }
}
console.log(`${count} configurations`)
