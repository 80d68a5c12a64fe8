"""Blob redirects (serve --redirect-blobs): GET leads to a signed link to one blob, which expires."""

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from support.backing_services import serve
from support.images import digest_of
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.settings import Settings

# An object store has links of its own: tests/emulator/server/test_object_store.py.
pytestmark = pytest.mark.sqlite("the emulator's own link to a blob")

REPOSITORY = "my-project/app"
LARGE, SMALL = b"a layer in a file " * 10_000, b"a layer in a row"
LIFETIME_S = 300
NOW = 1_800_000_000
API = "/services/containerregistry.googleapis.com"
REFUSED = {
    "errors": [
        {
            "code": "DENIED",
            "message": "invalid or expired link to a blob: request the blob from the registry again",
        }
    ]
}


def path_of(data, repository=REPOSITORY):
    return f"/v2/{repository}/blobs/{digest_of(data)}"


@pytest.fixture(scope="module")
def server():
    with serve(Settings(port=0, redirect_blobs=True, sites=(("eu.gcr.io", 0),))) as ready:
        yield ready


@pytest.fixture(scope="module")
def editor(server, editor_of):
    client = editor_of(server.url)
    for data in (LARGE, SMALL):
        client.push_blob(REPOSITORY, data)
        client.push_blob("my-project/other", data)
    client.push_blob("eu.gcr.io/my-project/app", LARGE)
    return client


@pytest.fixture(autouse=True)
def clock(server):
    """Stops the server's clock at NOW; returns a function that sets it."""

    def set_to(now):
        requests.put(f"{server.url}/_emulator/clock", json={"now": now}, timeout=30).raise_for_status()

    set_to(NOW)
    return set_to


@pytest.fixture
def link(editor):
    """Returns the link to the large blob."""
    return editor.get(path_of(LARGE)).headers["Location"]


@pytest.fixture
def follow(server):
    """Follows a link without a credential."""

    def ask(link, method="GET", **options):
        return requests.request(method, f"{server.url}{link}", timeout=30, **options)

    return ask


@pytest.mark.parametrize("data", [LARGE, SMALL])
def test_check_39_a_blob_is_a_redirect_to_its_bytes_which_need_no_credential(editor, follow, data):
    answer = editor.get(path_of(data))
    link = answer.headers["Location"]
    shown = {"Content-Type", "Cache-Control", "Accept-Ranges", "Content-Length"}
    assert (answer.status_code, answer.content, {name: answer.headers[name] for name in shown}) == (
        302,
        b'{"errors":[]}',
        {
            "Content-Type": "application/json",
            "Cache-Control": "private",
            "Accept-Ranges": "none",
            "Content-Length": "13",
        },
    )
    assert urlsplit(link).path == f"/artifacts-downloads/{REPOSITORY}/blobs/{digest_of(data)}"
    assert parse_qs(urlsplit(link).query)["expires"] == [str(NOW + LIFETIME_S)]

    whole = follow(link)
    part = follow(link, headers={"Range": "bytes=5-9"})
    head = follow(link, "HEAD")
    assert (whole.status_code, whole.content) == (200, data)
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (
        206,
        data[5:10],
        f"bytes 5-9/{len(data)}",
    )
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", str(len(data)))


def test_check_39_head_and_unknown_blobs_are_not_redirected(editor):
    token = editor.token(f"repository:{REPOSITORY}:pull")
    head = editor.call("HEAD", path_of(LARGE), token=token)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(LARGE)))
    assert head.headers["Docker-Content-Digest"] == digest_of(LARGE)
    unknown = editor.get(path_of(b"unknown"))
    assert (unknown.status_code, unknown.json()["errors"][0]["code"]) == (404, "BLOB_UNKNOWN")
    assert requests.get(f"{editor.url}{path_of(LARGE)}", allow_redirects=False, timeout=30).status_code == 401


def change(link, **changes):
    """Returns the link with other values in its query; None removes one."""
    parts = urlsplit(link)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()} | changes
    kept = {name: value for name, value in query.items() if value is not None}
    return f"{parts.path}?{urlencode(kept)}"


