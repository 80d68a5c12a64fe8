"""Metadata server of a Compute Engine instance: metadata.google.internal."""
