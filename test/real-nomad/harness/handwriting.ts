/**
 * Agents' configurations as people write them: one file or several, comments, alignment, CRLF, JSON,
 * quoted keys, a `tls` block that was begun and never finished. What they say is what
 * `writeAgentConfig` says.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AgentPlan } from './agent.js'

/** One agent's hand. */
export interface Handwriting {
  /** What the spec says of it. */
  readonly config: string
  /** What the agent is started with, relative to the base. */
  readonly paths: readonly string[]
  /** Files by their path below the base. */
  readonly files: Readonly<Record<string, string>>
}

const quote = (text: string): string => JSON.stringify(text)
const list = (items: readonly string[] = []): string => `[${items.map(quote).join(', ')}]`

/** The same facts in the hand of each of six agents. */
const hands: Readonly<Record<string, (plan: AgentPlan) => Handwriting>> = {
  s1: packaged,
  s2: split,
  s3: json,
  c1: oneFile,
  w1: severalConfigs,
  d1: templated,
}

/** As the package leaves it, edited since: a `tls` block with the paths of another day. */
function packaged(plan: AgentPlan): Handwriting {
  const { http, rpc, serf } = plan.ports
  return {
    config: '{ config: agents/s1 }',
    paths: ['agents/s1'],
    files: {
      'agents/s1/nomad.hcl': `# Full configuration options can be found at the vendor's page
/* data_dir tends to be environment
   specific */
name       = ${quote(plan.name)}     // the inventory knows it by this
region     = ${quote(plan.region)}
data_dir   = ${quote(plan.dataDir)}
bind_addr  = "127.0.0.1"
log_level  = "DEBUG"

disable_update_check = true

ports     { http = ${http}  rpc = ${rpc}, serf = ${serf} }
advertise {
\thttp = "127.0.0.1:${http}"
\trpc  = "127.0.0.1:${rpc}"
\tserf = "127.0.0.1:${serf}"
}

server {
  # license_path is required for Nomad Enterprise
  # license_path = "/etc/nomad.d/license.hclic"
  enabled          = true
  bootstrap_expect = ${plan.bootstrapExpect ?? 1}
  server_join {
    retry_join     = ${list(plan.join)}   # all of them, both regions
    retry_interval = "1s"
  }
}

tls {
  http      = false                              # until the certificates come
  rpc       = false
  ca_file   = "/opt/nomad/tls/nomad-agent-ca.pem"      # from the old machine
  cert_file = "/opt/nomad/tls/global-server-nomad.pem"

  # verify_https_client = true
}
# vim: ft=hcl
`,
    },
  }
}

/** Three files with the line ends of Windows; the last one holds an empty `TLS`. */
function split(plan: AgentPlan): Handwriting {
  const { http, rpc, serf } = plan.ports
  const crlf = (text: string): string => text.replaceAll('\n', '\r\n')
  return {
    config: '{ config: agents/s2 }',
    paths: ['agents/s2'],
    files: {
      'agents/s2/00-base.hcl': crlf(`region = "${plan.region}"
name = ${quote(plan.name)}
data_dir = ${quote(plan.dataDir)}
bind_addr = "127.0.0.1"
log_level = "DEBUG"
disable_update_check = true
`),
      'agents/s2/10-server.hcl': crlf(`server {
    enabled = true
    bootstrap_expect = ${plan.bootstrapExpect ?? 1}
    server_join { retry_join = ${list(plan.join)} retry_interval = "1s" }
}
ports { http = ${http} rpc = ${rpc} serf = ${serf} }
advertise { http = "127.0.0.1:${http}" rpc = "127.0.0.1:${rpc}" serf = "127.0.0.1:${serf}" }
`),
      'agents/s2/20-tls.hcl': crlf('# filled in by the certificates job\nTLS { }\n'),
      'agents/s2/README': 'not read by anybody\n',
    },
  }
}

/** A directory that is all JSON, one file on one line, the other with a comma too many. */
function json(plan: AgentPlan): Handwriting {
  const { http, rpc, serf } = plan.ports
  return {
    config: '{ config: agents/s3 }',
    paths: ['agents/s3'],
    files: {
      'agents/s3/agent.json': `{"name":${quote(plan.name)},"region":${quote(plan.region)},"data_dir":${quote(plan.dataDir)},"bind_addr":"127.0.0.1","log_level":"DEBUG","disable_update_check":true,"ports":{"http":${http},"rpc":${rpc},"serf":${serf}},"advertise":{"http":"127.0.0.1:${http}","rpc":"127.0.0.1:${rpc}","serf":"127.0.0.1:${serf}"}}`,
      'agents/s3/server.json': `{
    "server": [{
        "enabled":          true,
        "bootstrap_expect": ${plan.bootstrapExpect ?? 1},
        "server_join": { "retry_join": ${list(plan.join)},  "retry_interval": "1s", },
    }],
}
`,
    },
  }
}

