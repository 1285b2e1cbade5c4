# A Nomad client. It stands in the agent's configuration directory, /etc/nomad.d/client.hcl; the tls stanza comes from
# nomad-pki, in a file of its own beside this one, tls.hcl.
region     = "global" # as in cluster.yaml: a certificate is good for one region
datacenter = "dc1"
data_dir   = "/opt/nomad/data"
bind_addr  = "0.0.0.0"

client {
  enabled = true

  server_join {
    retry_join = ["10.0.0.11", "10.0.0.12", "10.0.0.13"]
  }
}

acl {
  enabled = true
}
