# Full configuration options can be found at the vendor's site

# data_dir: managed by hand
data_dir = "/opt/nomad/data"
# client: managed by hand

client {
  # enabled: managed by hand
  enabled = true
  cni_path = "/opt/cni/bin"

  host_volume "mysql" {
    # path: managed by hand
    path = "/srv/mysql"
    read_only = false
  }
  # chroot_env: managed by hand

  chroot_env {
    # /bin: managed by hand
    "/bin" = "/bin"
    "/etc" = "/etc"
  }
}
# end
