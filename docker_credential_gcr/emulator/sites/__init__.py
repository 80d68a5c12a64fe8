"""Sites: which host, port and location belongs to which of Google's services."""
