data_dir = "/opt"

tls {
  http = true # http = false
  /* rpc = true */
  ca_file   = "/a.pem" // }
}
