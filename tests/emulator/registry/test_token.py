"""Token endpoint: which credentials get a token, what the token allows, and the refusals."""

from datetime import datetime, timezone

import pytest

NEEDED_PERMISSIONS = (
    "You don't have the needed permissions to perform this operation, and you may have invalid "
    "credentials. To authenticate your request, follow the steps in: "
    "https://cloud.google.com/container-registry/docs/advanced-authentication"
)


def refusal(code, message):
    return {"errors": [{"code": code, "message": message}]}


def exchange_failed(permission, project="my-project"):
    return refusal(
        "DENIED",
        f"Token exchange failed for project '{project}'. Caller does not have permission '{permission}'. "
        "To configure permissions, follow instructions at: "
        "https://cloud.google.com/container-registry/docs/access-control",
    )


def test_ping_without_credential_is_challenged_byte_for_byte(gcr_emulator, anonymous):
    answer = anonymous.session.get(f"{gcr_emulator.url}/v2/")
    registry = gcr_emulator.registry
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="http://{registry}/v2/token",service="{registry}"'
    )
    assert answer.headers["Docker-Distribution-API-Version"] == "registry/2.0"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.content == b'{"errors":[{"code":"UNAUTHORIZED","message":"Unauthorized access."}]}'


@pytest.mark.parametrize("host", ["gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io"])
def test_realm_and_service_carry_the_host_as_received(gcr_emulator, anonymous, host):
    answer = anonymous.session.get(f"{gcr_emulator.url}/v2/", headers={"Host": host})
    assert answer.headers["WWW-Authenticate"] == f'Bearer realm="http://{host}/v2/token",service="{host}"'


def test_repository_without_credential_is_challenged_with_its_scope(gcr_emulator, anonymous):
    answer = anonymous.session.get(f"{gcr_emulator.url}/v2/my-project/app/manifests/v1")
    registry = gcr_emulator.registry
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (
        401,
        f'Bearer realm="http://{registry}/v2/token",service="{registry}",scope="repository:my-project/app:pull"',
    )


def test_token_is_for_five_minutes_from_now(gcr_emulator, editor):
    gcr_emulator.clock.set(1_800_000_000)
    document = editor.ask_token("repository:my-project/app:pull,push").json()
    token = document["token"]
    assert document == {
        "token": token,
        "access_token": token,
        "expires_in": 300,
        "issued_at": datetime.fromtimestamp(1_800_000_000, timezone.utc).isoformat(timespec="microseconds"),
    }


def test_token_without_scope_opens_the_ping_and_nothing_else(editor):
    token = editor.token()
    assert editor.call("GET", "/v2/", token=token).status_code == 200
    assert editor.call("GET", "/v2/my-project/app/tags/list", token=token).status_code == 401


def test_token_expires_by_the_emulators_clock(gcr_emulator, editor):
    editor.push_image("my-project/app", "v1", b"layer")
    token = editor.token("repository:my-project/app:pull")
    gcr_emulator.clock.shift(301)
    answer = editor.call("GET", "/v2/my-project/app/manifests/v1", token=token)
    assert answer.status_code == 401
    assert "realm=" in answer.headers["WWW-Authenticate"]
    assert editor.get("/v2/my-project/app/manifests/v1").status_code == 200


def test_token_is_for_its_repositories_only(editor):
    editor.push_image("my-project/app", "v1", b"layer")
    token = editor.token("repository:my-project/other:pull")
    assert editor.call("GET", "/v2/my-project/app/manifests/v1", token=token).status_code == 401


def test_pull_token_does_not_push(editor):
    token = editor.token("repository:my-project/app:pull")
    answer = editor.call("POST", "/v2/my-project/app/blobs/uploads/", token=token)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].endswith('scope="repository:my-project/app:push,pull"')


def test_token_of_one_site_is_invalid_at_another(editor):
    token = editor.ask_token("repository:my-project/app:pull,push", host="eu.gcr.io").json()["token"]
    path = "/v2/my-project/app/blobs/uploads/"
    there = editor.call("POST", path, token=token, headers={"Host": "eu.gcr.io"})
    elsewhere = editor.call("POST", path, token=token, headers={"Host": "gcr.io"})
    assert (there.status_code, elsewhere.status_code) == (202, 401)
    ping = editor.call("GET", "/v2/", token=token, headers={"Host": "gcr.io"})
    assert ping.status_code == 401


def test_token_is_the_same_however_loopback_is_spelled(gcr_emulator, editor):
    port = gcr_emulator.registry.rpartition(":")[2]
    editor.push_image("my-project/app", "v1", b"layer")
    token = editor.token("repository:my-project/app:pull")
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"gcr.io.localhost:{port}"):
        answer = editor.call("GET", "/v2/my-project/app/manifests/v1", token=token, headers={"Host": host})
        assert answer.status_code == 200, host


def test_two_scopes_give_one_token_for_both(editor):
    editor.push_image("my-project/source", "v1", b"layer")
    token = editor.token("repository:my-project/app:push,pull", "repository:my-project/source:pull")
    assert editor.call("GET", "/v2/my-project/source/manifests/v1", token=token).status_code == 200
    assert editor.call("POST", "/v2/my-project/app/blobs/uploads/", token=token).status_code == 202


