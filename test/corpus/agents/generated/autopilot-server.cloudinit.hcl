/* data_dir
   set at boot */
data_dir = "/opt/nomad"
/* autopilot
   set at boot */
autopilot {
  /* cleanup_dead_servers
   set at boot */
  cleanup_dead_servers = true
  last_contact_threshold = "200ms"
  max_trailing_logs = 250
}
/* server
   set at boot */
server {
  /* enabled
   set at boot */
  enabled = true
  bootstrap_expect = 3
  heartbeat_grace = "1h"
  /* default_scheduler_config
   set at boot */
  default_scheduler_config {
    /* scheduler_algorithm
   set at boot */
    scheduler_algorithm = "spread"
    memory_oversubscription_enabled = true
    /* preemption_config
   set at boot */
    preemption_config {
      /* service_scheduler_enabled
   set at boot */
      service_scheduler_enabled = true
    }
  }
}
/* ui
   set at boot */
ui {
  /* enabled
   set at boot */
  enabled = true
  /* label
   set at boot */
  label {
    /* text
   set at boot */
    text = "staging «süd»"
    background_color = "yellow"
  }
}