"""Errors of outgoing HTTP requests."""


class OutgoingError(Exception):
    """A request got no answer; the message says why."""


class OutgoingRefused(OutgoingError):
    """The rule of outgoing HTTP forbids a URL or the address of its host: no connection was opened."""


class OutgoingFailed(OutgoingError):
    """The host is unknown or unreachable, answers too late, or does not speak HTTP."""
