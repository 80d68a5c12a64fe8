"""Access tokens: the value, the cache on disk, and the request for a new one."""
