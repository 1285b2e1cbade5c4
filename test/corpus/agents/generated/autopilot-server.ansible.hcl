# Ansible managed
// data_dir
"data_dir" = "/opt/nomad"
// autopilot
"autopilot" {
    // cleanup_dead_servers
    "cleanup_dead_servers" = true
    "last_contact_threshold" = "200ms"
    "max_trailing_logs" = 250
}
// server
"server" {
    // enabled
    "enabled" = true
    "bootstrap_expect" = 3
    "heartbeat_grace" = "1h"
    // default_scheduler_config
    "default_scheduler_config" {
        // scheduler_algorithm
        "scheduler_algorithm" = "spread"
        "memory_oversubscription_enabled" = true
        // preemption_config
        "preemption_config" {
            // service_scheduler_enabled
            "service_scheduler_enabled" = true
        }
    }
}
// ui
"ui" {
    // enabled
    "enabled" = true
    // label
    "label" {
        // text
        "text" = "staging «süd»"
        "background_color" = "yellow"
    }
}

