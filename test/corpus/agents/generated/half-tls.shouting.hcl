DATA_DIR = "/opt/nomad"
SERVER
{
  ENABLED = "true"
}
TLS
{
  RPC = "true"
  CA_FILE = "/etc/ssl/nomad/ca.crt"
  CERT_FILE = "/etc/ssl/nomad/agent.crt"
  KEY_FILE = "/etc/ssl/nomad/agent.key"
}
