"""Referrers, tag parameters, sparse manifests and the catalog."""

import json

import pytest
from support.backing_services import serve
from support.images import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, digest_of

from docker_credential_gcr.emulator.registry.dialects.dialect import ARTIFACT_REGISTRY, CONTAINER_REGISTRY
from docker_credential_gcr.emulator.registry.listings.pagination import Page
from docker_credential_gcr.emulator.settings import Settings

REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"


@pytest.fixture
def artifact(editor):
    """Pushes an artifact with a subject; returns its entry in the list of referrers."""

    def push(subject, artifact_type, *, annotations=None, repository=REPOSITORY):
        config = {**editor.push_blob(repository, b"{}"), "mediaType": OCI_EMPTY}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config,
            "layers": [config],
            "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 7},
        }
        if artifact_type:
            document["artifactType"] = artifact_type
        if annotations:
            document["annotations"] = annotations
        data = json.dumps(document, ensure_ascii=False).encode()
        answer = editor.put_manifest(repository, digest_of(data), data)
        assert (answer.status_code, answer.headers["OCI-Subject"]) == (201, subject)
        entry = {
            "mediaType": OCI_MANIFEST,
            "digest": digest_of(data),
            "size": len(data),
            "artifactType": artifact_type or OCI_EMPTY,
        }
        return {**entry, "annotations": annotations} if annotations else entry

    return push


def listed(answer):
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, OCI_INDEX)
    document = answer.json()
    assert {**document, "manifests": []} == {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
    return document["manifests"]


def by_digest(*entries):
    return sorted(entries, key=lambda entry: entry["digest"])


@pytest.mark.parametrize("repository", [REPOSITORY, "my-project/never-pushed"])
def test_an_absent_manifest_has_no_referrers(editor, repository):
    answer = editor.get(f"/v2/{repository}/referrers/{digest_of(b'absent')}", repository=repository)
    assert listed(answer) == []


def test_referrers_are_listed_before_and_after_their_subject_is_there(editor, artifact):
    config = editor.push_blob(REPOSITORY, b"{}")
    data = json.dumps({"schemaVersion": 2, "config": config, "layers": []}).encode()
    first = artifact(digest_of(data), "application/x.sbom", annotations={"a": "b"})
    assert listed(editor.get(f"{PATH}/referrers/{digest_of(data)}")) == [first]
    editor.put_manifest(REPOSITORY, "v1", data)
    second = artifact(digest_of(data), "application/x.signature")
    assert listed(editor.get(f"{PATH}/referrers/{digest_of(data)}")) == by_digest(first, second)


def test_artifact_without_a_type_has_that_of_its_config(editor, artifact):
    subject = digest_of(b"subject")
    entry = artifact(subject, "")
    assert listed(editor.get(f"{PATH}/referrers/{subject}")) == [entry]


def test_index_refers_too(editor):
    subject = {"mediaType": OCI_MANIFEST, "digest": digest_of(b"subject"), "size": 7}
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "subject": subject}
    data = json.dumps(document).encode()
    editor.put_manifest(REPOSITORY, "index", data, OCI_INDEX)
    (entry,) = listed(editor.get(f"{PATH}/referrers/{subject['digest']}"))
    assert entry == {"mediaType": OCI_INDEX, "digest": digest_of(data), "size": len(data)}


def test_referrers_are_filtered_by_type_and_say_so(editor, artifact):
    subject = digest_of(b"subject")
    wanted = artifact(subject, "application/x.sbom")
    artifact(subject, "application/x.signature")
    answer = editor.get(f"{PATH}/referrers/{subject}?artifactType=application/x.sbom")
    assert (listed(answer), answer.headers["OCI-Filters-Applied"]) == ([wanted], "artifactType")
    answer = editor.get(f"{PATH}/referrers/{subject}?artifactType=application/x.sbom%00")
    assert (listed(answer), answer.headers["OCI-Filters-Applied"]) == ([], "artifactType")
    assert "OCI-Filters-Applied" not in editor.get(f"{PATH}/referrers/{subject}").headers


