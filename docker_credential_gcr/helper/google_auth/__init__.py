"""Google's authentication: one module for each kind of credential, and the HTTP exchange that all share."""
