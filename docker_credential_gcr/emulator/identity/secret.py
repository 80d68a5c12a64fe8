"""Comparison of secrets: in constant time, and false where no secret is set."""

import hmac


def is_secret(given: str, known: str) -> bool:
    """Whether what was sent is the known secret; an empty one is equal to nothing."""
    # A lone surrogate, which no encoding takes, is no secret's.
    sent = given.encode("utf-8", "surrogatepass")
    return known != "" and hmac.compare_digest(sent, known.encode("utf-8", "surrogatepass"))
