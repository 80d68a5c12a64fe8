"""The metadata server of a Google Cloud machine: whether to ask it, at no cost; asking is another module's.

Its absence is remembered for a while beside the cached tokens:
{"version": 1, "address": "169.254.169.254", "is_present": false, "checked_at": 1700000000}
"""

import os
import time

from docker_credential_gcr.errors import NoToken
from docker_credential_gcr.helper import paths, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.tokens.access_token import AccessToken

    from . import TokenRequest

NAME = "metadata.google.internal"
ADDRESS = "169.254.169.254"  # needs no look-up: https://cloud.google.com/compute/docs/metadata/overview
PRODUCT_FILE = "/sys/class/dmi/id/product_name"
RECORD = "metadata-server.json"
REMEMBERED_S = 300
SWITCHED_OFF = "the metadata server is switched off"
NOT_THERE = "there is no metadata server"


class Metadata:
    """The metadata server, which may be there; `is_sure` when somebody or something says that it is."""

    __slots__ = ("address", "host", "identity", "is_sure", "record")

    is_kept = True

    def __init__(self, environ: "Mapping[str, str]", platform: str, *, is_sure: bool) -> None:
        named = paths.find_variable(environ, "GCE_METADATA_HOST")
        self.host = named or NAME
        self.address = paths.find_variable(environ, "GCE_METADATA_IP") or named or ADDRESS
        self.is_sure = is_sure
        self.identity = ("metadata", self.host, self.address)
        directory = paths.find_cache_dir(environ, platform)
        self.record = directory and os.path.join(directory, RECORD)

    def fetch(self, request: "TokenRequest", deadline: float) -> "AccessToken":
        """The token of the machine's service account. Raises TokenError; NoToken when it is not there."""
        from docker_credential_gcr.helper.google_auth import metadata_server

        return metadata_server.fetch_token(self, request, deadline)

    def find_presence(self, now: float) -> bool | None:
        """What was found out not long ago; None when nothing was."""
        try:
            record = wire.loads(paths.read_file(self.record or "")[0].decode("ascii"))
        except (OSError, ValueError):
            return None
        if not isinstance(record, dict) or record.get("address") != self.address:
            return None
        checked_at, is_present = record.get("checked_at"), record.get("is_present")
        if not isinstance(checked_at, int) or not 0 <= now - checked_at < REMEMBERED_S:
            return None
        return is_present if isinstance(is_present, bool) else None


def find_source(environ: "Mapping[str, str]", platform: str) -> Metadata:
    """The metadata server, for whoever named it as a source."""
    return Metadata(environ, platform, is_sure=True)


def find_default(
    environ: "Mapping[str, str]", platform: str, *, product_file: str = PRODUCT_FILE
) -> Metadata:
    """The metadata server, where there may be one. Raises NoToken."""
    detection = environ.get("METADATA_SERVER_DETECTION", "").lower()
    if environ.get("NO_GCE_CHECK", "").lower() == "true" or detection == "none":
        raise NoToken(SWITCHED_OFF)
    if environ.get("GCE_METADATA_HOST") or detection == "assume-present":
        # Who names a server and says ping-only has one that may be switched on at any moment.
        named = Metadata(environ, platform, is_sure=detection != "ping-only")
        named.record = named.record if named.is_sure else None
        return named
    is_google = is_google_machine(platform, product_file)
    if is_google is False or (is_google is None and detection == "bios-only"):
        raise NoToken(NOT_THERE)
    source = Metadata(environ, platform, is_sure=bool(is_google))
    presence = source.find_presence(time.time())
    if presence is False:
        raise NoToken(NOT_THERE)
    source.is_sure = source.is_sure or bool(presence)
    return source


def is_google_machine(platform: str, product_file: str) -> bool | None:
    """What the firmware says, which saves a stranger's machine the wait; None where it cannot be read."""
    if platform == "darwin":
        return False
    try:
        product = paths.read_file(product_file)[0].decode("ascii", "replace").strip()
    except OSError:
        return None
    return product.startswith("Google") if product else None
