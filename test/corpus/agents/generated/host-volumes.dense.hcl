data_dir="/opt/nomad/data"
client {
enabled=true
cni_path="/opt/cni/bin"
host_volume "mysql" { path = "/srv/mysql" read_only = false }
chroot_env { "/bin" = "/bin" "/etc" = "/etc" }
}