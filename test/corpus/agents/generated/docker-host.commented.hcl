# Full configuration options can be found at the vendor's site

# region: managed by hand
region = "global"
data_dir = "/srv/nomad"
# client: managed by hand

client {
  # enabled: managed by hand
  enabled = true
  network_interface = "eth1"
  gc_disk_usage_threshold = 80.5
  # reserved: managed by hand

  reserved {
    # cpu: managed by hand
    cpu = 500
    memory = 512
  }
}
# telemetry: managed by hand

telemetry {
  # collection_interval: managed by hand
  collection_interval = "1s"
  prometheus_metrics = true
  publish_allocation_metrics = true
}

plugin "docker" {
  # config: managed by hand
  config {
    # allow_privileged: managed by hand
    allow_privileged = true
    # volumes: managed by hand

    volumes {
      # enabled: managed by hand
      enabled = true
    }
    extra_labels = ["job_name", "node_name"]
  }
}
# end
