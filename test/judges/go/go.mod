module nomad-pki/test/judges

// 1.23, not lower: an older line turns on the GODEBUG that lets negative serials pass.
go 1.23
