"""Stores for repositories, manifests, tags, blobs and uploads: one module for each table."""
