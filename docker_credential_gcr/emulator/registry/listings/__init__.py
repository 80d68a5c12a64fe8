"""Listings of the registry: tags, catalog and referrers, in pages."""
