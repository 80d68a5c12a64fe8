"""Credential storage: what docker login hands over, in the keyring or in a file."""
