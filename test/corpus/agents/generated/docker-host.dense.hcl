region="global"
data_dir="/srv/nomad"
client {
enabled=true
network_interface="eth1"
gc_disk_usage_threshold=80.5
reserved { cpu = 500 memory = 512 }
}
telemetry { collection_interval = "1s" prometheus_metrics = true publish_allocation_metrics = true }
plugin "docker" {
config {
allow_privileged=true
volumes { enabled = true }
extra_labels=["job_name", "node_name"]
}
}