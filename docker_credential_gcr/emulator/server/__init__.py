"""Server process: start and stop, sockets, TLS, workers."""
