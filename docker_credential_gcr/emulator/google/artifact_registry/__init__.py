"""Artifact Registry's API: artifactregistry.googleapis.com."""
