"""Google's authentication: a module for each kind of credential, and the HTTP client that they share."""
