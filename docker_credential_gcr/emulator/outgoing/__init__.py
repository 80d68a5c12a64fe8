"""Outgoing HTTP: requests that the server sends to URLs of its users, and the rule of what it may reach."""
