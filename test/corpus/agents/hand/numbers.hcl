ports {
  http = 0x1226
  rpc = 011047
  serf = "4648"
}
name = 007
