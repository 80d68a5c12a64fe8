"""PKCE, Proof Key for Code Exchange: a challenge and its verifier. https://www.rfc-editor.org/rfc/rfc7636"""

import hashlib
import hmac
import re
from collections.abc import Callable

from docker_credential_gcr.emulator.identity.keys.base64_text import encode_base64url

_VALUE = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def _derive_plain(verifier: str) -> str:
    return verifier


def _derive_s256(verifier: str) -> str:
    return encode_base64url(hashlib.sha256(verifier.encode()).digest())


# method -> function from a verifier to its challenge
METHODS: dict[str, Callable[[str], str]] = {"plain": _derive_plain, "S256": _derive_s256}


def is_value(text: str) -> bool:
    """Returns whether the text can be a challenge or a verifier."""
    return _VALUE.fullmatch(text) is not None


def matches(verifier: str, challenge: str, method: str) -> bool:
    """Returns whether the verifier has that challenge."""
    return is_value(verifier) and hmac.compare_digest(METHODS[method](verifier), challenge)
