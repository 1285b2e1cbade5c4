# Ansible managed
// data_dir
"data_dir" = "C:\\ProgramData\\nomad\\data"
"log_file" = "C:\\ProgramData\\nomad\\logs\\"
// client
"client" {
    // enabled
    "enabled" = true
    // options
    "options" {
        // driver.allowlist
        "driver.allowlist" = "docker,exec"
    }
}
// tls
"tls" {
    // http
    "http" = true
    "rpc" = true
    "ca_file" = "C:\\nomad\\tls\\ca.pem"
    "cert_file" = "C:\\nomad\\tls\\cert.pem"
    "key_file" = "C:\\nomad\\tls\\key.pem"
}