/** One file, `tls` on one line with a comment behind it, no newline at the end. */
function oneFile(plan: AgentPlan): Handwriting {
  const { http, rpc, serf } = plan.ports
  return {
    config: '{ config: agents/c1.hcl }',
    paths: ['agents/c1.hcl'],
    files: {
      'agents/c1.hcl': `name = ${quote(plan.name)} region = ${quote(plan.region)}
data_dir = ${quote(plan.dataDir)}
bind_addr = "127.0.0.1" log_level = "DEBUG" disable_update_check = true
ports { http = ${http} rpc = ${rpc} serf = ${serf} }
advertise { http = "127.0.0.1:${http}" rpc = "127.0.0.1:${rpc}" serf = "127.0.0.1:${serf}" }
tls { http = true rpc = "true" } # the rest comes with the certificates
client {
  enabled = true
  servers = ${list(plan.servers)}
  options {
    "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,cni,bridge" # slow
  }
}
plugin "raw_exec" { config { enabled = true } }`,
    },
  }
}

/** Two `-config`: what all hosts share, and what is this one's. */
function severalConfigs(plan: AgentPlan): Handwriting {
  const { http, rpc, serf } = plan.ports
  return {
    config: '{ config: { paths: [agents/common.hcl, agents/w1], write: agents/w1/local.hcl } }',
    paths: ['agents/common.hcl', 'agents/w1'],
    files: {
      'agents/common.hcl': `// shared by all hosts of the region
bind_addr = "127.0.0.1"
log_level = "INFO"
disable_update_check = true
`,
      'agents/w1/local.hcl': `log_level = "DEBUG" // overrides common.hcl
name   = ${quote(plan.name)}
region = ${quote(plan.region)}
data_dir = ${quote(plan.dataDir)}
`,
      'agents/w1/server.hcl': `ports { http = ${http} rpc = ${rpc} serf = ${serf} }
advertise { http = "127.0.0.1:${http}" rpc = "127.0.0.1:${rpc}" serf = "127.0.0.1:${serf}" }
server { enabled = true }
server { bootstrap_expect = ${plan.bootstrapExpect ?? 1} server_join { retry_join = ${list(plan.join)} retry_interval = "1s" } }
`,
    },
  }
}

/** As a role renders it: quoted keys, a heredoc, `tls` assigned. */
function templated(plan: AgentPlan): Handwriting {
  const { http, rpc, serf } = plan.ports
  return {
    config: '{ config: agents/d1 }',
    paths: ['agents/d1'],
    files: {
      'agents/d1/base.hcl': `# Ansible managed
"name" = ${quote(plan.name)}
"region" = ${quote(plan.region)}
"datacenter" = "dc1"
"data_dir" = ${quote(plan.dataDir)}
"bind_addr" = "127.0.0.1"
"log_level" = "DEBUG"
"disable_update_check" = true
"ports" = {
    "http" = ${http}
    "rpc" = ${rpc}
    "serf" = ${serf}
}
"advertise" = {
    "http" = "127.0.0.1:${http}"
    "rpc" = "127.0.0.1:${rpc}"
    "serf" = "127.0.0.1:${serf}"
}
"tls" = {
    "http" = "true"
    "rpc" = 1
    "verify_https_client" = false
}
`,
      'agents/d1/client.hcl': `# Ansible managed
client {
    enabled = true
    servers = ${list(plan.servers)}
    meta {
        motd = <<-EOT
          tls { http = false }
          # this is text
          EOT
    }
    options = {
        "fingerprint.denylist" = "env_aws,env_gce,env_azure,env_digitalocean,cni,bridge"
    }
}
plugin "raw_exec" { config { enabled = true } }
`,
    },
  }
}

/**
 * Writes an agent's configuration in its hand.
 *
 * @param base The spec's folder.
 */
export function writeByHand(base: string, plan: AgentPlan): Handwriting {
  const hand = hands[plan.name]
  if (hand === undefined) throw new Error(`nobody writes like ${plan.name}`)
  const written = hand(plan)
  mkdirSync(plan.dataDir, { recursive: true, mode: 0o700 })
  for (const [path, text] of Object.entries(written.files)) {
    mkdirSync(dirname(join(base, path)), { recursive: true })
    writeFileSync(join(base, path), text)
  }
  return written
}
