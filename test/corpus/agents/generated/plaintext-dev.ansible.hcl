# Ansible managed
// log_level
"log_level" = "DEBUG"
"data_dir" = "/tmp/client1"
"name" = "client1"
// client
"client" {
    // enabled
    "enabled" = true
    "servers" = ["127.0.0.1:4647"]
    // options
    "options" {
        // driver.raw_exec.enable
        "driver.raw_exec.enable" = "1"
    }
}
// ports
"ports" {
    // http
    "http" = 5656
}

