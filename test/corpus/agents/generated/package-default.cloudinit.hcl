/* data_dir
   set at boot */
data_dir = "/opt/nomad/data"
bind_addr = "0.0.0.0"
/* server
   set at boot */
server {
  /* enabled
   set at boot */
  enabled = true
  bootstrap_expect = 1
}
/* client
   set at boot */
client {
  /* enabled
   set at boot */
  enabled = true
  servers = [
    "127.0.0.1",
  ]
}