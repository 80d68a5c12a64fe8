"""Go types of docker's config.json and of a containers-auth.json: their parsers refuse other values.

https://github.com/docker/cli/blob/master/cli/config/configfile/file.go
https://github.com/docker/cli/blob/master/cli/config/types/authconfig.go
https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
"""

from docker_credential_gcr.errors import ConfigError, quote

from . import config_file, json_members
from .json_members import Member

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # Go's StdEncoding


class GoType:
    """A type of Go in JSON: the first character of its values, and the types of its members or values."""

    __slots__ = ("first", "members", "name", "value")

    def __init__(
        self,
        first: str,
        name: str,
        value: "GoType | None" = None,
        members: "Mapping[str, GoType] | None" = None,
    ) -> None:
        self.first = first  # character of a value
        self.name = name
        self.value = value  # of a map
        self.members = members  # of a struct

    def find(self, key: str) -> "GoType | None":
        """Returns the type of a member; None for a member that Go skips."""
        return self.value if self.members is None else self.members.get(fold(key))


def make_struct(**members: GoType) -> GoType:
    """Returns a struct with these members; their names match in any case."""
    return GoType("{", "an object", members={fold(name): type_ for name, type_ in members.items()})


def make_map(value: GoType) -> GoType:
    """Returns a map from strings to values of a type."""
    return GoType("{", "an object", value)


def fold(key: str) -> str:
    """Returns a key as Go's decoder compares it with the names of members: U+017F is an s."""
    return key.replace("\u017f", "s").lower()


STRING = GoType('"', "a string")
STRINGS = GoType("[", "an array of strings")
MAP = make_map(STRING)
LOGIN = ("auth", "email", "identitytoken", "password", "registrytoken", "serveraddress", "username")
PROXY = ("allProxy", "ftpProxy", "httpProxy", "httpsProxy", "noProxy")
TEXTS = (
    *("configFormat", "credsStore", "currentContext", "detachKeys", "experimental", "imagesFormat"),
    *("networksFormat", "nodesFormat", "pluginsFormat", "psFormat", "secretFormat", "serviceInspectFormat"),
    *("servicesFormat", "statsFormat", "tasksFormat", "volumesFormat"),
)
DOCKER = make_struct(
    auths=make_map(make_struct(**dict.fromkeys(LOGIN, STRING))),
    proxies=make_map(make_struct(**dict.fromkeys(PROXY, STRING))),
    plugins=make_map(MAP),
    **dict.fromkeys(("aliases", "credHelpers", "features", "HttpHeaders"), MAP),
    **dict.fromkeys(("cliPluginsExtraDirs", "pruneFilters"), STRINGS),
    **dict.fromkeys(TEXTS, STRING),
)
CONTAINERS = make_struct(auths=make_map(make_struct(auth=STRING, identitytoken=STRING)), credHelpers=MAP)


def check(text: str, path: str, file_type: GoType) -> None:
    """Raises ConfigError, with line and member, for a value that the file's own parser refuses.

    docker refuses a file also for an `auth` that it cannot decode; podman and skopeo do so on use only.
    """
    start = json_members.skip_space(text, 0)
    _check_value(text, path, start, file_type, "")
    if file_type is not DOCKER:
        return
    for host, member in find_auths(text):
        if not is_login(json_members.decode(text, member.value_start)[0] or ""):
            fault = f"{member.key!r} of {quote(host)} of 'auths' is not the base64 of USERNAME:PASSWORD"
            raise make_error(text, path, member.value_start, fault)


def find_auths(text: str) -> "Iterator[tuple[str, Member]]":
    """Returns each key of `auths` that has an `auth`, with that member: the last one of equal names."""
    found: dict[str, Member | None] = {}
    for entry in list_entries(text, "auths"):
        members = json_members.scan_object(text, entry.value_start) if text[entry.value_start] == "{" else []
        auths = [item for item in members if fold(item.key) == "auth" and text[item.value_start] != "n"]
        found[entry.key] = auths[-1] if auths else None
    return ((host, member) for host, member in found.items() if member)


def list_entries(text: str, name: str) -> list[Member]:
    """Returns the entries of a map at the top of a checked text; as in Go, maps of equal names are merged."""
    entries: list[Member] = []
    for member in json_members.scan_object(text, json_members.skip_space(text, 0)):
        if fold(member.key) == fold(name):
            is_null = text[member.value_start] == "n"
            entries = [] if is_null else entries + json_members.scan_object(text, member.value_start)
    return entries


def is_login(auth: str) -> bool:
    """Returns whether docker can decode an `auth`; docker ignores an empty one."""
    from binascii import a2b_base64  # 0.2 ms, needed only where there is a login

    dense = auth.replace("\r", "").replace("\n", "")
    digits = dense.removesuffix("=").removesuffix("=")
    if len(dense) % 4 or digits.strip(BASE64):  # strip() leaves nothing where all are digits
        return False
    username, colon, _ = a2b_base64(dense).partition(b":")
    return not auth or bool(username and colon)


def make_error(text: str, path: str, position: int, fault: str) -> ConfigError:
    """Returns the error for a value at a position of a file."""
    line = text.count("\n", 0, position) + 1
    return ConfigError(f"{path!r}, line {line}: {fault}", hint=config_file.HINT)


def _check_value(text: str, path: str, start: int, type_: GoType, name: str) -> None:
    if text[start] == "n":  # null is valid for every type
        return
    is_valid = text[start] == type_.first
    if is_valid and type_ is STRINGS:
        items = json_members.decode(text, start)[0]
        is_valid = all(item is None or isinstance(item, str) for item in items)
    if not is_valid:
        raise make_error(text, path, start, f"{name} is not {type_.name}")
    for member in json_members.scan_object(text, start) if type_.first == "{" else ():
        member_type = type_.find(member.key)
        if member_type:
            named = quote(member.key) + (f" of {name}" if name else "")
            _check_value(text, path, member.value_start, member_type, named)
