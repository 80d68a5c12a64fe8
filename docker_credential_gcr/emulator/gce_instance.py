"""Compute Engine instance that the metadata server describes: a value, and its JSON.

{"account": "ci@my-project.iam.gserviceaccount.com", "project": "my-project",
 "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
 "attributes": {"cluster-name": "blue"}, "project_attributes": {},
 "name": "gcr-emulator", "zone": "us-central1-a", "delay_s": 0}
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from docker_credential_gcr.emulator.identity.oauth.scopes import KNOWN, PREFIX
from docker_credential_gcr.emulator.identity.policy import is_member
from docker_credential_gcr.emulator.identity.principal import CLOUD_PLATFORM, format_service_account
from docker_credential_gcr.emulator.identity.resource_names import find_project_id, is_project_id

# https://cloud.google.com/compute/docs/metadata/setting-custom-metadata#limitations
_ATTRIBUTE = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_MAX_ATTRIBUTE_SIZE = 256 * 1024
_MAX_ATTRIBUTES_SIZE = 512 * 1024
_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_MAX_SCOPES = 64
_DELAY_LIMIT_S = 60.0


class InvalidInstance(ValueError):
    """The document does not describe an instance."""


@dataclass(frozen=True)
class Instance:
    """A virtual machine, or a workload, in a project.

    `account` is None without a service account; `scopes` limit its tokens. Each response of the metadata
    server is delayed by `delay_s`.
    """

    account: str | None
    project: str
    scopes: tuple[str, ...] = (CLOUD_PLATFORM,)
    attributes: Mapping[str, str] = field(default_factory=dict)
    project_attributes: Mapping[str, str] = field(default_factory=dict)
    name: str = "gcr-emulator"
    zone: str = "us-central1-a"
    delay_s: float = 0.0


class CurrentInstance:
    """The current instance; None without a metadata server."""

    def __init__(self, instance: Instance | None) -> None:
        self.instance = instance


def expand_scope(text: str) -> str:
    """Returns an OAuth scope as a URL: devstorage.read_only is https://www.googleapis.com/auth/devstorage.read_only.

    Raises InvalidInstance.
    """
    expanded = text if text in KNOWN else f"{PREFIX}{text}"
    if expanded not in KNOWN:
        raise InvalidInstance(f"{text[:100]!r} is not an OAuth scope")
    return expanded


def build_instance(account: str, scopes: tuple[str, ...]) -> Instance:
    """Returns an instance with a service account, in the account's project. Raises InvalidInstance."""
    document: dict[str, object] = {"account": account}
    return parse_instance(document | ({"scopes": list(scopes)} if scopes else {}))


def format_instance(instance: Instance) -> dict[str, Any]:
    """Returns the instance's JSON."""
    return {**asdict(instance), "scopes": list(instance.scopes)}


# name -> (the type of its value, the type's name in messages)
_FIELDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "account": ((str, type(None)), "a string or null"),
    "project": (str, "a string"),
    "scopes": (list, "a list"),
    "attributes": (dict, "an object"),
    "project_attributes": (dict, "an object"),
    "name": (str, "a string"),
    "zone": (str, "a string"),
    "delay_s": ((int, float), "a number"),
}
assert set(_FIELDS) == {item.name for item in fields(Instance)}  # noqa: S101 - every field is parsed


def parse_instance(document: object) -> Instance:
    """Parses the instance of a decoded JSON document. Raises InvalidInstance.

    Every field is optional, except one of account and project.
    """
    if not isinstance(document, dict):
        raise InvalidInstance("the body is not a JSON object")
    for name, value in document.items():
        if name not in _FIELDS:
            raise InvalidInstance(f"unknown field {name[:100]!r}: known are {', '.join(_FIELDS)}")
        kind, called = _FIELDS[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise InvalidInstance(f"{name} is not {called}")
    account = document.get("account")
    values = dict(document) | {"account": account, "project": _find_project(account, document.get("project"))}
    for name in ("attributes", "project_attributes"):
        _check_attributes(name, values.get(name, {}))
    for name in ("name", "zone"):
        if name in values and not _LABEL.fullmatch(values[name]):
            raise InvalidInstance(f"{name} is not lower-case letters, digits and hyphens, 63 at most")
    if not 0 <= values.get("delay_s", 0) <= _DELAY_LIMIT_S:
        raise InvalidInstance(f"delay_s is not between 0 and {_DELAY_LIMIT_S:g}")
    if "scopes" in values:
        values["scopes"] = _parse_scopes(values["scopes"])
    return Instance(**values)


def _find_project(account: str | None, project: str | None) -> str:
    """Returns the named project, or else the account's."""
    if account is not None and ("@" not in account or not is_member(format_service_account(account))):
        raise InvalidInstance(f"account {account[:100]!r} is not the address of a service account")
    found = project if project is not None else find_project_id(account or "")
    if found is None:
        raise InvalidInstance("an instance needs a service account of a project, or a project")
    if not is_project_id(found):
        raise InvalidInstance(f"{found[:100]!r} is not a project ID")
    return found


def _parse_scopes(scopes: list[Any]) -> tuple[str, ...]:
    if len(scopes) > _MAX_SCOPES or not all(isinstance(scope, str) for scope in scopes):
        raise InvalidInstance(f"scopes is not a list of strings, {_MAX_SCOPES} at most")
    return tuple(sorted({expand_scope(scope) for scope in scopes}))


def _check_attributes(where: str, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        if not _ATTRIBUTE.fullmatch(name):
            raise InvalidInstance(
                f"{where}: {name[:100]!r} is not letters, digits, hyphens and underscores, 128 at most"
            )
        if not isinstance(value, str) or len(value) > _MAX_ATTRIBUTE_SIZE:
            raise InvalidInstance(
                f"{where}.{name} is not a string of {_MAX_ATTRIBUTE_SIZE} characters at most"
            )
    if sum(map(len, attributes.values())) > _MAX_ATTRIBUTES_SIZE:
        raise InvalidInstance(f"{where} is larger than {_MAX_ATTRIBUTES_SIZE} characters")
