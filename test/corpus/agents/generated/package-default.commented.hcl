# Full configuration options can be found at the vendor's site

# data_dir: managed by hand
data_dir = "/opt/nomad/data"
bind_addr = "0.0.0.0"
# server: managed by hand

server {
  # enabled: managed by hand
  enabled = true
  bootstrap_expect = 1
}
# client: managed by hand

client {
  # enabled: managed by hand
  enabled = true
  servers = ["127.0.0.1"]
}
# end
