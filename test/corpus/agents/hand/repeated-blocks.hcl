server { enabled = true }
server { bootstrap_expect = 3 }
client { enabled = false }
client { enabled = true }
