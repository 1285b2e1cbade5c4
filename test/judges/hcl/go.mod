module nomad-pki/test/judges/hcl

go 1.23

require github.com/hashicorp/hcl v1.0.1-nomad-1
