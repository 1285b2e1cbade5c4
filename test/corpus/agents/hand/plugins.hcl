plugin "docker" {
  config {
    auth { config = "/root/.docker/config.json" }
    allow_caps = ["CHOWN", "DAC_OVERRIDE",]
    endpoint = "unix:///var/run/docker.sock"
  }
}

plugin "raw_exec" {
  config {
    enabled = true
  }
}
