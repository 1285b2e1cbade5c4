tls {
  # nothing yet
}
