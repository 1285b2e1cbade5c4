DATACENTER = "dc1"
DATA_DIR = "/opt/nomad"
SERVER
{
  ENABLED = "true"
  BOOTSTRAP_EXPECT = "3"
  SERVER_JOIN
  {
    RETRY_JOIN = ["10.0.0.11", "10.0.0.12:4648"]
    RETRY_MAX = "3"
    RETRY_INTERVAL = "15s"
  }
}
TLS
{
  HTTP = "true"
  RPC = "true"
  CA_FILE = "/etc/nomad.d/nomad-ca.pem"
  CERT_FILE = "/etc/nomad.d/server.pem"
  KEY_FILE = "/etc/nomad.d/server-key.pem"
  VERIFY_SERVER_HOSTNAME = "true"
  VERIFY_HTTPS_CLIENT = "true"
}
