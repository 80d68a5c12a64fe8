"""Base64 in each form in which tools and libraries send it, and base64url as JSON Web Tokens have it."""

import base64

_STANDARD = str.maketrans("-_", "+/")


def decode_base64(text: str) -> bytes:
    """Returns the bytes of base64, in lines or one, of either alphabet. Raises ValueError.

    base64 of GNU writes lines of 76 characters, and Google's APIs take both alphabets.
    https://protobuf.dev/programming-guides/json/
    """
    return base64.b64decode("".join(text.split()).translate(_STANDARD), validate=True)


def encode_base64url(data: bytes) -> str:
    """Returns base64url without padding. https://www.rfc-editor.org/rfc/rfc7515#section-2"""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
