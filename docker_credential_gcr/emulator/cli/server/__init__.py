"""Commands that run a server, and that lead other programs to it."""
