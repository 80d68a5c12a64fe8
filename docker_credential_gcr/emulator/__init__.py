"""Container Registry in a box: registry, token server and IAM on one port, offline."""
