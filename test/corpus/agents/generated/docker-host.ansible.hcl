# Ansible managed
// region
"region" = "global"
"data_dir" = "/srv/nomad"
// client
"client" {
    // enabled
    "enabled" = true
    "network_interface" = "eth1"
    "gc_disk_usage_threshold" = 80.5
    // reserved
    "reserved" {
        // cpu
        "cpu" = 500
        "memory" = 512
    }
}
// telemetry
"telemetry" {
    // collection_interval
    "collection_interval" = "1s"
    "prometheus_metrics" = true
    "publish_allocation_metrics" = true
}
"plugin" "docker" {
    // config
    "config" {
        // allow_privileged
        "allow_privileged" = true
        // volumes
        "volumes" {
            // enabled
            "enabled" = true
        }
        "extra_labels" = ["job_name", "node_name"]
    }
}

