# Full configuration options can be found at the vendor's site

# name: managed by hand
name = "nomad-01.example.internal"
region = "eu-central"
datacenter = "fra1"
enable_debug = false
disable_update_check = true
bind_addr = "10.1.2.3"
# advertise: managed by hand

advertise {
  # http: managed by hand
  http = "10.1.2.3:4646" # was: false
  rpc = "10.1.2.3:4647"
  serf = "10.1.2.3:4648"
}
# ports: managed by hand

ports {
  # http: managed by hand
  http = 4646 # was: false
  rpc = 4647
  serf = 4648
}
# consul: managed by hand

consul {
  # address: managed by hand
  address = "localhost:8500"
  auto_advertise = true
  server_auto_join = true
}
data_dir = "/var/nomad"
log_level = "INFO"
enable_syslog = true
leave_on_terminate = true
leave_on_interrupt = false
# acl: managed by hand

acl {
  # enabled: managed by hand
  enabled = false
  token_ttl = "30s"
  policy_ttl = "30s"
}
# vault: managed by hand

vault {
  # enabled: managed by hand
  enabled = false
}
# server: managed by hand

server {
  # enabled: managed by hand
  enabled = true
  raft_protocol = 3
  bootstrap_expect = 5
  encrypt = "K8R0YRiDmFQoDNaaN6K9Tw=="
}
# end
