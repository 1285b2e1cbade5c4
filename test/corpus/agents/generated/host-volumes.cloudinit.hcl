/* data_dir
   set at boot */
data_dir = "/opt/nomad/data"
/* client
   set at boot */
client {
  /* enabled
   set at boot */
  enabled = true
  cni_path = "/opt/cni/bin"
  host_volume "mysql" {
    /* path
   set at boot */
    path = "/srv/mysql"
    read_only = false
  }
  /* chroot_env
   set at boot */
  chroot_env {
    /* /bin
   set at boot */
    "/bin" = "/bin"
    "/etc" = "/etc"
  }
}