"""Digests: `sha256:<64 hex>` and `sha512:<128 hex>`.

https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
"""

import hashlib
import re
from typing import Protocol

from .errors import InvalidDigest

# By name hashlib finds them too, in three times the time.
_ALGORITHMS = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")


class Hasher(Protocol):
    """What hashlib's objects offer."""

    def update(self, data: bytes, /) -> None:
        """Feed more bytes."""

    def hexdigest(self) -> str:
        """The hash of all bytes so far, in lower-case hex."""

    def copy(self) -> "Hasher":
        """Returns one that was fed the same."""


def parse_digest(text: str) -> str:
    """The digest `text`, checked; raises InvalidDigest."""
    if not _DIGEST.fullmatch(text):
        raise InvalidDigest(f"invalid digest {text[:150]!r}: expected sha256:<64 hex> or sha512:<128 hex>")
    return text


def split_digest(digest: str) -> tuple[str, str]:
    """(algorithm, hex) of a digest that was checked."""
    algorithm, _, encoded = digest.partition(":")
    return algorithm, encoded


def new_hasher(algorithm: str) -> Hasher:
    """A hasher of a known algorithm."""
    return _ALGORITHMS[algorithm]()


def format_digest(algorithm: str, hasher: Hasher) -> str:
    """The digest of what the hasher was fed."""
    return f"{algorithm}:{hasher.hexdigest()}"


def digest_bytes(data: bytes, algorithm: str = "sha256") -> str:
    """The digest of `data`."""
    return format_digest(algorithm, _ALGORITHMS[algorithm](data))
