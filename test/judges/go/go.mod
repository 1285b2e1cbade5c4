module nomad-pki/test/judges

// As Nomad's own, not lower: an older line turns on what Go once let pass (GODEBUG x509negativeserial, x509rsacrt).
go 1.25
