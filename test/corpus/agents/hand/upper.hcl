TLS {
  HTTP = "TRUE"
  Rpc = 1
}
