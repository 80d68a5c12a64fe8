"""Registry dialects: how Container Registry, Artifact Registry and public registries answer."""
