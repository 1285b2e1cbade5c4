DATACENTER = "dc1"
DATA_DIR = "/opt/nomad"
CLIENT
{
  ENABLED = "true"
  NODE_CLASS = "general"
  META
  {
    RACK = "r12"
    OS.KIND = "linux"
  }
}
TLS
{
  HTTP = "true"
  RPC = "true"
  CA_FILE = "nomad-ca.pem"
  CERT_FILE = "client.pem"
  KEY_FILE = "client-key.pem"
  VERIFY_SERVER_HOSTNAME = "true"
}
