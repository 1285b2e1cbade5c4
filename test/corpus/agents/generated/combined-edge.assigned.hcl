
region = "us_west",
datacenter = "edge-7",
data_dir = "/data/nomad",
server = { enabled = true, bootstrap_expect = 1, rejoin_after_leave = true }
client = { enabled = true }
limits = { http_max_conns_per_client = 500, rpc_max_conns_per_client = 0 }
tls = {
  http = true,
  rpc = true,
  rpc_upgrade_mode = false,
  tls_min_version = "tls12",
}
