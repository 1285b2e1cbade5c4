# Full configuration options can be found at the vendor's site

# data_dir: managed by hand
data_dir = "C:\\ProgramData\\nomad\\data"
log_file = "C:\\ProgramData\\nomad\\logs\\"
# client: managed by hand

client {
  # enabled: managed by hand
  enabled = true
  # options: managed by hand

  options {
    # driver.allowlist: managed by hand
    driver.allowlist = "docker,exec"
  }
}
# tls: managed by hand

tls {
  # http: managed by hand
  http = true # was: false
  rpc = true
  ca_file = "C:\\nomad\\tls\\ca.pem"
  cert_file = "C:\\nomad\\tls\\cert.pem"
  key_file = "C:\\nomad\\tls\\key.pem"
}
# end
