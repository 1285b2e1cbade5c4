/* region
   set at boot */
region = "us_west"
datacenter = "edge-7"
data_dir = "/data/nomad"
/* server
   set at boot */
server {
  /* enabled
   set at boot */
  enabled = true
  bootstrap_expect = 1
  rejoin_after_leave = true
}
/* client
   set at boot */
client {
  /* enabled
   set at boot */
  enabled = true
}
/* limits
   set at boot */
limits {
  /* http_max_conns_per_client
   set at boot */
  http_max_conns_per_client = 500
  rpc_max_conns_per_client = 0
}
/* tls
   set at boot */
tls {
  /* http
   set at boot */
  http = true
  rpc = true
  rpc_upgrade_mode = false
  tls_min_version = "tls12"
}