TAMPERED = {
    "no query": lambda link: urlsplit(link).path,
    "no signature": lambda link: change(link, signature=None),
    "no end": lambda link: change(link, expires=None),
    "empty signature": lambda link: change(link, signature=""),
    "another signature": lambda link: change(link, signature="0" * 64),
    "a longer signature": lambda link: link + "0",
    "a signature in capitals": lambda link: change(
        link, signature=parse_qs(urlsplit(link).query)["signature"][0].upper()
    ),
    "a signature of no text": lambda link: change(link, signature="\ufffd\u00e9"),
    "a later end": lambda link: change(link, expires=str(NOW + LIFETIME_S + 1)),
    "an end in words": lambda link: change(link, expires="never"),
    "an end in other digits": lambda link: change(link, expires="\u0661\u0668"),
    "an end without end": lambda link: change(link, expires="9" * 5000),
    "another blob": lambda link: link.replace(digest_of(LARGE), digest_of(SMALL)),
    "another repository": lambda link: link.replace(REPOSITORY, "my-project/other"),
    "another site": lambda link: link.replace(REPOSITORY, f"eu.gcr.io/{REPOSITORY}"),
    "another project": lambda link: link.replace(REPOSITORY, "other-project/app"),
}


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_check_40_a_link_that_was_changed_opens_nothing(editor, follow, link, tamper):
    assert follow(link).status_code == 200
    bearer = {"Authorization": f"Bearer {editor.token(f'repository:{REPOSITORY}:pull')}"}
    # A valid credential for the blob does not help either.
    for options in ({}, {"headers": bearer}, {"auth": editor.auth}):
        answer = follow(tamper(link), **options)
        assert (answer.status_code, answer.json()) == (403, REFUSED)
    assert follow(tamper(link), "HEAD").status_code == 403


def test_check_40_a_link_ends(follow, link, clock):
    clock(NOW + LIFETIME_S - 1)
    assert follow(link).status_code == 200
    clock(NOW + LIFETIME_S)
    answer = follow(link)
    assert (answer.status_code, answer.json()) == (403, REFUSED)


def test_a_bad_credential_is_not_looked_at(follow, link):
    assert follow(link, headers={"Authorization": "Bearer garbage"}).content == LARGE


def test_a_link_is_good_under_every_name_of_its_site_and_no_other(server, follow, link):
    for host, status in (("gcr.io", 200), ("127.0.0.1:1", 200), ("eu.gcr.io", 403), ("us.gcr.io:443", 403)):
        assert follow(link, headers={"Host": host}).status_code == status, host
    assert requests.get(f"http://{server.sites['eu.gcr.io']}{link}", timeout=30).status_code == 403
    assert follow(link, headers={"Host": "storage.googleapis.com"}).status_code == 404


def test_a_link_to_a_blob_that_was_deleted_is_not_found(editor, follow):
    data = b"soon deleted"
    editor.push_blob(REPOSITORY, data)
    link = editor.get(path_of(data)).headers["Location"]
    assert editor.delete(path_of(data)).status_code == 202
    answer = follow(link)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize(
    ("take_away", "give_back", "refusal"),
    [
        (("DELETE", ""), ("POST", ":undelete"), (404, "NAME_UNKNOWN")),
        (("POST", f"{API}:disable"), ("POST", f"{API}:enable"), (403, "DENIED")),
    ],
    ids=["project", "API"],
)
def test_d_z20_a_link_opens_nothing_of_what_its_project_does_not_serve(
    editor, follow, link, take_away, give_back, refusal
):
    def change(method, path):
        url = f"{editor.url}/v1/projects/my-project{path}"
        requests.request(method, url, json={}, timeout=30).raise_for_status()

    assert follow(link).content == LARGE
    change(*take_away)
    answer = follow(link)
    change(*give_back)

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == refusal
    assert follow(link).content == LARGE


AR_HOST, AR_APP = "us-docker.pkg.dev", "my-project/images/app"
AR_PREFIX = "/artifacts-downloads/namespaces/my-project/repositories/images/downloads/"


