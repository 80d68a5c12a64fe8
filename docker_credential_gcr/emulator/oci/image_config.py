"""What a listing wants to know of an image's config.

https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
"""

import re
from datetime import datetime, timedelta, timezone

from docker_credential_gcr.emulator.runtime import strict_json

from .media_types import INDEXES

# The first instant of year 1: what Container Registry reports for an image that does not say.
UNKNOWN_CREATED_MS = -62135596800000
_YEAR_10000_MS = 253402300800000

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Python 3.10 reads at most six digits of a second's fraction, and no Z.
_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def parse_created_ms(config: bytes) -> int:
    """When the image was made, in milliseconds since the epoch; UNKNOWN_CREATED_MS where it does not say."""
    try:
        created = strict_json.decode(config)["created"]
        instant = datetime.fromisoformat(_normalise(created))
    except (ValueError, TypeError, KeyError):
        return UNKNOWN_CREATED_MS
    if instant.tzinfo is None:
        return UNKNOWN_CREATED_MS
    created_ms = (instant - _EPOCH) // timedelta(milliseconds=1)
    # An offset from UTC can lead out of the years that have four digits.
    return created_ms if is_known(created_ms) else UNKNOWN_CREATED_MS


def is_known(created_ms: int) -> bool:
    """Whether the time is one that an image said, and that RFC 3339 can write."""
    return UNKNOWN_CREATED_MS < created_ms < _YEAR_10000_MS


def list_created_ms(media_type: str, created_ms: int) -> int:
    """Returns what tags/list says of a manifest: 0 of an index, which has no config to say anything.

    That is known of manifest lists and believed of OCI indexes.
    """
    return 0 if media_type in INDEXES else created_ms


def _normalise(created: str) -> str:
    seconds = _FRACTION.sub(lambda match: "." + match[1].ljust(6, "0"), created, count=1)
    return seconds[:-1] + "+00:00" if seconds[-1:] in ("Z", "z") else seconds
