"""Sign-in pages: accounts.google.com."""
