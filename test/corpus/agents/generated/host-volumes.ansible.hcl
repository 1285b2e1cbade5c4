# Ansible managed
// data_dir
"data_dir" = "/opt/nomad/data"
// client
"client" {
    // enabled
    "enabled" = true
    "cni_path" = "/opt/cni/bin"
    "host_volume" "mysql" {
        // path
        "path" = "/srv/mysql"
        "read_only" = false
    }
    // chroot_env
    "chroot_env" {
        // /bin
        "/bin" = "/bin"
        "/etc" = "/etc"
    }
}

