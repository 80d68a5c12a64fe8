"""Labels of projects, repositories and buckets: {"env": "test"}"""

import re
from collections.abc import Mapping

from .errors import InvalidArgument

# https://cloud.google.com/resource-manager/docs/labels-overview#requirements
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}", re.ASCII)
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}", re.ASCII)
_MAX_LABELS = 64


def parse_labels(value: object) -> dict[str, str]:
    """Returns the labels of a resource. Raises InvalidArgument."""
    if not isinstance(value, Mapping) or len(value) > _MAX_LABELS:
        raise InvalidArgument(f"labels must be an object of at most {_MAX_LABELS} strings")
    for key, text in value.items():
        if not _LABEL_KEY.fullmatch(key) or not isinstance(text, str) or not _LABEL_VALUE.fullmatch(text):
            raise InvalidArgument(
                f"label {key[:63]!r} must have a key of lower-case letters, digits, hyphens and underscores "
                "that begins with a letter, and a value of the same characters"
            )
    return dict(value)
