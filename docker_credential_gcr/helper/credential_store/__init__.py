"""Credential storage: the logins of `docker login`, in the keyring or in a file."""
