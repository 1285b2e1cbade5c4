/* datacenter
   set at boot */
datacenter = "dc1"
data_dir = "/opt/nomad"
/* client
   set at boot */
client {
  /* enabled
   set at boot */
  enabled = true
  node_class = "general"
  /* meta
   set at boot */
  meta {
    /* rack
   set at boot */
    rack = "r12"
    os.kind = "linux"
  }
}
/* tls
   set at boot */
tls {
  /* http
   set at boot */
  http = true
  rpc = true
  ca_file = "nomad-ca.pem"
  cert_file = "client.pem"
  key_file = "client-key.pem"
  verify_server_hostname = true
}