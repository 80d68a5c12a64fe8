"""Client side of a running server: HTTP clients of its APIs, and files and variables for Google's clients."""
