"""HTTP clients of a running server: the REST APIs and the registry."""
