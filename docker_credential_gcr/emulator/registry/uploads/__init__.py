"""Blob uploads: sessions, their bytes, and mounts."""
