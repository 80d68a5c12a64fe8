"""Metadata tree of an instance, and its nodes in Google's forms: text and JSON.

computeMetadata/v1/
  instance/    attributes/  hostname  id  machine-type  name  service-accounts/  tags  zone
               cpu-platform  disks/  image  network-interfaces/  scheduling/  …
  project/     attributes/  numeric-project-id  project-id
  universe/    universe-domain

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys
"""

import enum
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from docker_credential_gcr.emulator.gce_instance import Instance

UNIVERSE_DOMAIN = "googleapis.com"
# Google has no such type: it cannot be mistaken for a real virtual machine.
_MACHINE_TYPE = "gcr-emulator"


class Directory(dict[str, "Node"]):
    """Names and nodes; JSON does not change the names if `is_named`: users have chosen them."""

    is_named = False


class NamedDirectory(Directory):
    """A directory whose names users have chosen."""

    is_named = True


class Items(Directory):
    """A directory of numbered entries, which is a list in JSON."""


class TokenKind(enum.Enum):
    """A token, created on request: the listing of its directory names it, and recursive output omits it."""

    TOKEN = "token"
    IDENTITY = "identity"


Value: TypeAlias = str | int | list[str]
Node: TypeAlias = Directory | Value | TokenKind

_IMAGE = _MACHINE_TYPE
_SERVER = "169.254.169.254"
_DISK: Mapping[str, Node] = {
    "index": 0,
    "interface": "SCSI",
    "mode": "READ_WRITE",
    "type": "PERSISTENT-BALANCED",
}
_NETWORK: Mapping[str, Node] = {
    "gateway": "10.128.0.1",
    "ip": "10.128.0.2",
    "mac": "42:01:0a:80:00:02",
    "mtu": 1460,
    "subnetmask": "255.255.240.0",
}
_ACCESS: Mapping[str, Node] = {"external-ip": "", "type": "ONE_TO_ONE_NAT"}
_SCHEDULING: Mapping[str, Node] = {
    "automatic-restart": "TRUE",
    "on-host-maintenance": "MIGRATE",
    "preemptible": "FALSE",
}


def build_tree(instance: Instance, project_number: int | None) -> Directory:
    """Builds the tree. Without a project number (unknown project), values with the number are left out."""
    numbered = {} if project_number is None else _name_by_number(instance, project_number)
    service_accounts = {
        name: Directory(
            aliases=["default"],
            email=instance.account,
            identity=TokenKind.IDENTITY,
            scopes=list(instance.scopes),
            token=TokenKind.TOKEN,
        )
        for name in ("default", instance.account)
        if instance.account is not None and name is not None
    }
    directory = Directory(
        attributes=NamedDirectory(instance.attributes),
        hostname=_format_hostname(instance),
        id=find_instance_id(instance),
        name=instance.name,
        tags=[],
        **numbered,
        **_describe_instance(instance, project_number),
    )
    directory["service-accounts"] = NamedDirectory(service_accounts)
    project = Directory(attributes=NamedDirectory(instance.project_attributes))
    project["project-id"] = instance.project
    if project_number is not None:
        project["numeric-project-id"] = project_number
    universe = Directory({"universe-domain": UNIVERSE_DOMAIN})
    metadata = Directory(instance=directory, project=project, universe=universe)
    return Directory(computeMetadata=Directory(v1=metadata))


def find_node(tree: Directory, names: list[str]) -> Node | None:
    """Returns the node at a path of names."""
    node: Node = tree
    for name in names:
        if not isinstance(node, Directory) or name not in node:
            return None
        node = node[name]
    return node


def format_json(node: Directory | Value) -> str:
    """Formats a node and all nodes below it: {"instance": {"serviceAccounts": {"default": {"email": …}}}}"""
    return json.dumps(_convert(node), separators=(",", ":"))


def format_listing(directory: Directory) -> list[str]:
    """Returns the names in a directory; names of directories end with a slash."""
    return sorted(f"{name}/" if isinstance(node, Directory) else name for name, node in directory.items())


def format_text(node: Directory | Value, *, recursive: bool) -> str:
    """Formats a value, a list with one item a line, or a directory: its names, or all values by path."""
    if isinstance(node, Directory):
        lines = [f"{path} {value}" for path, value in _walk(node)] if recursive else format_listing(node)
        return "".join(f"{line}\n" for line in lines)
    return "".join(f"{line}\n" for line in node) if isinstance(node, list) else str(node)


def format_etag(content: str) -> str:
    """Returns the ETag of a response, which a client sends as last_etag to wait for a change."""
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def find_instance_id(instance: Instance) -> int:
    """Returns the instance's number, the same for the same name, zone and project."""
    text = f"{instance.project}/{instance.zone}/{instance.name}"
    # 19 digits, as Google's.
    return 10**18 + int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % (8 * 10**18)


def _name_by_number(instance: Instance, number: int) -> Mapping[str, Node]:
    return {
        "machine-type": f"projects/{number}/machineTypes/{_MACHINE_TYPE}",
        "zone": f"projects/{number}/zones/{instance.zone}",
    }


def _describe_instance(instance: Instance, number: int | None) -> Mapping[str, Node]:
    """Returns values that programs read for their logs: those of a small instance in the default network."""
    return {
        "cpu-platform": "Unknown CPU Platform",
        "description": "",
        "disks": Items({"0": _make_directory(_DISK, {"device-name": instance.name})}),
        "guest-attributes": NamedDirectory(),
        "image": f"projects/{instance.project}/global/images/{_IMAGE}",
        "licenses": Items(),
        "maintenance-event": "NONE",
        "network-interfaces": Items({"0": _describe_network(number)}),
        "preempted": "FALSE",
        "scheduling": _make_directory(_SCHEDULING),
        "virtual-clock": _make_directory({"drift-token": "0"}),
    }


def _describe_network(number: int | None) -> Directory:
    network = {} if number is None else {"network": f"projects/{number}/networks/default"}
    lists = {name: Items() for name in ("forwarded-ips", "ip-aliases", "target-instance-ips")}
    access = Items({"0": _make_directory(_ACCESS)})
    return _make_directory(_NETWORK, network, {"access-configs": access, "dns-servers": [_SERVER]}, lists)


def _make_directory(*parts: Mapping[str, Node]) -> Directory:
    return Directory({name: node for part in parts for name, node in part.items()})


def _format_hostname(instance: Instance) -> str:
    """Returns NAME.ZONE.c.PROJECT.internal; for a project in a domain, PROJECT.DOMAIN."""
    domain, _, name = instance.project.rpartition(":")
    project = f"{name}.{domain}" if domain else name
    return f"{instance.name}.{instance.zone}.c.{project}.internal"


def _convert(node: Node) -> object:
    if not isinstance(node, Directory):
        return node
    if isinstance(node, Items):
        return [_convert(child) for child in node.values()]
    shown = {name: child for name, child in node.items() if not isinstance(child, TokenKind)}
    return {name if node.is_named else _camel(name): _convert(child) for name, child in sorted(shown.items())}


def _camel(name: str) -> str:
    """Returns a name in JSON's spelling: serviceAccounts for service-accounts."""
    first, *others = name.split("-")
    return first + "".join(other.capitalize() for other in others)


def _walk(node: Node, path: str = "") -> Iterator[tuple[str, Value]]:
    if isinstance(node, TokenKind):
        return
    if isinstance(node, (Directory, list)):
        children = sorted(node.items()) if isinstance(node, Directory) else enumerate(node)
        for name, child in children:
            yield from _walk(child, f"{path}/{name}" if path else str(name))
    else:
        yield path, node
