"""Blob uploads: endpoints, sessions, chunks and mounts."""
