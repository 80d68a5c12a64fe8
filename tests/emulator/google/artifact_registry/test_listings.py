"""Listings of Artifact Registry: filters, orders, views and pages, as clients ask for them."""

import base64
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import Connection, update

from docker_credential_gcr.emulator.database import schema

Apis = Any
LOCATION = "/v1/projects/my-project/locations/us"
REPOSITORIES = f"{LOCATION}/repositories"
NAME = "projects/my-project/locations/us/repositories/images"
PACKAGES = f"/v1/{NAME}/packages"
PLACE = "us~my-project~images"
NOW_MS = 1_700_000_000_000


@pytest.fixture(autouse=True)
def _repository(apis: Apis) -> None:
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    make(apis, "images")


def make(apis: Apis, name: str) -> None:
    assert apis.call("POST", f"{REPOSITORIES}?repositoryId={name}", {"format": "DOCKER"}).status == 200


def push(apis: Apis, package: str, content: bytes, tag: str | None = None, *, after_s: int = 0) -> str:
    """Pushes an image some seconds later; returns its digest."""
    digest: str = apis.push(PLACE, f"my-project/images/{package}", content, tag=tag)
    pushed = update(schema.manifests).where(schema.manifests.c.digest == digest)

    def work(connection: Connection) -> None:
        connection.execute(pushed.values(uploaded_ms=NOW_MS + after_s * 1000))

    apis.services.database.write_now(work)
    return digest


def annotate(apis: Apis, name: str, annotations: dict[str, str]) -> None:
    body = {"annotations": annotations}
    assert apis.call("PATCH", f"/v1/{name}?updateMask=annotations", body).status == 200


def read(apis: Apis, path: str, listed: str, *, size: int = 1, **query: str) -> list[str]:
    """Returns the last part of each item's name, from pages of `size` items."""
    found, token = [], ""
    parameters = "".join(f"&{name}={quote(value)}" for name, value in query.items())
    while True:
        reply = apis.call("GET", f"{path}?pageSize={size}&pageToken={quote(token)}{parameters}")
        assert reply.status == 200, reply
        assert len(reply.body.get(listed, [])) <= size
        found += [item["name"].rpartition("/")[2] for item in reply.body.get(listed, [])]
        token = reply.body.get("nextPageToken", "")
        if not token:
            return found


def refusal(reply: Any) -> tuple[int, str, str]:
    error = reply.body["error"]
    return reply.status, error["status"], error["message"]


@pytest.fixture
def tags(apis: Apis) -> dict[str, str]:
    """Creates the tags v1 and v2 of one version, and w1 of another."""
    one, two = push(apis, "app", b"one", "v1"), push(apis, "app", b"two", "w1")
    name = f"{NAME}/packages/app"
    apis.call("POST", f"/v1/{name}/tags?tagId=v2", {"version": f"{name}/versions/{one}"})
    return {"name": name, "one": one, "two": two}


TAG_FILTERS = [
    ('version="{name}/versions/{one}"', ["v1", "v2"]),
    ('version="{name}/versions/{two}"', ["w1"]),
    ('VERSION = "{name}/versions/{two}"', ["w1"]),
    ('version="{name}/versions/sha256:0"', []),
    ('name="*/tags/v*"', ["v1", "v2"]),
    ('name="{name}/tags/v*"', ["v1", "v2"]),
    ('name="*/TAGS/W1"', ["w1"]),
    ('name="*tags/v*"', ["v1", "v2"]),
    ('name="*"', ["v1", "v2", "w1"]),
    ('name="*/w1" OR name="*/v1"', ["v1", "w1"]),
    ('version="*{one}" AND name="*/v2"', ["v2"]),
    ('name="*/v1" OR name="*/w1" AND version="*{one}"', ["v1"]),
]


@pytest.mark.parametrize(("text", "found"), TAG_FILTERS, ids=[text for text, _ in TAG_FILTERS])
def test_a55_a_filter_of_tags_finds_what_it_says(
    apis: Apis, tags: dict[str, str], text: str, found: list[str]
) -> None:
    assert read(apis, f"/v1/{tags['name']}/tags", "tags", filter=text.format_map(tags)) == found


