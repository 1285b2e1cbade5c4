datacenter = "dc1"
data_dir   = "/opt/nomad"

client {
  enabled    = true
  node_class = "general"

  meta {
    rack    = "r12"
    os.kind = "linux"
  }
}

tls {
  http                   = true
  rpc                    = true
  ca_file                = "nomad-ca.pem"
  cert_file              = "client.pem"
  key_file               = "client-key.pem"
  verify_server_hostname = true
}
