"""Repository names, tags and references.

https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
"""

import re

from .digest import parse_digest
from .errors import InvalidDigest, InvalidName, InvalidReference

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
# Many clients count 255 characters with the host's name, so none sends more without it.
_NAME_LIMIT = 255
_FORM = f"at most {_NAME_LIMIT} lower-case letters and digits, with single . _ - / between them"


def parse_name(text: str) -> str:
    """Returns `text` if it is a repository name. Raises InvalidName."""
    if len(text) > _NAME_LIMIT or not _NAME.fullmatch(text):
        raise InvalidName(f"invalid repository name {text[:300]!r}: expected {_FORM}")
    return text


def parse_tag(text: str) -> str:
    """Returns `text` if it is a tag. Raises InvalidReference."""
    if not _TAG.fullmatch(text):
        raise InvalidReference(f'Invalid manifest reference "{text[:150]}"')
    return text


def is_digest(reference: str) -> bool:
    """Returns whether a reference is meant as a digest: no tag has a colon."""
    return ":" in reference


def parse_reference(text: str) -> str:
    """Returns `text` if it is a tag or a digest. Raises InvalidReference."""
    if not is_digest(text):
        return parse_tag(text)
    try:
        return parse_digest(text)
    except InvalidDigest as error:
        raise InvalidReference(f'Invalid manifest reference "{text[:150]}"') from error