def test_a55_an_untagged_version_is_deleted_as_gcloud_does_while_others_have_tags(apis: Apis) -> None:
    untagged, tagged = push(apis, "app", b"one"), push(apis, "app", b"two", "v1")
    versions = f"{PACKAGES}/app/versions"

    # gcloud artifacts docker images delete IMAGE@DIGEST asks for the tags of that version first.
    text = f'version="{NAME}/packages/app/versions/{untagged}"'
    assert apis.call("GET", f"{PACKAGES}/app/tags?filter={quote(text)}").body == {}
    assert apis.call("DELETE", f"{versions}/{untagged}").status == 200

    assert read(apis, versions, "versions") == [tagged]
    assert read(apis, f"{PACKAGES}/app/tags", "tags") == ["v1"]


ANNOTATION_FILTERS = [
    ("annotations.external_link", ["one", "two"]),
    ("annotations.external_link:x", ["one"]),
    ("annotations.external_link=x", ["one"]),
    ('annotations.external_link:"x"', ["one"]),
    ('"annotations.external_link:x"', ["one"]),
    ("annotations.EXTERNAL_LINK:X", ["one"]),
    ("annotations.*_link", ["one", "two"]),
    ("annotations.*_link:`*example.com*`", ["two"]),
    ("annotations.`some.key/a b`:`c d`", ["three"]),
    ("annotations.`some.key/a b`", ["three"]),
    ("annotations.external_link:x OR annotations.some*:*", ["one", "three"]),
    ('name="*/two" AND annotations.external_link', ["two"]),
    ("annotations.nothing", []),
    ("annotations.external_link:y", []),
]


@pytest.mark.parametrize(("text", "found"), ANNOTATION_FILTERS, ids=[text for text, _ in ANNOTATION_FILTERS])
def test_a_filter_of_packages_and_versions_finds_annotations(apis: Apis, text: str, found: list[str]) -> None:
    annotations = {
        "one": {"external_link": "x"},
        "two": {"external_link": "https://example.com/a"},
        "three": {"some.key/a b": "C D"},
        "four": {},
    }
    digests = {push(apis, "app", name.encode()): name for name in annotations}
    for digest, name in digests.items():
        push(apis, name, name.encode())
        annotate(apis, f"{NAME}/packages/{name}", annotations[name])
        annotate(apis, f"{NAME}/packages/app/versions/{digest}", annotations[name])

    packages = read(apis, PACKAGES, "packages", filter=text)

    assert sorted(packages) == sorted(found)
    if "name" not in text:
        versions = read(apis, f"{PACKAGES}/app/versions", "versions", filter=text)
        assert sorted(digests[digest] for digest in versions) == sorted(found)


def test_a_filter_of_repositories_images_and_locations_compares_names(apis: Apis) -> None:
    make(apis, "other")
    digest = push(apis, "dir/app", b"one")
    push(apis, "app", b"two")

    assert read(apis, REPOSITORIES, "repositories", filter='name="*/IM*"') == ["images"]
    found = read(apis, f"/v1/{NAME}/dockerImages", "dockerImages", filter='name="*/dockerImages/dir%2F*"')
    assert found == [f"dir%2Fapp@{digest}"]
    for text in ("locationId=us", 'name="projects/my-project/locations/us"', "location_id=US"):
        for version in ("v1", "v1beta2"):
            path = f"/{version}/projects/my-project/locations"
            assert read(apis, path, "locations", filter=text) == ["us"]


BAD_FILTERS = [
    *(
        "color=1",
        "name",
        "name=",
        "name=1 AND",
        "AND name=1",
        "name=1 name=2",
        "name:1",
        "name.a=1",
        "name!=1",
    ),
    *(
        "annotations",
        "annotations=1",
        "annotations.:x",
        "(name=1)",
        "NOT name=1",
        "name=1 or name=2",
        "=",
        '"',
    ),
    *('name="1', "annotations.`a", "name=" + "a" * 2048),
]


