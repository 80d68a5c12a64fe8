"""The `credHelpers` and `credsStore` of Docker's config.json: which program answers for which registry.

{"auths": {…}, "credHelpers": {"gcr.io": "gcr", "us-docker.pkg.dev": "gcloud"}}
"""

import os
import sys

from docker_credential_gcr.errors import ConfigError, find_secret_form
from docker_credential_gcr.helper import SUFFIX, paths, registries

from . import config_file, docker_types
from . import json_edit as json_text
from .docker_types import DOCKER, GoType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MEMBER = "credHelpers"
STORE_MEMBER = "credsStore"
LOGINS_MEMBER = "auths"


def get_path(environ: "Mapping[str, str]" = os.environ, platform: str = sys.platform) -> str:
    """The path of config.json. Raises ConfigError when there is no home to look in."""
    path = paths.find_docker_config_file(environ, platform)
    if path is None:
        raise ConfigError("no home directory to find Docker's configuration in", hint="set DOCKER_CONFIG")
    return path


class Registered:
    """What Docker asks this helper for: hosts, byte for byte, and whether it is the store of all others."""

    __slots__ = ("hosts", "is_whole_store")

    def __init__(self, hosts: list[str], is_whole_store: bool) -> None:
        self.hosts = hosts
        self.is_whole_store = is_whole_store


def load_text(path: str, file_type: GoType = DOCKER) -> str:
    """Returns the text of a config.json, or of an auth.json; that may also be a stream that is to be written.

    Raises ConfigError for a text that docker, or podman and skopeo, refuse.
    """
    if file_type is DOCKER:
        text = config_file.load_text(path)
    else:
        from . import config_edit  # 2 ms, which `list` need not pay

        text = config_edit.load_target(path)
    docker_types.check(text, path, file_type)
    return text


def load_registered(environ: "Mapping[str, str]" = os.environ) -> Registered:
    """What config.json gives to this helper. Raises ConfigError."""
    path = paths.find_docker_config_file(environ)
    if path is None:
        return Registered([], is_whole_store=False)
    text = load_text(path)
    hosts = [host for host, helper in parse_helpers(text).items() if helper == SUFFIX]
    return Registered(hosts, find_store(text) == SUFFIX)


def parse_helpers(text: str) -> dict[str, str]:
    """The program of each host in a checked text; "" where docker is to keep the login in its own file.

    A key that is not printable is left out: docker never asks for it, and messages repeat the keys.
    """
    entries = docker_types.list_entries(text, MEMBER)
    return {
        entry.key: hide(json_text.decode(text, entry.value_start)[0] or "")
        for entry in entries
        if entry.key.isprintable()
    }


def find_store(text: str) -> str | None:
    """The program that is Docker's whole store; None when there is none."""
    member = _find_member(text, STORE_MEMBER)
    value = json_text.decode(text, member.value_start)[0] if member else None
    return hide(str(value)) if value else None


def find_stored(text: str) -> dict[str, str]:
    """The keys of `auths` that hold a login, each with the host it is for.

    An entry without any secret is what docker leaves where a helper keeps the login. A key that looks like a
    secret itself is left out: messages repeat the keys.
    """
    entries = docker_types.list_entries(text, LOGINS_MEMBER)
    logins = {entry.key: json_text.decode(text, entry.value_start)[0] for entry in entries}
    held = (key for key, login in logins.items() if login and any(login.values()))
    shown = (key for key in held if not find_secret_form(key))
    return {key: host for key in shown if (host := registries.find_host(key)) is not None}


def make_login_keys(text: str, hosts: "Iterable[str]") -> dict[str, tuple[str, ...]]:
    """Where the login of each of the hosts stands in a checked text."""
    member = _find_member(text, LOGINS_MEMBER)
    return {host: (member.key if member else LOGINS_MEMBER, host) for host in hosts}


def make_keys(text: str, names: "Iterable[str]") -> dict[str, tuple[str, ...]]:
    """Returns where this helper's name stands in a checked text, for each host, and for STORE_MEMBER."""
    member, store = _find_member(text, MEMBER), _find_member(text, STORE_MEMBER)
    above, whole = member.key if member else MEMBER, store.key if store else STORE_MEMBER
    return {name: (whole,) if name == STORE_MEMBER else (above, name) for name in names}


def set_helpers(text: str, path: str, names: "Iterable[str]", file_type: GoType = DOCKER) -> str:
    """Returns the text with this helper for each of the hosts, and for STORE_MEMBER. Raises ConfigError."""
    from . import config_edit  # 5 ms, which `list` need not pay

    docker_types.check(text, path, file_type)
    return config_edit.set_members(text, path, dict.fromkeys(make_keys(text, names).values(), SUFFIX))


def _find_member(text: str, name: str) -> json_text.Member | None:
    """The member of that name, as docker finds it: the last one, in any case."""
    top = json_text.scan_object(text, json_text.skip_space(text, 0))
    found = [member for member in top if docker_types.fold(member.key) == docker_types.fold(name)]
    return found[-1] if found else None


def hide(helper: str) -> str:
    """The name of a program as messages repeat it: "…" for what may be a secret."""
    return "…" if find_secret_form(helper) else helper
