"""Comparison of secrets in constant time, false if no secret is set."""

import hmac


def is_secret(given: str, known: str) -> bool:
    """Returns whether the given text is the known secret; never for an empty secret."""
    # surrogatepass: a lone surrogate cannot be encoded otherwise.
    sent = given.encode("utf-8", "surrogatepass")
    return known != "" and hmac.compare_digest(sent, known.encode("utf-8", "surrogatepass"))
