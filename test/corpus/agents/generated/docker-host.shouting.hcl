REGION = "global"
DATA_DIR = "/srv/nomad"
CLIENT
{
  ENABLED = "true"
  NETWORK_INTERFACE = "eth1"
  GC_DISK_USAGE_THRESHOLD = 80.5
  RESERVED
  {
    CPU = "500"
    MEMORY = "512"
  }
}
TELEMETRY
{
  COLLECTION_INTERVAL = "1s"
  PROMETHEUS_METRICS = "true"
  PUBLISH_ALLOCATION_METRICS = "true"
}
PLUGIN "docker"
{
  CONFIG
  {
    ALLOW_PRIVILEGED = "true"
    VOLUMES
    {
      ENABLED = "true"
    }
    EXTRA_LABELS = ["job_name", "node_name"]
  }
}
