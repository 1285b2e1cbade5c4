/* data_dir
   set at boot */
data_dir = "/opt/nomad"
/* server
   set at boot */
server {
  /* enabled
   set at boot */
  enabled = true
}
/* tls
   set at boot */
tls {
  /* rpc
   set at boot */
  rpc = true
  ca_file = "/etc/ssl/nomad/ca.crt"
  cert_file = "/etc/ssl/nomad/agent.crt"
  key_file = "/etc/ssl/nomad/agent.key"
}