"""Access tokens: the value, the request for one, the cache on disk and the refresh."""
