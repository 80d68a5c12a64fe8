"""OCI terms as values: pure functions over bytes and strings, without I/O."""
