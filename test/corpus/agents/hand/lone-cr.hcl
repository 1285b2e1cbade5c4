region = "a"# a lone CR
datacenter = "b"
