"""A client of upstream registries: what mirrors and remote repositories fetch through."""
