tls = {
  http = true,
  rpc = true,
},
server = { enabled = true },
