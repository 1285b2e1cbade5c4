tls {
  http = true /* why
  not */ }
