DATA_DIR = "/opt/nomad/data"
BIND_ADDR = "0.0.0.0"
SERVER
{
  ENABLED = "true"
  BOOTSTRAP_EXPECT = "1"
}
CLIENT
{
  ENABLED = "true"
  SERVERS = ["127.0.0.1"]
}