def test_referrers_are_paged(editor, artifact):
    subject = digest_of(b"subject")
    entries = by_digest(*(artifact(subject, "application/x", annotations={"n": str(n)}) for n in range(5)))
    found, url = [], f"{PATH}/referrers/{subject}?artifactType=application/x&n=2"
    while url:
        answer = editor.get(url)
        found += listed(answer)
        assert answer.headers["OCI-Filters-Applied"] == "artifactType"
        url = answer.links.get("next", {}).get("url")
    assert found == entries


def test_deleted_referrer_is_gone_and_so_is_that_of_another_repository(editor, artifact):
    subject = digest_of(b"subject")
    artifact(subject, "application/x", repository="my-project/other")
    entry = artifact(subject, "application/x")
    assert editor.delete(f"{PATH}/manifests/{entry['digest']}").status_code == 202
    assert listed(editor.get(f"{PATH}/referrers/{subject}")) == []


def test_stranger_lists_no_referrers(stranger):
    answer = stranger.session.get(f"{stranger.url}{PATH}/referrers/{digest_of(b'x')}", auth=stranger.auth)
    assert answer.status_code == 403


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_manifest_pushed_by_digest_is_tagged_by_its_parameters(editor, algorithm):
    config = editor.push_blob(REPOSITORY, b"{}")
    data = json.dumps({"schemaVersion": 2, "config": config, "layers": []}).encode()
    reference = f"{digest_of(data, algorithm)}?tag=v1&tag=latest"
    answer = editor.put_manifest(REPOSITORY, reference, data)
    assert (answer.status_code, answer.headers["OCI-Tag"]) == (201, "v1, latest")
    for tag in ("v1", "latest"):
        got = editor.get(f"{PATH}/manifests/{tag}")
        assert (got.content, got.headers["Docker-Content-Digest"]) == (data, digest_of(data, algorithm))


def test_bad_tag_parameter_stores_nothing(editor):
    config = editor.push_blob(REPOSITORY, b"{}")
    data = json.dumps({"schemaVersion": 2, "config": config, "layers": []}).encode()
    answer = editor.put_manifest(REPOSITORY, f"{digest_of(data)}?tag=v1&tag=.bad", data)
    assert answer.json() == {
        "errors": [{"code": "MANIFEST_UNKNOWN", "message": 'Invalid manifest reference ".bad"'}]
    }
    assert editor.get(f"{PATH}/manifests/{digest_of(data)}").status_code == 404


def test_more_parameters_than_a_request_may_have_are_refused(editor):
    answer = editor.put_manifest(REPOSITORY, "v1?" + "&".join(["tag=a"] * 201), b"{}")
    assert (answer.status_code, answer.json()) == (
        414,
        {"errors": [{"code": "UNSUPPORTED", "message": "the query has too many parameters"}]},
    )


def test_sparse_manifests_are_taken_where_that_is_set(tmp_path, editor_of):
    absent = {"mediaType": OCI_MANIFEST, "digest": digest_of(b"absent"), "size": 6}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [absent]}
    image = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": absent, "layers": [absent]}
    with serve(Settings(port=0, data=tmp_path, sparse_manifests=True)) as ready:
        editor = editor_of(ready.url)
        assert editor.put_manifest(REPOSITORY, "index", index, OCI_INDEX).status_code == 201
        assert editor.put_manifest(REPOSITORY, "image", image).status_code == 201
        assert editor.get(f"{PATH}/tags/list").json()["tags"] == ["image", "index"]


def test_catalog_lists_the_callers_projects_and_is_paged(connect, editor):
    connect(project="other-project", account="other").push_image("other-project/app", "v1", b"layer")
    for name in ("a", "b", "c"):
        editor.push_image(f"my-project/{name}", "v1", b"layer")
    token = editor.token("registry:catalog:*")
    whole = editor.call("GET", "/v2/_catalog", token=token)
    assert whole.json() == {"repositories": ["my-project/a", "my-project/b", "my-project/c"]}
    page = editor.call("GET", "/v2/_catalog?n=2", token=token)
    assert page.json() == {"repositories": ["my-project/a", "my-project/b"]}
    assert page.headers["Link"] == '</v2/_catalog?n=2&last=my-project%2Fb>; rel="next"'
    rest = editor.call("GET", page.links["next"]["url"], token=token)
    assert rest.json() == {"repositories": ["my-project/c"]}
    elsewhere = editor.session.get(
        f"{editor.url}/v2/_catalog", auth=editor.auth, headers={"Host": "eu.gcr.io"}
    )
    assert elsewhere.json() == {"repositories": []}