@pytest.fixture
def artifact_link(editor):
    """Returns a function from the name of an image at us-docker.pkg.dev to the link of its blob."""
    repositories = f"{editor.url}/v1/projects/my-project/locations/us/repositories"
    for name in ("images", "other"):
        requests.post(f"{repositories}?repositoryId={name}", json={"format": "DOCKER"}, timeout=30)

    def find(name, host=AR_HOST):
        path = name if host else f"{AR_HOST}/{name}"
        client = RegistryClient(editor.url, editor.auth, host=host)
        client.push_blob(path, LARGE)
        answer = client.get(path_of(LARGE, path), repository=path)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    return find


@pytest.mark.parametrize("host", [AR_HOST, None])
def test_a_link_of_artifact_registry_names_its_repository(artifact_link, follow, host):
    link = artifact_link(AR_APP, host)

    answers = [follow(link, headers={"Host": host or "localhost"}) for _ in range(2)]

    assert link.startswith(AR_PREFIX)
    assert [(answer.status_code, answer.content) for answer in answers] == [(200, LARGE)] * 2


@pytest.mark.parametrize(
    "tamper",
    [
        lambda link, _: urlsplit(link).path,
        lambda link, _: link.replace("/images/", "/other/"),
        lambda link, _: link.replace("/my-project/", "/other-project/"),
        lambda link, other: f"{urlsplit(other).path}?{urlsplit(link).query}",
        lambda link, _: f"{AR_PREFIX}x?{urlsplit(link).query}",
        lambda link, _: f"{AR_PREFIX}%C3%A9?{urlsplit(link).query}",
        lambda link, _: f"/artifacts-downloads/{AR_APP}/blobs/{digest_of(LARGE)}?{urlsplit(link).query}",
    ],
    ids=["no query", "repository", "project", "image", "no ID", "no ASCII", "the other form"],
)
def test_a_link_of_artifact_registry_that_was_changed_opens_nothing(artifact_link, follow, tamper):
    link, other = artifact_link(AR_APP), artifact_link("my-project/images/second")

    answer = follow(tamper(link, other), headers={"Host": AR_HOST})

    assert (answer.status_code, answer.json()) == (403, REFUSED)


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_a_link_is_for_reading(follow, link, method):
    assert follow(link, method).status_code == 404
    assert follow(link).status_code == 200


@pytest.mark.parametrize("tail", ["manifests/v1", "tags/list", "blobs/uploads/", "referrers/sha256:0"])
def test_nothing_else_of_the_registry_is_where_links_lead(editor, follow, tail):
    answer = follow(f"/artifacts-downloads/{REPOSITORY}/{tail}", auth=editor.auth)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, "UNSUPPORTED")


def test_logs_and_journal_show_nothing_that_opens_a_blob(make_server, tmp_path, editor_of):
    server = make_server(tmp_path / "data", "--redirect-blobs", "--access-log")
    server.start()
    editor = editor_of(server.ready["url"])
    editor.push_blob(REPOSITORY, LARGE)
    link = editor.get(path_of(LARGE)).headers["Location"]
    assert requests.get(f"{editor.url}{link}", timeout=30).content == LARGE
    journal = requests.get(f"{editor.url}/_emulator/journal", timeout=30).text
    server.terminate()
    status, log = server.await_end()

    (signature,) = parse_qs(urlsplit(link).query)["signature"]
    assert status == 0
    for shown in (journal, log):
        assert urlsplit(link).path in shown
        assert signature not in shown


def test_without_the_option_no_client_is_redirected_and_no_link_is_valid(gcr_emulator, connect, link):
    editor = connect("roles/editor")
    editor.push_blob(REPOSITORY, LARGE)
    answer = editor.get(path_of(LARGE))
    assert (answer.status_code, answer.content) == (200, LARGE)
    refused = requests.get(f"{gcr_emulator.url}{link}", timeout=30)
    message = "this registry does not redirect: request the blob under /v2/"
    assert (refused.status_code, refused.json()) == (
        404,
        {"errors": [{"code": "UNSUPPORTED", "message": message}]},
    )
