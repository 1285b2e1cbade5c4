// Writes a `tls` stanza into an agent's configuration; every other byte stays where it was.
import { editTls } from 'nomad-pki'

const source = `# managed by hand
region = "us-west"
server {
  enabled          = true  # one of three
  bootstrap_expect = 3
}
tls {
  http = false             # was off while we migrated
  ca_file = "/etc/nomad.d/old/ca.pem"
}
`
const { text, changed, diagnostics } = editTls(
  source,
  {
    http: true,
    rpc: true,
    ca_file: '/etc/nomad.d/tls/current/ca.pem',
    cert_file: '/etc/nomad.d/tls/current/cert.pem',
    key_file: '/etc/nomad.d/tls/current/key.pem',
    verify_server_hostname: true,
  },
  { file: 'nomad.hcl' },
)
console.log(diagnostics.length, changed)
console.log(text)