@pytest.mark.parametrize(
    ("dialect", "most"),
    [(CONTAINER_REGISTRY, 50_000), (ARTIFACT_REGISTRY, 10_000)],
    ids=["gcr.io", "pkg.dev"],
)
def test_z06_a_reply_with_everything_ends_at_the_dialects_limit(dialect, most):
    names = [f"{number:05}" for number in range(most + 1)]
    everything = Page(None, "", dialect.most_listed)
    assert (everything.size, everything.limit) == (most, most + 1)
    assert everything.link("/v2/_catalog", names[:-1]) == {}
    link = f'</v2/_catalog?n={most}&last={most - 1:05}>; rel="next"'
    assert everything.link("/v2/_catalog", names) == {"Link": link}


def test_catalog_is_closed_to_the_anonymous_and_empty_for_a_stranger(editor, stranger, anonymous):
    editor.push_image(REPOSITORY, "v1", b"layer")
    without = anonymous.session.get(f"{anonymous.url}/v2/_catalog")
    assert without.status_code == 401
    assert without.headers["WWW-Authenticate"].endswith('scope="registry:catalog:*"')
    assert anonymous.call("GET", "/v2/_catalog", token=anonymous.token()).status_code == 401
    assert stranger.call("GET", "/v2/_catalog", token=stranger.token()).json() == {"repositories": []}


@pytest.mark.parametrize(
    ("host", "scopes", "statuses"),
    [
        ("localhost", [], (200, 401)),  # as `podman search` does
        ("localhost", ["registry:catalog:*"], (200, 401)),
        ("localhost", [f"repository:{REPOSITORY}:pull", "registry:catalog:*"], (200, 401)),
        ("localhost", [f"repository:{REPOSITORY}:pull,push"], (401, 401)),
        ("localhost", ["registry:catalog:pull"], (401, 401)),
        ("localhost", ["registry:other:*"], (401, 401)),
        ("eu.gcr.io", [], (401, 200)),
        ("eu.gcr.io", ["registry:catalog:*"], (401, 200)),
        ("eu.gcr.io", [f"repository:{REPOSITORY}:pull"], (401, 401)),
    ],
)
def test_d_z21_a_token_lists_the_catalog_that_it_is_for(editor, host, scopes, statuses):
    editor.push_image(REPOSITORY, "v1", b"layer")
    token = editor.ask_token(*scopes, host=host).json()["token"]

    for at, status in zip(("localhost", "eu.gcr.io"), statuses, strict=True):
        answer = editor.call("GET", "/v2/_catalog", token=token, headers={"Host": at})
        challenge = f'Bearer realm="http://{at}/v2/token",service="{at}",scope="registry:catalog:*"'
        challenged = (status, challenge if status == 401 else None)
        assert (answer.status_code, answer.headers.get("WWW-Authenticate")) == challenged


@pytest.mark.parametrize(
    "letter", [pytest.param("z", id="B-Z06-one-byte"), pytest.param("é", id="B-Z06-two-bytes")]
)
def test_z06_a_page_of_referrers_ends_before_4_mib(editor, artifact, letter):
    subject, text = digest_of(b"subject"), letter * (2_100_000 // len(letter.encode()))
    entries = by_digest(
        *(artifact(subject, "application/x", annotations={"n": str(n), "text": text}) for n in range(3))
    )
    pages, url = [], f"{PATH}/referrers/{subject}"
    while url:
        answer = editor.get(url)
        pages.append((listed(answer), len(answer.content)))
        url = answer.links.get("next", {}).get("url")

    assert [entry for page, _ in pages for entry in page] == entries
    assert [len(page) for page, _ in pages] == [1, 1, 1]
    assert max(size for _, size in pages) < 4 * 1024 * 1024
