"""Decodes base64 in each form in which tools and libraries send it."""

import base64

_STANDARD = str.maketrans("-_", "+/")


def decode_base64(text: str) -> bytes:
    """Returns the bytes of base64, in lines or one, of either alphabet. Raises ValueError.

    base64 of GNU writes lines of 76 characters, and Google's APIs take both alphabets.
    https://protobuf.dev/programming-guides/json/
    """
    return base64.b64decode("".join(text.split()).translate(_STANDARD), validate=True)
