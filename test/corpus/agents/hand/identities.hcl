vault {
  enabled = true
  name = "default"
  default_identity {
    aud = ["vault.io"]
    ttl = "1h"
  }
}
vault {
  name = "other"
}
consul {
  service_identity {
    aud = ["consul.io"]
  }
}
