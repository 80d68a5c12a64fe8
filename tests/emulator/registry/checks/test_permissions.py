"""Checks 12 to 17 of Container Registry: the permissions behind a registry token."""

import pytest

READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
READ_WRITE = "https://www.googleapis.com/auth/devstorage.read_write"
APP, OTHER = "my-project/app", "my-project/source"
PULL, PUSH = f"repository:{APP}:pull", f"repository:{APP}:push,pull"
BUCKET = "artifacts.my-project.appspot.com"


def exchange_failed(permission):
    message = (
        f"Token exchange failed for project 'my-project'. Caller does not have permission '{permission}'. To "
        "configure permissions, follow instructions at: "
        "https://cloud.google.com/container-registry/docs/access-control"
    )
    return 403, {"errors": [{"code": "DENIED", "message": message}]}


def told(answer):
    return answer.status_code, answer.json()


def test_check_12_docker_login_asks_without_a_scope_and_pings(registry, account):
    query = "account=oauth2accesstoken&client_id=docker&offline_token=true&service=gcr.io"
    answer = registry.ask_token(query=query, auth=("oauth2accesstoken", account.access_token()))
    token = answer.json()["token"]
    assert (answer.status_code, set(answer.json())) == (
        200,
        {"token", "access_token", "expires_in", "issued_at"},
    )
    assert told(registry.call("GET", "/v2/", token=token)) == (200, {})


def test_check_13_two_scopes_make_one_token_for_both(registry, editor, account):
    editor.push_image(OTHER, "v1", b"layer")
    token = registry.token(PUSH, f"repository:{OTHER}:pull", auth=account.basic)
    assert registry.call("GET", f"/v2/{OTHER}/manifests/v1", token=token).status_code == 200
    assert registry.call("POST", f"/v2/{APP}/blobs/uploads/", token=token).status_code == 202
    # Each scope with its actions.
    assert registry.call("POST", f"/v2/{OTHER}/blobs/uploads/", token=token).status_code == 401


@pytest.mark.parametrize(
    ("role", "actions", "opened"),
    [
        ("roles/editor", "*", {"pull", "push", "delete"}),
        ("roles/editor", "push,pull,delete", {"pull", "push", "delete"}),
        ("roles/editor", "delete", {"delete"}),
        ("roles/viewer", "*", {"pull"}),
        ("roles/viewer", "pull,delete", {"pull"}),
        ("roles/storage.objectUser", "*", {"pull", "delete"}),
    ],
)
def test_check_14_star_and_delete_grant_what_the_caller_may(
    registry, editor, make_account, role, actions, opened
):
    editor.push_image(APP, "v1", b"layer")
    caller = make_account(role, account="caller")
    token = registry.token(f"repository:{APP}:{actions}", auth=caller.basic)
    requests = {
        "pull": ("GET", f"/v2/{APP}/manifests/v1"),
        "push": ("POST", f"/v2/{APP}/blobs/uploads/"),
        "delete": ("DELETE", f"/v2/{APP}/manifests/v1"),
    }
    answers = {action: registry.call(*asked, token=token).status_code for action, asked in requests.items()}
    assert {action for action, status in answers.items() if status != 401} == opened


def test_check_15_an_access_token_for_reading_pushes_nothing(registry, editor, account):
    editor.push_image(APP, "v1", b"layer")
    token = account.access_token(READ_ONLY)
    # The scope includes storage.buckets.get, so the first write permission is missing.
    answer = registry.ask_token(PUSH, token=token)
    assert told(answer) == exchange_failed("storage.objects.create")
    assert registry.ask_token(PULL, token=token).status_code == 200
    both = account.access_token(f"{READ_ONLY} {READ_WRITE}")
    assert registry.ask_token(PUSH, token=both).status_code == 200
    uploads = registry.call("POST", f"/v2/{APP}/blobs/uploads/", token=token)
    denied = {"errors": [{"code": "DENIED", "message": "Access denied."}]}
    assert told(uploads) == (403, denied)


def test_check_16_who_has_no_role_is_told_the_first_permission(registry, editor, make_account):
    editor.push_image(APP, "v1", b"layer")
    stranger = make_account(None, account="stranger")
    for auth in (stranger.basic, ("_token", stranger.access_token())):
        assert told(registry.ask_token(PUSH, auth=auth)) == exchange_failed("storage.buckets.get")


def test_check_17_a_push_needs_the_bucket_and_the_first_makes_it(
    gcr_emulator, registry, make_account, find_bucket, share_bucket
):
    admin = make_account("roles/storage.admin", account="admin")
    objects = make_account("roles/storage.objectAdmin", account="objects")
    writer = make_account("roles/storage.bucketViewer", account="writer")
    gcr_emulator.grant("roles/storage.objectAdmin", writer.member)
    assert told(registry.ask_token(PUSH, auth=objects.basic)) == exchange_failed("storage.buckets.get")
    # Before the first push a member without the permission to create the bucket cannot push.
    assert told(registry.ask_token(PUSH, auth=writer.basic)) == exchange_failed("storage.buckets.create")
    assert find_bucket(BUCKET) is False

    assert registry.ask_token(PUSH, auth=admin.basic).status_code == 200
    assert find_bucket(BUCKET) is True

    assert told(registry.ask_token(PUSH, auth=objects.basic)) == exchange_failed("storage.buckets.get")
    legacy = make_account(None, account="legacy")
    share_bucket(BUCKET, "roles/storage.legacyBucketWriter", legacy.member)
    token = registry.token(PUSH, auth=legacy.basic)
    assert registry.call("POST", f"/v2/{APP}/blobs/uploads/", token=token).status_code == 202
    # A role on one host's bucket gives no permission on another host's.
    answer = registry.at("us.gcr.io").ask_token(PUSH, auth=legacy.basic)
    assert told(answer) == exchange_failed("storage.buckets.get")
