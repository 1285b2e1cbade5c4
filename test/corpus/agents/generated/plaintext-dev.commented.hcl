# Full configuration options can be found at the vendor's site

# log_level: managed by hand
log_level = "DEBUG"
data_dir = "/tmp/client1"
name = "client1"
# client: managed by hand

client {
  # enabled: managed by hand
  enabled = true
  servers = ["127.0.0.1:4647"]
  # options: managed by hand

  options {
    # driver.raw_exec.enable: managed by hand
    driver.raw_exec.enable = "1"
  }
}
# ports: managed by hand

ports {
  # http: managed by hand
  http = 5656 # was: false
}
# end
