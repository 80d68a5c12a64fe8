"""Edits of Docker's configuration and the helper's, by configure-docker, unconfigure-docker and config."""
