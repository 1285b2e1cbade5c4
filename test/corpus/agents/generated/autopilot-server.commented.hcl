# Full configuration options can be found at the vendor's site

# data_dir: managed by hand
data_dir = "/opt/nomad"
# autopilot: managed by hand

autopilot {
  # cleanup_dead_servers: managed by hand
  cleanup_dead_servers = true
  last_contact_threshold = "200ms"
  max_trailing_logs = 250
}
# server: managed by hand

server {
  # enabled: managed by hand
  enabled = true
  bootstrap_expect = 3
  heartbeat_grace = "1h"
  # default_scheduler_config: managed by hand

  default_scheduler_config {
    # scheduler_algorithm: managed by hand
    scheduler_algorithm = "spread"
    memory_oversubscription_enabled = true
    # preemption_config: managed by hand

    preemption_config {
      # service_scheduler_enabled: managed by hand
      service_scheduler_enabled = true
    }
  }
}
# ui: managed by hand

ui {
  # enabled: managed by hand
  enabled = true
  # label: managed by hand

  label {
    # text: managed by hand
    text = "staging «süd»"
    background_color = "yellow"
  }
}
# end
