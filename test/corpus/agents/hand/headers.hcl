telemetry {
  collection_interval = "1s"
  datadog_tags = ["a:b", "c"]
}
http_api_response_headers {
  Access-Control-Allow-Origin = "*"
}
