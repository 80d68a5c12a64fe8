"""The `credHelpers` and `credsStore` of Docker's config.json: which program answers for which registry.

{"auths": {…}, "credHelpers": {"gcr.io": "gcr", "us-docker.pkg.dev": "gcloud"}}
"""

import os
import sys
from collections.abc import Iterable, Mapping

from docker_credential_gcr.errors import ConfigError, find_secret_form, quote
from docker_credential_gcr.helper import SUFFIX, config_file, json_text, paths, registries

MEMBER = "credHelpers"
STORE_MEMBER = "credsStore"
LOGINS_MEMBER = "auths"


def get_path(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> str:
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


def load_registered(environ: Mapping[str, str] = os.environ) -> Registered:
    """What config.json gives to this helper. Raises ConfigError."""
    path = paths.find_docker_config_file(environ)
    if path is None:
        return Registered([], is_whole_store=False)
    text = config_file.load_text(path)
    hosts = [host for host, helper in parse_helpers(text, path).items() if helper == SUFFIX]
    return Registered(hosts, find_store(text, path) == SUFFIX)


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
            raise _error(text, path, entry.value_start, f"the helper of {quote(entry.key)} is not a string")
        if entry.key in helpers:
            raise _error(text, path, entry.value_start, f"{quote(entry.key)} stands there twice")
        _check_name(text, path, entry, value)
        helpers[entry.key] = value
    return helpers


def find_store(text: str, path: str) -> str | None:
    """The program that is Docker's whole store; None when there is none. Raises ConfigError."""
    member = _find_member(text, path, STORE_MEMBER)
    value = json_text.find_value(text, (member.key,)) if member else None
    if member and value is not None and not isinstance(value, str):
        raise _error(text, path, member.value_start, f"{member.key!r} is not a string")
    if member:
        _check_name(text, path, member, str(value or ""))
    return str(value) if value else None


def find_stored(text: str, path: str) -> dict[str, str]:
    """The keys of `auths` that hold a login, each with the host it is for. Raises ConfigError.

    An entry without any secret is what docker leaves where a helper keeps the login. A key that looks like a
    secret itself is left out: messages repeat the keys.
    """
    member = _find_member(text, path, LOGINS_MEMBER)
    entries = json_text.find_value(text, (member.key,)) if member else None
    if not isinstance(entries, dict):
        return {}
    held = {key for key, entry in entries.items() if isinstance(entry, dict) and any(entry.values())}
    shown = (key for key in held if not find_secret_form(key))
    return {key: host for key in shown if (host := registries.find_host(key)) is not None}


def make_login_keys(text: str, path: str, hosts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Where the login of each of the hosts stands. Raises ConfigError."""
    member = _find_member(text, path, LOGINS_MEMBER)
    return {host: (member.key if member else LOGINS_MEMBER, host) for host in hosts}


def make_keys(text: str, path: str, hosts: Iterable[str], *, is_store: bool = False) -> list[tuple[str, ...]]:
    """Where this helper's name stands for each of the hosts, and for all. Raises ConfigError."""
    parse_helpers(text, path)
    find_store(text, path)
    member, store = _find_member(text, path), _find_member(text, path, STORE_MEMBER)
    keys: list[tuple[str, ...]] = [(member.key if member else MEMBER, host) for host in hosts]
    return [(store.key if store else STORE_MEMBER,), *keys] if is_store else keys


def set_helpers(text: str, path: str, hosts: Iterable[str], *, is_store: bool = False) -> str:
    """The text with this helper for each of the hosts, and as the whole store. Raises ConfigError."""
    for key in make_keys(text, path, hosts, is_store=is_store):
        text = json_text.set_member(text, key, SUFFIX)
    return text


def _find_member(text: str, path: str, name: str = MEMBER) -> json_text.Member | None:
    """The member of that name, in any case: Go's decoder takes it so."""
    top = json_text.scan_object(text, json_text.skip_space(text, 0))
    found = [member for member in top if member.key.lower() == name.lower()]
    if len(found) > 1:
        raise _error(text, path, found[1].value_start, f"{found[1].key!r} stands there twice")
    return found[0] if found else None


def _check_name(text: str, path: str, member: json_text.Member, value: str) -> None:
    """Raises ConfigError for names that no message can repeat: not printable, or like a secret."""
    if not member.key.isprintable():
        raise _error(text, path, member.value_start, f"{quote(member.key)} is not printable")
    form = find_secret_form(value)
    if form:
        fault = f"the helper of {quote(member.key)} is {form}, not the name of a program"
        raise _error(text, path, member.value_start, fault)


def _error(text: str, path: str, position: int, fault: str) -> ConfigError:
    line = text.count("\n", 0, position) + 1
    return ConfigError(f"{path!r}, line {line}: {fault}", hint=config_file.HINT)
