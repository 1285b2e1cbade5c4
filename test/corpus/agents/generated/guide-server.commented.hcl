# Full configuration options can be found at the vendor's site

# datacenter: managed by hand
datacenter = "dc1"
data_dir = "/opt/nomad"
# server: managed by hand

server {
  # enabled: managed by hand
  enabled = true
  bootstrap_expect = 3
  # server_join: managed by hand

  server_join {
    # retry_join: managed by hand
    retry_join = ["10.0.0.11", "10.0.0.12:4648"]
    retry_max = 3
    retry_interval = "15s"
  }
}
# tls: managed by hand

tls {
  # http: managed by hand
  http = true # was: false
  rpc = true
  ca_file = "/etc/nomad.d/nomad-ca.pem"
  cert_file = "/etc/nomad.d/server.pem"
  key_file = "/etc/nomad.d/server-key.pem"
  verify_server_hostname = true
  verify_https_client = true
}
# end
