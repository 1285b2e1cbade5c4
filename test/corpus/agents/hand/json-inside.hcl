{
	"name": "café 🎉",
	"client": {"enabled": true, "host_volume": [{"a": {"path": "/a"}}, {"b": {"path": "/b"}}]}
}