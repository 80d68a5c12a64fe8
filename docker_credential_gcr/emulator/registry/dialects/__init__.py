"""Registry dialects: the texts, the challenge and the permissions in which two registries differ."""
