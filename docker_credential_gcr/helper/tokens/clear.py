"""Clears the cache of access tokens."""

import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import paths

# A token, and the record that there is a metadata server or none.
ENTRY = re.compile(r"[0-9a-f]{32}\.json|metadata-server\.json")
# The lock of an entry, and the temporary file that a killed process left.
COMPANION = re.compile(r"([0-9a-f]{32}|metadata-server)\.json\.(lock|[0-9a-f]{8}\.tmp)")


def clear_cache(environ: Mapping[str, str], platform: str = sys.platform) -> int:
    """Removes the access tokens, and returns how many there were. Raises ConfigError."""
    directory = paths.find_cache_dir(environ, platform)
    try:
        names = os.listdir(directory) if directory else []
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        raise ConfigError(f"cannot read {directory!r}: {error.strerror}") from error
    entries = [name for name in names if ENTRY.fullmatch(name)]
    try:
        for name in entries:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(directory or "", name))
    except OSError as error:
        raise ConfigError(f"cannot remove {error.filename!r}: {error.strerror}") from error
    for name in filter(COMPANION.fullmatch, names):
        with suppress(OSError):
            os.unlink(os.path.join(directory or "", name))
    return sum(not name.startswith("metadata") for name in entries)
