"""Secret Manager's API, secretmanager.googleapis.com, v1."""
