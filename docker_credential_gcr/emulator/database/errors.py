"""Errors of the database's stores, which know no protocol."""


class AlreadyExists(Exception):
    """The name is taken."""


class Changed(Exception):
    """The row has changed since the caller read it: read it again, and repeat the change."""
