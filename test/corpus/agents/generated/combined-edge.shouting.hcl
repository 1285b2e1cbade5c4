REGION = "us_west"
DATACENTER = "edge-7"
DATA_DIR = "/data/nomad"
SERVER
{
  ENABLED = "true"
  BOOTSTRAP_EXPECT = "1"
  REJOIN_AFTER_LEAVE = "true"
}
CLIENT
{
  ENABLED = "true"
}
LIMITS
{
  HTTP_MAX_CONNS_PER_CLIENT = "500"
  RPC_MAX_CONNS_PER_CLIENT = "0"
}
TLS
{
  HTTP = "true"
  RPC = "true"
  RPC_UPGRADE_MODE = "false"
  TLS_MIN_VERSION = "tls12"
}
