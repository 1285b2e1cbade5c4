client {
  enabled = true
  meta {
    "user.name" = "é€🎉"
    note = "${attr.kernel.name} is \"quoted\" ${ "x" }"
  }
}
