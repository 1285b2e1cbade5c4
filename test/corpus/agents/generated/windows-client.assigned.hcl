
data_dir = "C:\\ProgramData\\nomad\\data",
log_file = "C:\\ProgramData\\nomad\\logs\\",
client = {
  enabled = true,
  options = { driver.allowlist = "docker,exec" }
}
tls = {
  http = true,
  rpc = true,
  ca_file = "C:\\nomad\\tls\\ca.pem",
  cert_file = "C:\\nomad\\tls\\cert.pem",
  key_file = "C:\\nomad\\tls\\key.pem",
}
