# Full configuration options can be found at the vendor's site

# data_dir: managed by hand
data_dir = "/opt/nomad"
# server: managed by hand

server {
  # enabled: managed by hand
  enabled = true
}
# tls: managed by hand

tls {
  # rpc: managed by hand
  rpc = true
  ca_file = "/etc/ssl/nomad/ca.crt"
  cert_file = "/etc/ssl/nomad/agent.crt"
  key_file = "/etc/ssl/nomad/agent.key"
}
# end
