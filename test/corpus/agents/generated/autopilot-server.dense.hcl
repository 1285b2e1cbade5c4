data_dir="/opt/nomad"
autopilot { cleanup_dead_servers = true last_contact_threshold = "200ms" max_trailing_logs = 250 }
server {
enabled=true
bootstrap_expect=3
heartbeat_grace="1h"
default_scheduler_config {
scheduler_algorithm="spread"
memory_oversubscription_enabled=true
preemption_config { service_scheduler_enabled = true }
}
}
ui {
enabled=true
label { text = "staging «süd»" background_color = "yellow" }
}