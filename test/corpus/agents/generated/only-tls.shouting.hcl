TLS
{
  HTTP = "true"
  RPC = "true"
  CA_FILE = "/etc/nomad.d/tls/ca.crt"
  CERT_FILE = "/etc/nomad.d/tls/agent.crt"
  KEY_FILE = "/etc/nomad.d/tls/agent.key"
  VERIFY_SERVER_HOSTNAME = "true"
  VERIFY_HTTPS_CLIENT = "false"
}
