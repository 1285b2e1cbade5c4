/* datacenter
   set at boot */
datacenter = "dc1"
data_dir = "/opt/nomad"
/* server
   set at boot */
server {
  /* enabled
   set at boot */
  enabled = true
  bootstrap_expect = 3
  /* server_join
   set at boot */
  server_join {
    /* retry_join
   set at boot */
    retry_join = [
    "10.0.0.11",
    "10.0.0.12:4648",
  ]
    retry_max = 3
    retry_interval = "15s"
  }
}
/* tls
   set at boot */
tls {
  /* http
   set at boot */
  http = true
  rpc = true
  ca_file = "/etc/nomad.d/nomad-ca.pem"
  cert_file = "/etc/nomad.d/server.pem"
  key_file = "/etc/nomad.d/server-key.pem"
  verify_server_hostname = true
  verify_https_client = true
}