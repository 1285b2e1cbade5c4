tls {
  http = true
  rpc = true }
region = "eu"
