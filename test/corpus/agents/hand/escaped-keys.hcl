"t\u006cs" {
  "h\x74tp" = "1"
}
