"""Partial responses have only the fields that the caller names."""

from typing import Any

import pytest

from docker_credential_gcr.emulator.google.rest.errors import InvalidArgument
from docker_credential_gcr.emulator.google.rest.partial_response import apply_mask, parse_mask

Apis = Any
DOCUMENT = {
    "kind": "k",
    "items": [{"name": "a", "size": 1, "acl": {"role": "r", "entity": "e"}}, {"name": "b", "size": 2}],
    "nextPageToken": "t",
}


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ("kind", {"kind": "k"}),
        ("kind,nextPageToken", {"kind": "k", "nextPageToken": "t"}),
        ("items/name", {"items": [{"name": "a"}, {"name": "b"}]}),
        ("items(name,size)", {"items": [{"name": "a", "size": 1}, {"name": "b", "size": 2}]}),
        ("items(name,acl/role)", {"items": [{"name": "a", "acl": {"role": "r"}}, {"name": "b"}]}),
        ("items/acl(role)", {"items": [{"acl": {"role": "r"}}, {}]}),
        ("items/name,items/size", {"items": [{"name": "a", "size": 1}, {"name": "b", "size": 2}]}),
        ("*", DOCUMENT),
        ("*/name", {"kind": "k", "items": [{"name": "a"}, {"name": "b"}], "nextPageToken": "t"}),
        ("none", {}),
    ],
)  # fmt: skip
def test_a_mask_leaves_what_it_names(fields: str, left: object) -> None:
    assert apply_mask(parse_mask(fields), DOCUMENT) == left


@pytest.mark.parametrize("fields", [",", "a,", "a//b", "a(b", "a)b", "a(b))", "(a)", "a b", "a/", "a(" * 40])
def test_a_malformed_mask_is_refused(fields: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse_mask(fields)

    assert str(refusal.value) == f"Invalid field selection {fields[:100]}"


@pytest.mark.parametrize("name", ["fields", "$fields"])
def test_an_answer_is_cut(apis: Apis, name: str) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})

    reply = apis.call("GET", f"/v1/projects?{name}=projects(projectId)")

    assert (reply.status, reply.body) == (200, {"projects": [{"projectId": "my-project"}]})
    assert reply.headers["content-length"] == str(len('{"projects":[{"projectId":"my-project"}]}'))


def test_an_error_is_whole(apis: Apis) -> None:
    assert apis.call("GET", "/v1/projects/none?fields=x").body["error"]["code"] == 404