@pytest.mark.parametrize("text", BAD_FILTERS, ids=[text[:20] for text in BAD_FILTERS])
@pytest.mark.parametrize("listing", ["packages", "packages/app/versions"])
@pytest.mark.usefixtures("tags")
def test_g_z38_a_filter_that_is_not_understood_is_refused(apis: Apis, text: str, listing: str) -> None:
    reply = apis.call("GET", f"/v1/{NAME}/{listing}?filter={quote(text)}")

    message = f'Invalid filter {text[:200]!r}: name="…" or annotations.KEY:VALUE is known, with AND and OR.'
    assert refusal(reply) == (400, "INVALID_ARGUMENT", message)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (REPOSITORIES, "annotations.a"),
        (f"/v1/{NAME}/dockerImages", "version=1"),
        (f"{PACKAGES}/app/tags", "annotations.a"),
        ("/v1/projects/my-project/locations", "version=1"),
    ],
)
@pytest.mark.usefixtures("tags")
def test_g_z38_a_filter_of_what_a_list_does_not_have_is_refused(apis: Apis, path: str, text: str) -> None:
    assert apis.call("GET", f"{path}?filter={quote(text)}").status == 400
    assert apis.call("GET", f"{path}?filter=").status == 200


# Pushed in the order b, a, c, d; b was pushed to again at last, c has the instant of a.
PUSHES = [("b", b"b1", 1), ("a", b"a", 2), ("c", b"c", 2), ("d", b"d", 3), ("b", b"b2", 9)]
ORDERS = {
    "": "abcd",
    "name": "abcd",
    "name asc": "abcd",
    "NAME DESC": "dcba",
    "create_time": "bacd",
    "CREATE_TIME asc": "bacd",
    "createTime  ASC": "bacd",
    "create_time desc": "dacb",
    "updateTime": "acdb",
    "UPDATE_TIME desc": "bdac",
}


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("order", ORDERS, ids=[order or "none" for order in ORDERS])
def test_packages_are_listed_in_every_order_page_by_page(apis: Apis, order: str, size: int) -> None:
    for package, content, after_s in PUSHES:
        push(apis, package, content, after_s=after_s)

    assert "".join(read(apis, PACKAGES, "packages", size=size, orderBy=order)) == ORDERS[order]
    # With a filter a page skips rows of the database.
    wanted = ORDERS[order].replace("c", "")
    text = 'name="*/a" OR name="*/b" OR name="*/d"'
    found = read(apis, PACKAGES, "packages", size=size, orderBy=order, filter=text)
    assert "".join(found) == wanted


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_versions_and_images_are_listed_in_every_order_page_by_page(apis: Apis, size: int) -> None:
    pushed = [
        push(apis, "app", bytes([number]), after_s=after_s) for number, after_s in enumerate([5, 1, 1, 9])
    ]
    times = dict(zip(pushed, [5, 1, 1, 9], strict=True))
    by_name = sorted(pushed)
    by_time = sorted(by_name, key=times.__getitem__)
    # Python's sort keeps the order of equal items also in reverse.
    expected = {
        "name": by_name,
        "name desc": by_name[::-1],
        "TIME": by_time,
        "TIME desc": sorted(by_name, key=times.__getitem__, reverse=True),
    }

    for order, digests in expected.items():
        for fields, listing, listed in (
            (("create_time", "update_time"), "packages/app/versions", "versions"),
            (("uploadTime", "updateTime"), "dockerImages", "dockerImages"),
        ):
            for field in fields:
                found = read(
                    apis, f"/v1/{NAME}/{listing}", listed, size=size, orderBy=order.replace("TIME", field)
                )
                assert [name.rpartition("@")[2] for name in found] == digests, (order, field)


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_repositories_are_listed_in_every_order_page_by_page(apis: Apis, size: int) -> None:
    for number, name in enumerate(("zz", "aa", "mm"), start=1):
        apis.clock.set(1_700_000_000 + number)
        make(apis, name)
    apis.clock.set(1_700_000_009)
    apis.call("PATCH", f"{REPOSITORIES}/images", {"description": "New"})
    expected = {
        "name": ["aa", "images", "mm", "zz"],
        "name desc": ["zz", "mm", "images", "aa"],
        "create_time": ["images", "zz", "aa", "mm"],
        "create_time desc": ["mm", "aa", "zz", "images"],
        "update_time": ["zz", "aa", "mm", "images"],
        "update_time desc": ["images", "mm", "aa", "zz"],
    }

    for order, names in expected.items():
        assert read(apis, REPOSITORIES, "repositories", size=size, orderBy=order) == names


