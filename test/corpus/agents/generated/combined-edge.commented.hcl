# Full configuration options can be found at the vendor's site

# region: managed by hand
region = "us_west"
datacenter = "edge-7"
data_dir = "/data/nomad"
# server: managed by hand

server {
  # enabled: managed by hand
  enabled = true
  bootstrap_expect = 1
  rejoin_after_leave = true
}
# client: managed by hand

client {
  # enabled: managed by hand
  enabled = true
}
# limits: managed by hand

limits {
  # http_max_conns_per_client: managed by hand
  http_max_conns_per_client = 500
  rpc_max_conns_per_client = 0
}
# tls: managed by hand

tls {
  # http: managed by hand
  http = true # was: false
  rpc = true
  rpc_upgrade_mode = false
  tls_min_version = "tls12"
}
# end
