DATA_DIR = "C:\\ProgramData\\nomad\\data"
LOG_FILE = "C:\\ProgramData\\nomad\\logs\\"
CLIENT
{
  ENABLED = "true"
  OPTIONS
  {
    DRIVER.ALLOWLIST = "docker,exec"
  }
}
TLS
{
  HTTP = "true"
  RPC = "true"
  CA_FILE = "C:\\nomad\\tls\\ca.pem"
  CERT_FILE = "C:\\nomad\\tls\\cert.pem"
  KEY_FILE = "C:\\nomad\\tls\\key.pem"
}
