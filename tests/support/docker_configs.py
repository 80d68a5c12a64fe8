"""Docker configurations that docker, podman and skopeo refuse, with the helper's message, and valid ones.

tests/helper runs the helper on the tables, tests/clients the clients.
"""

import json
from collections.abc import Iterator

from docker_credential_gcr.helper.configure.docker_types import CONTAINERS, DOCKER, GoType

LOGIN = "is not the base64 of USERNAME:PASSWORD"
REFUSED_BY_DOCKER = {
    '{"auths": {"ghcr.io": {"auth": "tok_abcDEF123"}}}': f"line 1: 'auth' of 'ghcr.io' of 'auths' {LOGIN}",
    '{"auths": {"quay.io": {"auth": "WVRwaQ=="}}}': f"line 1: 'auth' of 'quay.io' of 'auths' {LOGIN}",
    '{"auths": []}': "line 1: 'auths' is not an object",
    '{"auths": {\n"quay.io": "str"}}': "line 2: 'quay.io' of 'auths' is not an object",
    '{"experimental": true, "auths": {}}': "line 1: 'experimental' is not a string",
    '{"features": {"hooks": true}}': "line 1: 'hooks' of 'features' is not a string",
    '{"HttpHeaders": ["X: y"]}': "line 1: 'HttpHeaders' is not an object",
    '{"proxies": {"default": {\n"httpProxy": "http://p",\n"noProxy": ["a"]}}}': (
        "line 3: 'noProxy' of 'default' of 'proxies' is not a string"
    ),
    '{"plugins": {"scan": "x"}}': "line 1: 'scan' of 'plugins' is not an object",
    '{"proxies": {"default": "http://p"}}': "line 1: 'default' of 'proxies' is not an object",
    '{"auths": {"quay.io": {"username": 5}}}': "line 1: 'username' of 'quay.io' of 'auths' is not a string",
    '{"pruneFilters": ["a", 1]}': "line 1: 'pruneFilters' is not an array of strings",
    '{"plugins": {"a": {"b": 1}}}': "line 1: 'b' of 'a' of 'plugins' is not a string",
    '{"psformat": 1}': "line 1: 'psformat' is not a string",
    '{"p\u017fFormat": 1}': "line 1: 'p\u017fFormat' is not a string",
    '{"credsStore": 5, "credsStore": "x"}': "line 1: 'credsStore' is not a string",
    '{"credHelpers": {"a": "b", "a": 1}}': "line 1: 'a' of 'credHelpers' is not a string",
    '{"credHelpers": {}, "CREDHELPERS": 1}': "line 1: 'CREDHELPERS' is not an object",
    **{
        json.dumps({"auths": {"a.io": {"auth": auth}}}): f"line 1: 'auth' of 'a.io' of 'auths' {LOGIN}"
        for auth in (
            *("\n", "YTo", "YTo==", "YT\n=\n=", "OmI=", "YQ==", " YTpi", "YTpi YTpi", "_-pi", "YTpi\t"),
            *("YTp\0", "=", "AAAA", "YTpi\x0b", "YTpiYQ=YQ"),
        )
    },
    '{"auths": {"a.io": {"auth": "x", "auth": null}}}': f"line 1: 'auth' of 'a.io' of 'auths' {LOGIN}",
    '{"auths": {"a.io": {"AUTH": "x"}}}': f"line 1: 'AUTH' of 'a.io' of 'auths' {LOGIN}",
}
TAKEN_BY_DOCKER = (
    *(
        "",
        " ",
        "null",
        "{}",
        '{"auths": null, "HttpHeaders": null, "psFormat": null, "pruneFilters": [null]}',
    ),
    *('{"proxies": {"a": null}, "plugins": {"a": null}, "auths": {"a": null}, "credHelpers": {"a": null}}',),
    *('{"stackOrchestrator": 1, "unknown": {"auths": []}, "auths": {"a": {"unknown": 1}}}',),
    *('{"credHelpers": {"a": "b"}, "credHelpers": {"c": "d"}}', '{"credHelpers": {"a": "b", "a": "c"}}'),
    *('{"credHelpers": {"a b": "c d", "\\u0007": "x", "": ""}}', '{"credsStore": "a/../b"}'),
    *('{"auths": {"a": {"auth": "x"}, "a": {"auth": ""}}}', '{"auths": {"a": {"auth": "x"}, "a": null}}'),
    *(
        '{"auths": {"a": {"auth": "x"}}, "auths": {"a": {}}}',
        '{"auths": {"a": {"auth": "x"}}, "auths": null}',
    ),
    '{"auths": {"a": {"auth": "x", "AUTH": "YTpi"}}}',
    *(
        json.dumps({"auths": {"a.io": {"auth": auth}}})
        for auth in ("", "YTpi", "YT\npi", "YTpi\r\n", "YTo=", "YTp=", "YTo\n=\n", "gD9hOmI=", "YToAAAA=")
    ),
)
REFUSED_BY_PODMAN = {
    '{"auths": []}': "line 1: 'auths' is not an object",
    '{"AUTHS": []}': "line 1: 'AUTHS' is not an object",
    '{"auths": {"a": 1}}': "line 1: 'a' of 'auths' is not an object",
    '{"auths": {"a": {"auth": 5}}}': "line 1: 'auth' of 'a' of 'auths' is not a string",
    '{"auths": {"a": {"IdentityToken": 5}}}': "line 1: 'IdentityToken' of 'a' of 'auths' is not a string",
    '{"credHelpers": []}': "line 1: 'credHelpers' is not an object",
    '{"credHelpers": {"a": 1}}': "line 1: 'a' of 'credHelpers' is not a string",
}
TAKEN_BY_PODMAN = (
    *(
        "null",
        "{}",
        '{"auths": {"a": {"auth": "x"}}}',
        '{"auths": {"a": {"username": 5, "registrytoken": []}}}',
    ),
    *('{"credsStore": 1, "experimental": true, "HttpHeaders": []}', '{"credHelpers": {"a": null}}'),
    '{"credHelpers": {"a": "b"}, "credHelpers": {"a": "c"}, "auths": null}',
)
VALUES = (None, True, 1, "", [], [None], [1], {}, {"a": "b"}, {"a": 1}, {"a": {}}, {"a": {"b": "c"}})


def list_members(file_type: GoType, *above: str) -> Iterator[tuple[tuple[str, ...], GoType]]:
    """Yields each member of a type: its path of names, and its type; a map has one member, `x`."""
    members = {"x": file_type.value} if file_type.members is None else file_type.members
    for name, member_type in members.items():
        if member_type is not None:
            yield (*above, name), member_type
            yield from list_members(member_type, *above, name)


def make_text(names: tuple[str, ...], value: object) -> str:
    """Returns a file with one value at a path of names."""
    for name in reversed(names):
        value = {name: value}
    return json.dumps(value)


def list_texts(file_type: GoType) -> Iterator[str]:
    """Yields files with a number for each member, and with each of VALUES for one member of each type."""
    seen: set[GoType] = set()
    for names, member_type in list_members(file_type):
        yield make_text(names, 1)
        if member_type not in seen:
            yield from (make_text(names, value) for value in VALUES)
        seen.add(member_type)


ALL = {
    "docker": (DOCKER, REFUSED_BY_DOCKER, TAKEN_BY_DOCKER),
    "podman": (CONTAINERS, REFUSED_BY_PODMAN, TAKEN_BY_PODMAN),
}
