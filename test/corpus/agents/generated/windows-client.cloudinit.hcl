/* data_dir
   set at boot */
data_dir = "C:\\ProgramData\\nomad\\data"
log_file = "C:\\ProgramData\\nomad\\logs\\"
/* client
   set at boot */
client {
  /* enabled
   set at boot */
  enabled = true
  /* options
   set at boot */
  options {
    /* driver.allowlist
   set at boot */
    driver.allowlist = "docker,exec"
  }
}
/* tls
   set at boot */
tls {
  /* http
   set at boot */
  http = true
  rpc = true
  ca_file = "C:\\nomad\\tls\\ca.pem"
  cert_file = "C:\\nomad\\tls\\cert.pem"
  key_file = "C:\\nomad\\tls\\key.pem"
}