def test_first_push_makes_the_bucket_at_the_exchange(gcr_emulator, connect):
    writer = connect("roles/storage.objectAdmin", account="writer")
    gcr_emulator.grant(
        "roles/storage.bucketViewer", "serviceAccount:writer@my-project.iam.gserviceaccount.com"
    )
    first = writer.ask_token("repository:my-project/app:push,pull")
    assert (first.status_code, first.json()) == (403, exchange_failed("storage.buckets.create"))
    connect("roles/storage.admin", account="admin").token("repository:my-project/app:push,pull")
    assert writer.ask_token("repository:my-project/app:push,pull").status_code == 200
    elsewhere = writer.ask_token("repository:my-project/app:push,pull", host="us.gcr.io")
    assert elsewhere.json() == exchange_failed("storage.buckets.create")


@pytest.mark.parametrize(
    ("role", "permission"),
    [
        (None, "storage.buckets.get"),
        ("roles/viewer", "storage.buckets.get"),
        ("roles/storage.objectViewer", "storage.buckets.get"),
        ("roles/storage.objectAdmin", "storage.buckets.get"),
    ],
)
def test_push_without_the_right_names_the_permission(editor, connect, role, permission):
    editor.push_image("my-project/app", "v1", b"layer")
    answer = connect(role, account="other").ask_token("repository:my-project/app:push,pull")
    assert (answer.status_code, answer.json()) == (403, exchange_failed(permission))


@pytest.mark.parametrize("role", ["roles/owner", "roles/editor", "roles/storage.admin"])
def test_owner_editor_and_storage_admin_push_and_pull(connect, role):
    client = connect(role)
    digest = client.push_image("my-project/app", "v1", b"layer")
    assert client.get("/v2/my-project/app/manifests/v1").headers["Docker-Content-Digest"] == digest


@pytest.mark.parametrize("role", ["roles/viewer", "roles/storage.objectViewer"])
def test_viewer_pulls(editor, connect, role):
    digest = editor.push_image("my-project/app", "v1", b"layer")
    answer = connect(role, account="other").get("/v2/my-project/app/manifests/v1")
    assert (answer.status_code, answer.headers["Docker-Content-Digest"]) == (200, digest)


def test_stranger_pulls_nothing_and_is_denied(editor, stranger):
    editor.push_image("my-project/app", "v1", b"layer")
    answer = stranger.ask_token("repository:my-project/app:pull")
    assert (answer.status_code, answer.json()) == (403, refusal("DENIED", "Access denied."))


@pytest.mark.parametrize("actions", ["pull", "push,pull", "*", "delete"])
def test_anonymous_gets_nothing(editor, anonymous, actions):
    editor.push_image("my-project/app", "v1", b"layer")
    answer = anonymous.ask_token(f"repository:my-project/app:{actions}")
    assert (answer.status_code, answer.json()) == (401, refusal("UNAUTHORIZED", NEEDED_PERMISSIONS))


def test_unknown_project_and_forbidden_one_are_told_alike(editor):
    unknown = editor.ask_token("repository:no-such-project/app:push,pull")
    expected = exchange_failed("storage.buckets.get", "no-such-project")
    expected["errors"][0]["message"] += (
        " If there is no such project, create it with: "
        f"gcr-emulator project create --server {editor.url} no-such-project"
    )
    assert (unknown.status_code, unknown.json()) == (403, expected)


def test_star_and_delete_are_narrowed_to_what_the_caller_may(editor, viewer):
    digest = editor.push_image("my-project/app", "v1", b"layer")
    for actions in ("*", "pull,delete"):
        token = viewer.token(f"repository:my-project/app:{actions}")
        assert viewer.call("GET", f"/v2/my-project/app/manifests/{digest}", token=token).status_code == 200
        removed = viewer.call("DELETE", "/v2/my-project/app/manifests/v1", token=token)
        assert removed.status_code == 401
    token = editor.token("repository:my-project/app:*")
    assert editor.call("DELETE", "/v2/my-project/app/manifests/v1", token=token).status_code == 202


def test_public_project_is_pulled_but_not_pushed_anonymously(gcr_emulator, editor, anonymous):
    editor.push_image("my-project/app", "v1", b"layer")
    gcr_emulator.grant("roles/storage.objectViewer", "allUsers")
    document = anonymous.ask_token("repository:my-project/app:pull").json()
    assert document["expires_in"] == 43200
    answer = anonymous.call("GET", "/v2/my-project/app/manifests/v1", token=document["token"])
    assert answer.status_code == 200
    assert anonymous.ask_token("repository:my-project/app:push,pull").status_code == 401


def test_revoked_key_stops_at_once(gcr_emulator, editor):
    editor.push_image("my-project/app", "v1", b"layer")
    token = editor.token("repository:my-project/app:pull")
    account = (
        f"{gcr_emulator.url}/v1/projects/my-project/serviceAccounts/editor@my-project.iam.gserviceaccount.com"
    )
    editor.session.delete(account).raise_for_status()
    assert editor.call("GET", "/v2/my-project/app/manifests/v1", token=token).status_code == 401
    assert editor.ask_token("repository:my-project/app:pull").json() == refusal(
        "UNAUTHORIZED", NEEDED_PERMISSIONS
    )


def test_key_goes_directly_on_api_paths(editor):
    editor.push_image("my-project/app", "v1", b"layer")
    answer = editor.session.get(f"{editor.url}/v2/my-project/app/tags/list", auth=editor.auth)
    assert (answer.status_code, answer.json()["tags"]) == (200, ["v1"])


def test_post_is_not_found_so_that_clients_fall_back_to_get(editor):
    answer = editor.session.post(f"{editor.url}/v2/token", data={"grant_type": "password"})
    assert (answer.status_code, answer.json()) == (
        404,
        refusal("UNSUPPORTED", "this registry has no POST /v2/token"),
    )
