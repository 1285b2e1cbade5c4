/* log_level
   set at boot */
log_level = "DEBUG"
data_dir = "/tmp/client1"
name = "client1"
/* client
   set at boot */
client {
  /* enabled
   set at boot */
  enabled = true
  servers = [
    "127.0.0.1:4647",
  ]
  /* options
   set at boot */
  options {
    /* driver.raw_exec.enable
   set at boot */
    driver.raw_exec.enable = "1"
  }
}
/* ports
   set at boot */
ports {
  /* http
   set at boot */
  http = 5656
}