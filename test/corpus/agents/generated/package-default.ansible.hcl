# Ansible managed
// data_dir
"data_dir" = "/opt/nomad/data"
"bind_addr" = "0.0.0.0"
// server
"server" {
    // enabled
    "enabled" = true
    "bootstrap_expect" = 1
}
// client
"client" {
    // enabled
    "enabled" = true
    "servers" = ["127.0.0.1"]
}

