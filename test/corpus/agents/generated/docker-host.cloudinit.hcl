/* region
   set at boot */
region = "global"
data_dir = "/srv/nomad"
/* client
   set at boot */
client {
  /* enabled
   set at boot */
  enabled = true
  network_interface = "eth1"
  gc_disk_usage_threshold = 80.5
  /* reserved
   set at boot */
  reserved {
    /* cpu
   set at boot */
    cpu = 500
    memory = 512
  }
}
/* telemetry
   set at boot */
telemetry {
  /* collection_interval
   set at boot */
  collection_interval = "1s"
  prometheus_metrics = true
  publish_allocation_metrics = true
}
plugin "docker" {
  /* config
   set at boot */
  config {
    /* allow_privileged
   set at boot */
    allow_privileged = true
    /* volumes
   set at boot */
    volumes {
      /* enabled
   set at boot */
      enabled = true
    }
    extra_labels = [
    "job_name",
    "node_name",
  ]
  }
}