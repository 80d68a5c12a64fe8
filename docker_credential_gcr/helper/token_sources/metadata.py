"""Metadata server of a Google Cloud machine; finding it costs no network.

Its absence is recorded for a while, next to the cached tokens:
{"version": 1, "address": "169.254.169.254", "is_present": false, "checked_at": 1700000000}
"""

import os
import sys
import time

from docker_credential_gcr.errors import OTHER_SOURCE, NoToken, TokenError
from docker_credential_gcr.helper import paths, registries, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_gcr.helper.tokens import AccessToken, TokenRequest

NAME = "metadata.google.internal"
ADDRESS = "169.254.169.254"  # needs no look-up: https://cloud.google.com/compute/docs/metadata/overview
GOOGLE_NAMES = (NAME, "metadata", "[fd20:ce::254]")
PRODUCT_FILE = "/sys/class/dmi/id/product_name"
RECORD = "metadata-server.json"
RECORD_LIFETIME_S = 300
CHECK = "metadata server"
SWITCHED_OFF = "the metadata server is switched off"
NOT_THERE = "there is no metadata server"
NOT_GOOGLES = "this is not a Google Cloud machine: configure another token source than metadata"


class Metadata:
    """Metadata server; `is_sure` when the user, the firmware or the record says that it is there."""

    __slots__ = ("address", "host", "identity", "is_sure", "record")

    is_cached = True

    def __init__(self, environ: "Mapping[str, str]", platform: str, *, is_sure: bool) -> None:
        named = paths.find_variable(environ, "GCE_METADATA_HOST")
        self.host = named or NAME
        self.address = paths.find_variable(environ, "GCE_METADATA_IP") or named or ADDRESS
        self.is_sure = is_sure
        self.identity = ("metadata", self.host, self.address)
        directory = paths.find_cache_dir(environ, platform)
        self.record = directory and os.path.join(directory, RECORD)

    def fetch(self, request: "TokenRequest", deadline: float) -> "AccessToken":
        """Fetches a token of the machine's service account, or of the configured one.

        Raises NoToken when no server answers where one was only possible, TokenError otherwise.
        """
        # 20 ms, which a cached token saves.
        from docker_credential_gcr.helper.google_auth import metadata_server

        self.check_use(request)
        if not self.is_sure and not metadata_server.is_present(self.address, deadline):
            self._save_presence(False)
            raise NoToken(NOT_THERE)
        hint = self._find_hint()
        token = metadata_server.fetch_token(
            self.host,
            request,
            deadline,
            no_answer_hint=hint if self.host == NAME else "",
            wrong_answer_hint=hint,
        )
        self._save_presence(True)
        return token

    def check_use(self, request: "TokenRequest") -> None:
        """Raises TokenError when no token of the server may reach the registry, or its host is not a host."""
        _check_host("GCE_METADATA_HOST", self.host)
        _check_host("GCE_METADATA_IP", self.address)
        host = self.host.lower().removesuffix(":80")
        if request.trust_domain == registries.GOOGLE and not _is_google(host):
            raise TokenError(
                f"metadata server {self.host} is not Google's: its tokens are not sent "
                f"to Google's {request.host}",
                hint="unset GCE_METADATA_HOST",
                check=CHECK,
                command="unset GCE_METADATA_HOST",
            )
        if request.trust_domain == registries.LOOPBACK and not registries.is_loopback(host):
            raise TokenError(
                f"metadata server {self.host} is Google's: its tokens are not sent to {request.host}",
                hint="set GCE_METADATA_HOST to the emulator's host",
                check=CHECK,
                command=OTHER_SOURCE,
            )

    def find_presence(self, now: float) -> bool | None:
        """Returns whether the server answered lately; None without a record."""
        try:
            record = wire.loads(paths.read_file(self.record or "")[0].decode("ascii"))
        except (OSError, ValueError):
            return None
        if not isinstance(record, dict) or record.get("address") != self.address:
            return None
        checked_at, is_present = record.get("checked_at"), record.get("is_present")
        if not isinstance(checked_at, int) or not 0 <= now - checked_at < RECORD_LIFETIME_S:
            return None
        return is_present if isinstance(is_present, bool) else None

    def _save_presence(self, is_present: bool) -> None:
        if self.record is None:
            return
        import json  # 2 ms, which a cached token saves

        from docker_credential_gcr import files  # 3 ms, as above

        record = {
            "version": 1,
            "address": self.address,
            "is_present": is_present,
            "checked_at": int(time.time()),
        }
        try:
            files.make_private_directory(os.path.dirname(self.record))
            files.replace_file(self.record, json.dumps(record).encode("ascii"))
        except OSError:  # the next call looks for the server again
            pass

    def _find_hint(self) -> str:
        """Returns what to do where the server is not a metadata server; "" on a Google Cloud machine."""
        if self.host != NAME:
            return f"check GCE_METADATA_HOST, which names {self.host}, or unset it"
        return "" if is_google_machine(sys.platform, PRODUCT_FILE) else NOT_GOOGLES


def find_source(environ: "Mapping[str, str]", platform: str) -> Metadata:
    """Returns the metadata server, for a configuration that names it as a source."""
    return Metadata(environ, platform, is_sure=True)


def find_default(
    environ: "Mapping[str, str]", platform: str, *, product_file: str = PRODUCT_FILE
) -> Metadata:
    """Returns the metadata server, where there may be one. Raises NoToken."""
    detection = environ.get("METADATA_SERVER_DETECTION", "").lower()
    if environ.get("NO_GCE_CHECK", "").lower() == "true" or detection == "none":
        raise NoToken(SWITCHED_OFF)
    if environ.get("GCE_METADATA_HOST") or detection == "assume-present":
        # A named server with ping-only may start at any moment: its absence is not recorded.
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
    """Returns whether the firmware names Google, which saves other machines the wait; None if unreadable."""
    if platform == "darwin":
        return False
    try:
        product = paths.read_file(product_file)[0].decode("ascii", "replace").strip()
    except OSError:
        return None
    return product.startswith("Google") if product else None


def _is_google(host: str) -> bool:
    """Returns whether a host, with or without a port, is Google's: by its name, or a link-local address."""
    name = host if host.endswith("]") else host.partition(":")[0]
    parts = name.split(".")
    is_link_local = parts[:2] == ["169", "254"] and len(parts) == 4 and all(part.isdigit() for part in parts)
    return name in GOOGLE_NAMES or is_link_local


def _check_host(variable: str, host: str) -> None:
    from docker_credential_gcr.helper.google_auth import endpoint  # 7 ms, which a cached token saves

    try:
        is_host = endpoint.parse_endpoint(f"http://{host}/").host == host.lower()
    except ValueError:
        is_host = False
    if not is_host:
        raise TokenError(
            f"{variable} names {host!r}, which is not a host",
            hint=f"correct or unset {variable}",
            check="variable",
            command=f"unset {variable}",
        )
