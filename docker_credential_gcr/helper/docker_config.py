"""The `credHelpers` of Docker's config.json: which program answers for which registry.

{"auths": {…}, "credHelpers": {"gcr.io": "gcr", "us-docker.pkg.dev": "gcloud"}}
"""

import os
import sys
from collections.abc import Iterable, Mapping

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper import SUFFIX, config_file, json_text, paths

MEMBER = "credHelpers"


def get_path(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str:
    """The path of config.json. Raises ConfigError when there is no home to look in."""
    path = paths.find_docker_config_file(environ, platform)
    if path is None:
        raise ConfigError("no home directory to find Docker's configuration in", hint="set DOCKER_CONFIG")
    return path


def load_our_hosts(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The hosts that config.json gives to this helper, byte for byte. Raises ConfigError."""
    path = paths.find_docker_config_file(environ)
    if path is None:
        return []
    helpers = parse_helpers(config_file.load_text(path), path)
    return [host for host, helper in helpers.items() if helper == SUFFIX]


def parse_helpers(text: str, path: str) -> dict[str, str]:
    """The program of each host. Raises ConfigError for what docker would drop the whole file for."""
    member = _find_member(text, path)
    if member is None or text[member.value_start] == "n":  # null, to docker: absent
        return {}
    if text[member.value_start] != "{":
        raise _error(text, path, member.value_start, f"{member.key!r} is not an object")
    helpers: dict[str, str] = {}
    for entry in json_text.scan_object(text, member.value_start):
        value, _ = json_text.DECODER.raw_decode(text, entry.value_start)
        if not isinstance(value, str):
            raise _error(text, path, entry.value_start, f"the helper of {entry.key!r} is not a string")
        if entry.key in helpers:
            raise _error(text, path, entry.value_start, f"{entry.key!r} stands there twice")
        helpers[entry.key] = value
    return helpers


def set_helpers(text: str, path: str, hosts: Iterable[str]) -> str:
    """The text with this helper for each of the hosts. Raises ConfigError."""
    parse_helpers(text, path)
    member = _find_member(text, path)
    for host in hosts:
        text = json_text.set_member(text, (member.key if member else MEMBER, host), SUFFIX)
    return text


def _find_member(text: str, path: str) -> json_text.Member | None:
    """`credHelpers`, in any case: Go's decoder takes it so."""
    top = json_text.scan_object(text, json_text.skip_space(text, 0))
    found = [member for member in top if member.key.lower() == MEMBER.lower()]
    if len(found) > 1:
        raise _error(text, path, found[1].value_start, f"{found[1].key!r} stands there twice")
    return found[0] if found else None


def _error(text: str, path: str, position: int, fault: str) -> ConfigError:
    line = text.count("\n", 0, position) + 1
    return ConfigError(f"{path!r}, line {line}: {fault}", hint=config_file.HINT)
