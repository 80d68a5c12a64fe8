"""Links that open one thing without a credential, until they end: an HMAC over what they open.

As Cloud Storage's signed URLs: whoever has one needs nothing else, and it opens nothing else.
https://cloud.google.com/storage/docs/access-control/signed-urls
"""

import hashlib
import hmac
import json


class UrlSigner:
    """Signs what a link opens, and when it ends, with one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def sign(self, *opened: str, expires_at: int) -> str:
        """The signature, in hexadecimal, over the parts that say what is opened."""
        # As JSON, in which no part can look like two.
        message = json.dumps([*opened, expires_at])
        return hmac.new(self._secret, message.encode(), hashlib.sha256).hexdigest()

    def is_valid(self, signature: str, *opened: str, expires_at: int, now: float) -> bool:
        """Whether the signature is the one for exactly this, and it has not ended."""
        expected = self.sign(*opened, expires_at=expires_at)
        return hmac.compare_digest(signature.encode(), expected.encode()) and now < expires_at