@pytest.mark.parametrize(
    "order", ["size", "name up", "name asc desc", "name,create_time", "create time", "desc"]
)
@pytest.mark.parametrize(
    ("path", "names"),
    [
        (REPOSITORIES, "name, createTime, updateTime"),
        (PACKAGES, "name, createTime, updateTime"),
        (f"{PACKAGES}/app/versions", "name, createTime, updateTime"),
        (f"/v1/{NAME}/dockerImages", "name, uploadTime, updateTime"),
    ],
)
@pytest.mark.usefixtures("tags")
def test_g_z38_an_order_that_is_not_known_is_refused(apis: Apis, path: str, names: str, order: str) -> None:
    reply = apis.call("GET", f"{path}?orderBy={quote(order)}")

    text = f"Invalid orderBy {order!r}: one of {names} is known, with asc or desc."
    assert refusal(reply) == (400, "INVALID_ARGUMENT", text)


def test_a_token_of_a_page_belongs_to_its_order(apis: Apis) -> None:
    for package, content, after_s in PUSHES:
        push(apis, package, content, after_s=after_s)
    orders = [order for order in ORDERS if order == order.lower()]

    for one in orders:
        token = apis.call("GET", f"{PACKAGES}?pageSize=1&orderBy={quote(one)}").body["nextPageToken"]
        for other in orders:
            reply = apis.call("GET", f"{PACKAGES}?pageToken={token}&orderBy={quote(other)}")
            same = ORDERS[one] == ORDERS[other]
            assert reply.status == (200 if same else 400), (one, other)
            if not same:
                text = "Invalid value for pageToken: it is of a list with another orderBy."
                assert reply.body["error"]["message"] == text


@pytest.mark.parametrize(
    "text",
    ["key asc a", "created_ms asc a", "created_ms asc x a", "created_ms asc 1 2 a", "created_ms asc ٣ a"],
)
def test_a_token_that_no_page_has_is_refused(apis: Apis, text: str) -> None:
    token = b64(text)

    assert apis.call("GET", f"{PACKAGES}?orderBy=create_time&pageToken={token}").status == 400


def b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


VIEWS = {"": 0, "VERSION_VIEW_UNSPECIFIED": 0, "BASIC": 0, "FULL": 2, "full": 2, "0": 0, "1": 0, "2": 2}


@pytest.mark.parametrize(("view", "count"), VIEWS.items())
def test_a56_a_version_has_its_tags_in_the_full_view(
    apis: Apis, tags: dict[str, str], view: str, count: int
) -> None:
    query = f"?view={view}" if view else ""
    versions = f"/v1/{tags['name']}/versions"
    related = [
        {"name": f"{tags['name']}/tags/{name}", "version": f"{tags['name']}/versions/{tags['one']}"}
        for name in ("v1", "v2")[:count]
    ]

    shown = apis.call("GET", f"{versions}/{tags['one']}{query}").body
    (listed,) = (
        version
        for version in apis.call("GET", f"{versions}{query}").body["versions"]
        if version["name"].endswith(tags["one"])
    )

    assert shown.get("relatedTags", []) == related
    assert listed == shown


def test_a56_a_version_has_at_most_100_related_tags(apis: Apis, tags: dict[str, str]) -> None:
    version = f"{tags['name']}/versions/{tags['one']}"
    for number in range(100):
        path = f"/v1/{tags['name']}/tags?tagId=a{number:03}"
        assert apis.call("POST", path, {"version": version}).status == 200

    shown = apis.call("GET", f"/v1/{version}?view=FULL").body

    names = [f"{tags['name']}/tags/a{number:03}" for number in range(100)]
    assert shown["relatedTags"] == [{"name": name, "version": version} for name in names]


def test_a56_an_unknown_view_is_refused(apis: Apis, tags: dict[str, str]) -> None:
    reply = apis.call("GET", f"/v1/{tags['name']}/versions?view=3")

    text = "Invalid value for view: it must be one of VERSION_VIEW_UNSPECIFIED, BASIC, FULL."
    assert (reply.status, reply.body["error"]["message"]) == (400, text)
