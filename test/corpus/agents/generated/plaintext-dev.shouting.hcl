LOG_LEVEL = "DEBUG"
DATA_DIR = "/tmp/client1"
NAME = "client1"
CLIENT
{
  ENABLED = "true"
  SERVERS = ["127.0.0.1:4647"]
  OPTIONS
  {
    DRIVER.RAW_EXEC.ENABLE = "1"
  }
}
PORTS
{
  HTTP = "5656"
}
