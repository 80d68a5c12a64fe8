"""Google's APIs: REST and OAuth endpoints, the sign-in pages, and the metadata server."""
