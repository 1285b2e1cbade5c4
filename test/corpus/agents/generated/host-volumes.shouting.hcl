DATA_DIR = "/opt/nomad/data"
CLIENT
{
  ENABLED = "true"
  CNI_PATH = "/opt/cni/bin"
  HOST_VOLUME "mysql"
  {
    PATH = "/srv/mysql"
    READ_ONLY = "false"
  }
  CHROOT_ENV
  {
    "/BIN" = "/bin"
    "/ETC" = "/etc"
  }
}
