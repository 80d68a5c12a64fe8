"""Digests: `sha256:<64 hex>` and `sha512:<128 hex>`.

https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
"""

import hashlib
import re
from typing import Protocol

from .errors import InvalidDigest

# Not hashlib.new(name), which takes three times as long.
_ALGORITHMS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")


class Hasher(Protocol):
    """Interface of hashlib's hash objects."""

    def update(self, data: bytes, /) -> None:
        """Adds bytes."""

    def hexdigest(self) -> str:
        """Returns the hash of all bytes so far, in lower-case hex."""

    def copy(self) -> "Hasher":
        """Returns a hasher of the same bytes."""


def parse_digest(text: str) -> str:
    """Returns `text` if it is a digest. Raises InvalidDigest."""
    if not _DIGEST.fullmatch(text):
        raise InvalidDigest(f"invalid digest {text[:150]!r}: expected sha256:<64 hex> or sha512:<128 hex>")
    return text


def split_digest(digest: str) -> tuple[str, str]:
    """Returns (algorithm, hex) of a valid digest."""
    algorithm, _, encoded = digest.partition(":")
    return algorithm, encoded


def new_hasher(algorithm: str) -> Hasher:
    """Returns a hasher for sha256 or sha512."""
    return _ALGORITHMS[algorithm]()


def format_digest(algorithm: str, hasher: Hasher) -> str:
    """Returns the digest of the bytes that the hasher has."""
    return f"{algorithm}:{hasher.hexdigest()}"


def digest_bytes(data: bytes, algorithm: str = "sha256") -> str:
    """Returns the digest of `data`."""
    return format_digest(algorithm, _ALGORITHMS[algorithm](data))
