# Ansible managed
// data_dir
"data_dir" = "/opt/nomad"
// server
"server" {
    // enabled
    "enabled" = true
}
// tls
"tls" {
    // rpc
    "rpc" = true
    "ca_file" = "/etc/ssl/nomad/ca.crt"
    "cert_file" = "/etc/ssl/nomad/agent.crt"
    "key_file" = "/etc/ssl/nomad/agent.key"
}

