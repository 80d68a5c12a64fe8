"""A local Artifact Registry and Container Registry: registry, token server and IAM on one port, offline."""
