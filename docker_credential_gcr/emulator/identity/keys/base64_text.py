"""Base64 in each form that tools and libraries send, and base64url as in JSON Web Tokens."""

import base64

_STANDARD = str.maketrans("-_", "+/")


def decode_base64(text: str) -> bytes:
    """Decodes base64 of either alphabet, with or without line breaks. Raises ValueError.

    GNU base64 writes lines of 76 characters, and Google's APIs accept both alphabets.
    https://protobuf.dev/programming-guides/json/
    """
    return base64.b64decode("".join(text.split()).translate(_STANDARD), validate=True)


def encode_base64url(data: bytes) -> str:
    """Encodes as base64url without padding. https://www.rfc-editor.org/rfc/rfc7515#section-2"""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
