"""Sites: the host, port and location of each of Google's services."""
