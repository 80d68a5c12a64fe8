"""Threats T08 to T13: faults of other registries."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from support.backing_services import serve
from support.images import OCI_INDEX, OCI_MANIFEST, digest_of

from docker_credential_gcr.emulator.settings import Settings

REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"
SECRET = b"another project's layer" * 10_000


def outcome(answer):
    return answer.status_code, answer.content


@pytest.fixture
def secret(connect):
    """Pushes a blob to a project in which the editor has no role; returns its digest."""
    return connect(project="other-project", account="other").push_blob("other-project/app", SECRET)["digest"]


class TestT08BytesOfAnotherRepository:
    def test_a_known_digest_tells_no_more_than_an_unknown_one(self, editor, secret):
        editor.push_blob(REPOSITORY, b"mine")
        token = editor.token(f"repository:{REPOSITORY}:pull")
        for headers in ({}, {"Range": "bytes=0-9"}):
            answers = [
                editor.call(method, f"{PATH}/blobs/{digest}", token=token, headers=headers)
                for method in ("GET", "HEAD")
                for digest in (secret, digest_of(b"absent"))
            ]
            assert {answer.status_code for answer in answers} == {404}
            bodies = {answer.text.replace(secret, "").replace(digest_of(b"absent"), "") for answer in answers}
            assert len(bodies - {""}) == 1

    @pytest.mark.parametrize("source", ["&from=other-project/app", ""])
    def test_it_cannot_be_mounted(self, editor, secret, source):
        path = f"{PATH}/blobs/uploads/?mount={secret}{source}"
        token = editor.token(f"repository:{REPOSITORY}:pull,push")
        with_token = editor.call("POST", path, token=token)
        with_key = editor.session.post(f"{editor.url}{path}", auth=editor.auth, timeout=30)
        assert (with_token.status_code, with_key.status_code) == (202, 202)
        assert editor.get(f"{PATH}/blobs/{secret}").status_code == 404

    def test_it_cannot_be_named_by_a_manifest(self, editor, secret):
        layer = {"mediaType": "application/x", "digest": secret, "size": len(SECRET)}
        document = {"schemaVersion": 2, "config": layer, "layers": []}
        assert editor.put_manifest(REPOSITORY, "v1", document).status_code == 400


class TestT09UploadsOfOthers:
    @pytest.fixture
    def token(self, editor):
        return editor.token(f"repository:{REPOSITORY}:pull,push", "repository:my-project/other:pull,push")

    def test_an_upload_continues_in_its_own_repository_only(self, editor, token):
        location = editor.call("POST", f"{PATH}/blobs/uploads/", token=token).headers["Location"]
        elsewhere = location.replace(REPOSITORY, "my-project/other")
        assert editor.call("PATCH", elsewhere, token=token, data=b"x").status_code == 404
        assert editor.call("PATCH", location, token=token, data=b"x").status_code == 202

    def test_only_one_of_many_that_finish_it_at_once_does(self, editor, token):
        data = b"x" * 500_000
        location = editor.call("POST", f"{PATH}/blobs/uploads/", token=token).headers["Location"]
        location = editor.call("PATCH", location, token=token, data=data).headers["Location"]
        together = threading.Barrier(8)

        def finish(_):
            together.wait(30)
            url = f"{editor.url}{location}?digest={digest_of(data)}"
            return requests.put(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(finish, range(8))) == [201] + [404] * 7
        assert editor.get(f"{PATH}/blobs/{digest_of(data)}").content == data

    def test_chunks_sent_at_once_never_mix(self, editor, token):
        location = editor.call("POST", f"{PATH}/blobs/uploads/", token=token).headers["Location"]
        together = threading.Barrier(8)

        def append(number):
            together.wait(30)
            headers = {"Authorization": f"Bearer {token}"}
            data = bytes([number]) * 200_000
            answer = requests.patch(f"{editor.url}{location}", headers=headers, data=data, timeout=30)
            return number, answer

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(append, range(8)))
        ((number, taken),) = [(number, answer) for number, answer in answers if answer.status_code == 202]
        assert {answer.status_code for _, answer in answers} == {202, 404}
        digest = digest_of(bytes([number]) * 200_000)
        assert (
            editor.call("PUT", f"{taken.headers['Location']}?digest={digest}", token=token).status_code == 201
        )


class TestT10ActionsThatLookAlike:
    def test_who_may_only_create_moves_no_tag(self, gcr_emulator, editor, connect):
        digest = editor.push_image(REPOSITORY, "latest", b"layer")
        creator = connect("roles/storage.objectCreator", account="creator")
        member = "serviceAccount:creator@my-project.iam.gserviceaccount.com"
        for role in ("roles/storage.bucketViewer", "roles/storage.objectViewer"):
            gcr_emulator.grant(role, member)
        answer = creator.ask_token(f"repository:{REPOSITORY}:pull,push")
        assert answer.status_code == 403
        assert "'storage.objects.delete'" in answer.text
        assert editor.get(f"{PATH}/manifests/latest").headers["Docker-Content-Digest"] == digest

    def test_push_token_deletes_manifests_for_gcloud_and_no_blobs(self, editor):
        digest = editor.push_image(REPOSITORY, "latest", b"layer")
        token = editor.token(f"repository:{REPOSITORY}:pull,push")
        assert editor.call("DELETE", f"{PATH}/blobs/{digest_of(b'layer')}", token=token).status_code == 401
        for reference in ("latest", digest):
            assert editor.call("DELETE", f"{PATH}/manifests/{reference}", token=token).status_code == 202

    def test_pull_token_deletes_nothing(self, editor):
        digest = editor.push_image(REPOSITORY, "latest", b"layer")
        token = editor.token(f"repository:{REPOSITORY}:pull")
        for reference in ("latest", digest):
            assert editor.call("DELETE", f"{PATH}/manifests/{reference}", token=token).status_code == 401

    def test_role_that_was_taken_back_is_gone_at_once(self, editor):
        editor.push_image(REPOSITORY, "latest", b"layer")
        token = editor.token(f"repository:{REPOSITORY}:pull")
        project = f"{editor.url}/v1/projects/my-project"
        editor.session.post(f"{project}:setIamPolicy", json={"policy": {"bindings": []}}).raise_for_status()
        answer = editor.call("GET", f"{PATH}/manifests/latest", token=token)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "DENIED")


class TestT11Lists:
    @pytest.mark.parametrize(
        "path", ["/v2/_catalog", f"{PATH}/tags/list", f"{PATH}/referrers/{digest_of(b'')}"]
    )
    @pytest.mark.parametrize(
        ("n", "status"),
        [("0", 200), ("-1", 400), (str(2**63), 200), ("9" * 5000, 200), ("ten", 400), ("%FF", 400)],
    )
    def test_page_size_is_bounded(self, editor, path, n, status):
        editor.push_image(REPOSITORY, "v1", b"layer")
        token = editor.token(f"repository:{REPOSITORY}:pull", "registry:catalog:*")
        assert editor.call("GET", f"{path}?n={n}", token=token).status_code == status

    @pytest.mark.parametrize("last", ["%00", "%FF%FE", "%F0%9F%92%A9", "'; drop table tags; --", "a" * 5000])
    def test_last_may_be_any_bytes(self, editor, last):
        editor.push_image(REPOSITORY, "v1", b"layer")
        answer = editor.get(f"{PATH}/tags/list?last={last}&n=5")
        assert (answer.status_code, set(answer.json()["tags"]) <= {"v1"}) == (200, True)

    def test_lists_hold_nothing_of_projects_without_a_role(self, editor, secret):
        editor.push_image(REPOSITORY, "v1", b"layer")
        assert secret
        token = editor.token("registry:catalog:*")
        assert editor.call("GET", "/v2/_catalog", token=token).json() == {"repositories": [REPOSITORY]}


class TestT12Documents:
    def test_children_without_number_are_refused_in_one_answer(self, editor):
        editor.push_blob(REPOSITORY, b"{}")
        entries = [
            {"mediaType": OCI_MANIFEST, "digest": f"sha256:{number:064x}", "size": 1}
            for number in range(30_000)
        ]
        data = json.dumps({"schemaVersion": 2, "manifests": entries}, separators=(",", ":")).encode()
        assert len(data) < 4 * 1024 * 1024 + 2**20
        answer = editor.put_manifest(REPOSITORY, "v1", data[: 4 * 1024 * 1024], OCI_INDEX)
        assert answer.status_code == 400

    def test_document_that_is_two_things_is_refused(self, editor):
        config = editor.push_blob(REPOSITORY, b"{}")
        document = {"schemaVersion": 2, "config": config, "layers": [], "manifests": []}
        for media_type in (OCI_MANIFEST, OCI_INDEX):
            assert editor.put_manifest(REPOSITORY, "v1", document, media_type).status_code == 400

    def test_layers_are_never_unpacked(self, editor):
        import gzip

        bomb = gzip.compress(b"\0" * 50_000_000)
        editor.push_image(REPOSITORY, "v1", bomb)
        assert editor.get(f"{PATH}/blobs/{digest_of(bomb)}").content == bomb


class TestT13Names:
    @pytest.mark.parametrize(
        "name",
        [
            "my-project/..",
            "my-project/../other-project/app",
            "my-project/%2e%2e/app",
            "my-project/a%2fb",
            "my-project/a%00b",
            "my-project/" + "a" * 300,
            "my-project/CON",
            "my-project/a:b",
            "my-project/%C3%A9",
            "my-project/a\\b",
            "my-project//app",
        ],
    )
    def test_invalid_name_reaches_no_file(self, editor, name):
        editor.push_blob(REPOSITORY, b"x" * 100_000)
        for method, tail in (
            ("GET", "tags/list"),
            ("POST", "blobs/uploads/"),
            ("GET", f"blobs/{digest_of(b'')}"),
        ):
            # The URL is set after its preparation, in which requests would remove the dots.
            prepared = requests.Request(method, editor.url, auth=editor.auth).prepare()
            prepared.url = f"{editor.url}/v2/{name}/{tail}"
            assert outcome(editor.session.send(prepared))[0] in (400, 404)

    @pytest.mark.sqlite("the file of a blob")
    def test_link_in_the_data_directory_is_not_followed_out_of_a_blob(self, tmp_path, editor_of):
        (tmp_path / "outside").write_bytes(b"secret of this machine")
        data = b"x" * 100_000
        with serve(Settings(port=0, data=tmp_path / "data")) as ready:
            editor = editor_of(ready.url)
            editor.push_blob(REPOSITORY, data)
            (path,) = (tmp_path / "data").glob("pieces/*/*")
            path.unlink()
            path.symlink_to(tmp_path / "outside")
            answer = editor.get(f"{PATH}/blobs/{digest_of(data)}")
        assert answer.status_code == 500
        assert b"secret" not in answer.content
