"""Docker's config.json: which program is the credential helper of which registry, and the logins it holds.

{"auths": {…}, "credHelpers": {"gcr.io": "gcr", "us-docker.pkg.dev": "gcloud"}, "credsStore": "desktop"}
"""

import os
import sys

from docker_credential_gcr.errors import ConfigError, find_secret_form
from docker_credential_gcr.helper import SUFFIX, paths, registries

from . import config_file, docker_types, json_members
from .docker_types import DOCKER, GoType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MEMBER = "credHelpers"
STORE_MEMBER = "credsStore"
LOGINS_MEMBER = "auths"


class DockerConfig:
    """A config.json: the helper of each host, the helper of all others, and the logins in the file itself."""

    __slots__ = ("helpers", "path", "store", "stored_logins")

    def __init__(
        self, path: str, helpers: dict[str, str], store: str | None, stored_logins: dict[str, str]
    ) -> None:
        self.path = path
        self.helpers = helpers  # see parse_helpers
        self.store = store  # see find_store
        self.stored_logins = stored_logins  # see find_stored_logins

    @property
    def hosts(self) -> tuple[str, ...]:
        """Returns the keys of `credHelpers` whose helper is this program, as they are written."""
        return tuple(key for key, helper in self.helpers.items() if helper == SUFFIX)

    @property
    def is_store(self) -> bool:
        """Returns whether this program is Docker's store for all registries."""
        return self.store == SUFFIX


def get_path(environ: "Mapping[str, str]" = os.environ, platform: str = sys.platform) -> str:
    """Returns the path of config.json. Raises ConfigError when there is no home directory."""
    path = paths.find_docker_config_file(environ, platform)
    if path is None:
        raise ConfigError("no home directory to find Docker's configuration in", hint="set DOCKER_CONFIG")
    return path


def load(environ: "Mapping[str, str]" = os.environ) -> DockerConfig:
    """Loads config.json. Raises ConfigError for a file that docker refuses, and without a home directory."""
    path = get_path(environ)
    text = load_text(path)
    return DockerConfig(path, parse_helpers(text), find_store(text), find_stored_logins(text))


def load_or_empty(environ: "Mapping[str, str]" = os.environ) -> DockerConfig:
    """Loads config.json; an empty one where there is no home directory. Raises ConfigError."""
    if paths.find_docker_config_file(environ) is None:
        return DockerConfig("", {}, None, {})
    return load(environ)


def load_text(path: str, file_type: GoType = DOCKER) -> str:
    """Returns the text of a config.json, or of an auth.json; an auth.json may be a stream to write to.

    Raises ConfigError for a text that docker, or podman and skopeo, refuse.
    """
    if file_type is DOCKER:
        text = config_file.load_text(path)
    else:
        from . import config_edit  # 2 ms, which `list` need not pay

        text = config_edit.load_target(path)
    docker_types.check(text, path, file_type)
    return text


def parse_helpers(text: str) -> dict[str, str]:
    """Parses the helper of each host in a checked text; "" where docker keeps the login in its own file.

    A key that is not printable is left out: docker never asks for it, and messages repeat the keys.
    """
    entries = docker_types.list_entries(text, MEMBER)
    return {
        entry.key: mask_secret(json_members.decode(text, entry.value_start)[0] or "")
        for entry in entries
        if entry.key.isprintable()
    }


def find_store(text: str) -> str | None:
    """Returns the helper that is Docker's store for all registries; None without one."""
    member = _find_member(text, STORE_MEMBER)
    value = json_members.decode(text, member.value_start)[0] if member else None
    return mask_secret(str(value)) if value else None


def find_stored_logins(text: str) -> dict[str, str]:
    """Returns the keys of `auths` that hold a login, each with its host.

    An entry without a secret is left out: docker writes it where a helper keeps the login. A key that looks
    like a secret is left out: messages repeat the keys.
    """
    entries = docker_types.list_entries(text, LOGINS_MEMBER)
    logins = {entry.key: json_members.decode(text, entry.value_start)[0] for entry in entries}
    with_secret = (key for key, login in logins.items() if login and any(login.values()))
    shown = (key for key in with_secret if not find_secret_form(key))
    return {key: host for key in shown if (host := registries.find_host(key)) is not None}


def format_stored_login(path: str) -> str:
    """Returns the text for a login in the file at `path`, to follow the name of its host."""
    return f"{path!r} holds a login of it, which some clients use instead"


def make_login_keys(text: str, hosts: "Iterable[str]") -> dict[str, tuple[str, ...]]:
    """Returns the path of keys to the login of each host in a checked text."""
    member = _find_member(text, LOGINS_MEMBER)
    return {host: (member.key if member else LOGINS_MEMBER, host) for host in hosts}


def make_helper_keys(text: str, names: "Iterable[str]") -> dict[str, tuple[str, ...]]:
    """Returns the path of keys to the helper of each host, and of STORE_MEMBER, in a checked text."""
    member, store = _find_member(text, MEMBER), _find_member(text, STORE_MEMBER)
    helpers_key, store_key = member.key if member else MEMBER, store.key if store else STORE_MEMBER
    return {name: (store_key,) if name == STORE_MEMBER else (helpers_key, name) for name in names}


def set_helpers(text: str, path: str, names: "Iterable[str]", file_type: GoType = DOCKER) -> str:
    """Returns the text with this helper for each host, and for STORE_MEMBER. Raises ConfigError."""
    from . import config_edit  # 5 ms, which `list` need not pay

    docker_types.check(text, path, file_type)
    return config_edit.set_members(text, path, dict.fromkeys(make_helper_keys(text, names).values(), SUFFIX))


def _find_member(text: str, name: str) -> json_members.Member | None:
    """Returns the member that docker takes: the last one of the name, in any case."""
    top = json_members.scan_object(text, json_members.skip_space(text, 0))
    found = [member for member in top if docker_types.fold(member.key) == docker_types.fold(name)]
    return found[-1] if found else None


def mask_secret(helper: str) -> str:
    """Returns the name of a helper for messages: "…" in place of a value that may be a secret."""
    return "…" if find_secret_form(helper) else helper
