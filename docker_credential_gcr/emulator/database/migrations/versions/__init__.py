"""Revisions of the database, numbered from the oldest."""
