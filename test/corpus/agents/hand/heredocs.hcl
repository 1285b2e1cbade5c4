client {
  enabled = true
  options = {
    "driver.raw_exec.enable" = "1"
  }
  meta {
    banner = <<EOF
many } words { "quoted"
# not a comment
  EOF
    other = <<-END
      indented
        more
      END
  }
}
