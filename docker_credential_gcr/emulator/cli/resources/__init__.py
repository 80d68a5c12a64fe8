"""Commands that are thin clients of the REST APIs of a running server."""
