tls { ca_file = <<E
/etc/nomad.d/ca.pem
E
}
