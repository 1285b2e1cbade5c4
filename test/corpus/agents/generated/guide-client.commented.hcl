# Full configuration options can be found at the vendor's site

# datacenter: managed by hand
datacenter = "dc1"
data_dir = "/opt/nomad"
# client: managed by hand

client {
  # enabled: managed by hand
  enabled = true
  node_class = "general"
  # meta: managed by hand

  meta {
    # rack: managed by hand
    rack = "r12"
    os.kind = "linux"
  }
}
# tls: managed by hand

tls {
  # http: managed by hand
  http = true # was: false
  rpc = true
  ca_file = "nomad-ca.pem"
  cert_file = "client.pem"
  key_file = "client-key.pem"
  verify_server_hostname = true
}
# end
