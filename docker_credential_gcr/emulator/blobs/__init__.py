"""The bytes behind the registry: those in flight, and those at rest."""
