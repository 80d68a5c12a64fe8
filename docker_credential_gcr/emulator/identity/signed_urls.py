"""Signed URLs: each gives access to one resource without a credential until it expires, by an HMAC.

They work as those of Cloud Storage.
https://cloud.google.com/storage/docs/access-control/signed-urls
"""

import hashlib
import hmac
import json


class UrlSigner:
    """Signs the resource and expiry of URLs with one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, *resource: str, expires_at: int) -> str:
        """Returns the signature, in hexadecimal, over the parts that name the resource."""
        # JSON: one part cannot be taken for two.
        message = json.dumps([*resource, expires_at])
        return hmac.new(self._secret, message.encode(), hashlib.sha256).hexdigest()

    def is_valid(self, signature: str, *resource: str, expires_at: int, now: float) -> bool:
        """Returns whether the signature is that of the resource, and not expired."""
        expected = self.sign(*resource, expires_at=expires_at)
        return hmac.compare_digest(signature.encode(), expected.encode()) and now < expires_at
