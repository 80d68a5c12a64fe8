"""What the records refuse, in the words of no protocol."""


class AlreadyExists(Exception):
    """The name is taken."""


class Changed(Exception):
    """The record is not what the caller has read: read it again, and try anew."""
