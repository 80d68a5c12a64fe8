"""OAuth: clients, scopes and PKCE."""
