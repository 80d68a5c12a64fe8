"""Login and logout: in a browser, with a key file, and the file with the result."""
