NAME = "nomad-01.example.internal"
REGION = "eu-central"
DATACENTER = "fra1"
ENABLE_DEBUG = "false"
DISABLE_UPDATE_CHECK = "true"
BIND_ADDR = "10.1.2.3"
ADVERTISE
{
  HTTP = "10.1.2.3:4646"
  RPC = "10.1.2.3:4647"
  SERF = "10.1.2.3:4648"
}
PORTS
{
  HTTP = "4646"
  RPC = "4647"
  SERF = "4648"
}
consul
{
  ADDRESS = "localhost:8500"
  AUTO_ADVERTISE = "true"
  SERVER_AUTO_JOIN = "true"
}
DATA_DIR = "/var/nomad"
LOG_LEVEL = "INFO"
ENABLE_SYSLOG = "true"
LEAVE_ON_TERMINATE = "true"
LEAVE_ON_INTERRUPT = "false"
ACL
{
  ENABLED = "false"
  TOKEN_TTL = "30s"
  POLICY_TTL = "30s"
}
vault
{
  ENABLED = "false"
}
SERVER
{
  ENABLED = "true"
  RAFT_PROTOCOL = "3"
  BOOTSTRAP_EXPECT = "5"
  ENCRYPT = "K8R0YRiDmFQoDNaaN6K9Tw=="
}
