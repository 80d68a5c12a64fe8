"""Image configs: when an image was created, for listings.

https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
"""

import re
from datetime import datetime, timedelta, timezone

from docker_credential_gcr.emulator.runtime import strict_json

# The first instant of year 1: Container Registry reports it for a config without a valid `created`.
UNKNOWN_CREATED_MS = -62135596800000
_YEAR_10000_MS = 253402300800000

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Python 3.10 parses at most six digits of a second's fraction, and no Z.
_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def parse_created_ms(config: bytes) -> int:
    """Returns the config's `created` in milliseconds since the epoch, or UNKNOWN_CREATED_MS."""
    try:
        created = strict_json.decode(config)["created"]
        instant = datetime.fromisoformat(_normalise(created))
    except (ValueError, TypeError, KeyError):
        return UNKNOWN_CREATED_MS
    if instant.tzinfo is None:
        return UNKNOWN_CREATED_MS
    created_ms = (instant - _EPOCH) // timedelta(milliseconds=1)
    # With an offset from UTC the instant can be in a year without four digits.
    return created_ms if is_created_known(created_ms) else UNKNOWN_CREATED_MS


def is_created_known(created_ms: int) -> bool:
    """Returns whether the instant comes from a config and can be written by RFC 3339."""
    return UNKNOWN_CREATED_MS < created_ms < _YEAR_10000_MS


def _normalise(created: str) -> str:
    seconds = _FRACTION.sub(lambda match: "." + match[1].ljust(6, "0"), created, count=1)
    return seconds[:-1] + "+00:00" if seconds[-1:] in ("Z", "z") else seconds
