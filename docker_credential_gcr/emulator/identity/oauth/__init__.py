"""OAuth's values: clients, scopes, PKCE."""
