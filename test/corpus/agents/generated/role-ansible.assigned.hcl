
name = "nomad-01.example.internal",
region = "eu-central",
datacenter = "fra1",
enable_debug = false,
disable_update_check = true,
bind_addr = "10.1.2.3",
advertise = { http = "10.1.2.3:4646", rpc = "10.1.2.3:4647", serf = "10.1.2.3:4648" }
ports = { http = 4646, rpc = 4647, serf = 4648 }
consul = { address = "localhost:8500", auto_advertise = true, server_auto_join = true }
data_dir = "/var/nomad",
log_level = "INFO",
enable_syslog = true,
leave_on_terminate = true,
leave_on_interrupt = false,
acl = { enabled = false, token_ttl = "30s", policy_ttl = "30s" }
vault = { enabled = false }
server = {
  enabled = true,
  raft_protocol = 3,
  bootstrap_expect = 5,
  encrypt = "K8R0YRiDmFQoDNaaN6K9Tw==",
}
