data_dir = "/opt/nomad",
server {
	enabled = true,
}
tls {
	rpc = true,
	ca_file = "/etc/ssl/nomad/ca.crt",
	cert_file = "/etc/ssl/nomad/agent.crt",
	key_file = "/etc/ssl/nomad/agent.key",
}
