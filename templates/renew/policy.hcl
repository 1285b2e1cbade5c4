# One node asks for its own certificate, and for nothing else. `nomad-pki pack NODE --renew` makes it with your
# names, and the role that it names: there each name and address of the node stands.
# Not sign-verbatim, not issue, no "+" and no "*": each of them is another node's certificate, or any.
path "pki/nomad/issuer/us-west-1/sign/nomad-client-us-west-c1" {
  capabilities = ["update"]
  # Vault takes a not_after beyond the life of the role, where it is not barred here.
  allowed_parameters = {
    "csr" = []
    "ttl" = []
    "common_name" = []
    "alt_names" = []
    "ip_sans" = []
    "uri_sans" = []
    "exclude_cn_from_sans" = []
  }
}
