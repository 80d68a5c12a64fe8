"""Checks 1 to 11 and 19 to 22 of Container Registry: challenges, and credentials at the token endpoint.

Check 18 is in test_disabled_api.py.
"""

import base64
from datetime import datetime, timezone

import pytest
from support.backing_services import serve
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.settings import Settings

PULL, PUSH = "repository:my-project/app:pull", "repository:my-project/app:push,pull"
BUCKET = "artifacts.my-project.appspot.com"
UNAUTHORIZED = {"errors": [{"code": "UNAUTHORIZED", "message": "Unauthorized access."}]}
NEEDED_PERMISSIONS = {
    "errors": [
        {
            "code": "UNAUTHORIZED",
            "message": "You don't have the needed permissions to perform this operation, and you may have "
            "invalid credentials. To authenticate your request, follow the steps in: "
            "https://cloud.google.com/container-registry/docs/advanced-authentication",
        }
    ]
}
TOKEN_USERS = [
    "oauth2accesstoken",
    "_token",
    "_dcgcloud_token",
    "_dcgcr_2_1_22_token",
    "_dcgcr_0_0_0_token",
    "gclouddockertoken",
]


@pytest.fixture(scope="module")
def with_tls():
    with serve(Settings(port=0, tls=True)) as ready:
        yield ready


@pytest.fixture
def secure(with_tls):
    """Pings a host over TLS."""

    def ping(host):
        return RegistryClient(with_tls.url, host=host).call("GET", "/v2/", verify=with_tls.ca)

    return ping


def told(answer):
    return answer.status_code, answer.json()


def test_check_01_ping_is_challenged_byte_for_byte(secure):
    answer = secure("gcr.io")
    shown = {
        "WWW-Authenticate": 'Bearer realm="https://gcr.io/v2/token",service="gcr.io"',
        "Docker-Distribution-API-Version": "registry/2.0",
        "Content-Type": "application/json",
        "Server": "Docker Registry",
    }
    assert (answer.status_code, {name: answer.headers[name] for name in shown}, answer.content) == (
        401,
        shown,
        b'{"errors":[{"code":"UNAUTHORIZED","message":"Unauthorized access."}]}',
    )


@pytest.mark.parametrize("host", ["us.gcr.io", "eu.gcr.io", "asia.gcr.io"])
def test_check_02_realm_and_service_carry_the_host(secure, host):
    answer = secure(host)
    challenge = f'Bearer realm="https://{host}/v2/token",service="{host}"'
    assert (*told(answer), answer.headers["WWW-Authenticate"]) == (401, UNAUTHORIZED, challenge)


def test_check_03_a_private_image_is_challenged_with_its_scope(registry, editor):
    editor.push_image("my-project/app", "v1", b"layer")
    answer = registry.call("GET", "/v2/my-project/app/manifests/v1")
    challenge = f'Bearer realm="http://gcr.io/v2/token",service="gcr.io",scope="{PULL}"'
    assert (*told(answer), answer.headers["WWW-Authenticate"]) == (401, UNAUTHORIZED, challenge)


def test_check_04_anyone_gets_a_token_for_a_public_bucket(gcr_emulator, registry, editor, share_bucket):
    digest = editor.push_image("my-project/pub", "v1", b"layer")
    share_bucket(BUCKET, "roles/storage.objectViewer", "allUsers")
    gcr_emulator.clock.set(1_800_000_000.25)
    answer = registry.ask_token("repository:my-project/pub:pull", query="service=gcr.io")
    token = answer.json()["token"]
    issued_at = datetime.fromtimestamp(1_800_000_000.25, timezone.utc).isoformat(timespec="microseconds")
    assert told(answer) == (
        200,
        {"token": token, "access_token": token, "expires_in": 43200, "issued_at": issued_at},
    )
    pulled = registry.call("GET", "/v2/my-project/pub/manifests/v1", token=token)
    assert (pulled.status_code, pulled.headers["Docker-Content-Digest"]) == (200, digest)


def test_check_05_an_anonymous_client_gets_no_token_for_a_private_bucket(registry, editor):
    editor.push_image("my-project/app", "v1", b"layer")
    assert told(registry.ask_token(PULL, query="service=gcr.io")) == (401, NEEDED_PERMISSIONS)


def test_check_06_an_anonymous_client_gets_no_push_token_for_a_public_bucket(registry, editor, share_bucket):
    editor.push_image("my-project/pub", "v1", b"layer")
    share_bucket(BUCKET, "roles/storage.objectViewer", "allUsers")
    answer = registry.ask_token("repository:my-project/pub:push,pull", query="service=gcr.io")
    assert told(answer) == (401, NEEDED_PERMISSIONS)


@pytest.mark.parametrize("user", TOKEN_USERS)
def test_check_07_each_token_user_trades_an_access_token(registry, account, user):
    token = registry.token(PULL, auth=(user, account.access_token()))
    assert registry.call("GET", "/v2/", token=token).status_code == 200


def test_check_08_a_key_file_is_traded_raw_and_in_base64(registry, account, make_account, other_private_key):
    encoded = base64.b64encode(account.key_file.encode()).decode()
    for auth in (
        account.basic,
        ("_json_key_base64", encoded),
        ("_json_key_base64", f"{encoded}\n"),
    ):
        assert registry.ask_token(PUSH, auth=auth).status_code == 200
    other = make_account(account="other")
    for changes in (
        {"private_key": other_private_key},
        {"private_key_id": "0" * 40},
        {"private_key_id": other.document["private_key_id"]},
        {"client_email": other.document["client_email"]},
    ):
        forged = type(account)(registry.url, {**account.document, **changes})
        assert told(registry.ask_token(PUSH, auth=forged.basic)) == (401, NEEDED_PERMISSIONS)


def test_check_09_garbage_and_unknown_users_are_refused(registry, account):
    for auth in (
        ("_token", "garbage"),
        ("_token", ""),
        ("unknown", account.access_token()),
        ("", account.access_token()),
        ("_dcgcr_x_token", account.access_token()),
    ):
        assert told(registry.ask_token(PULL, auth=auth)) == (401, NEEDED_PERMISSIONS)


def test_check_10_a_self_signed_jwt_stands_for_an_access_token(
    registry, account, make_account, other_private_key
):
    user = "_dcgcr_0_0_0_token"
    assert registry.ask_token(PUSH, auth=(user, account.sign())).status_code == 200
    other = make_account(account="other")
    for refused in (
        account.sign(iat=1_700_000_000, exp=1_700_003_600),
        account.sign(kid="0" * 40),
        account.sign(key=other_private_key),
        account.sign(kid=other.document["private_key_id"]),
    ):
        assert told(registry.ask_token(PUSH, auth=(user, refused))) == (401, NEEDED_PERMISSIONS)


def test_check_11_an_access_token_goes_as_bearer_as_terraform_sends_it(registry, account, find_bucket):
    answer = registry.ask_token(PUSH, query="service=gcr.io", token=account.access_token())
    assert (answer.status_code, find_bucket(BUCKET)) == (200, True)


def test_check_19_an_access_token_goes_directly_on_api_paths(registry, editor, account):
    editor.push_image("my-project/app", "v1", b"layer")
    token = account.access_token()
    for options in ({"auth": ("_token", token)}, {"token": token}, {"token": account.sign()}):
        answer = registry.call("GET", "/v2/my-project/app/tags/list", **options)
        assert (answer.status_code, answer.json()["tags"]) == (200, ["v1"])


def test_check_20_an_expired_token_is_challenged_again(gcr_emulator, registry, editor, account):
    editor.push_image("my-project/app", "v1", b"layer")
    token = registry.token(PULL, auth=account.basic)
    gcr_emulator.clock.shift(301)
    path = "/v2/my-project/app/manifests/v1"
    answer = registry.call("GET", path, token=token)
    challenge = f'Bearer realm="http://gcr.io/v2/token",service="gcr.io",scope="{PULL}"'
    assert (*told(answer), answer.headers["WWW-Authenticate"]) == (401, UNAUTHORIZED, challenge)
    # gcloud refreshes once and continues.
    assert registry.call("GET", path, token=registry.token(PULL, auth=account.basic)).status_code == 200


def test_check_21_post_is_not_found_so_that_clients_fall_back_to_get(registry, account):
    form = {"grant_type": "password", "service": "gcr.io", "client_id": "docker", "scope": PULL}
    answer = registry.call("POST", "/v2/token", data=form, auth=account.basic)
    message = "this registry has no POST /v2/token"
    assert told(answer) == (404, {"errors": [{"code": "UNSUPPORTED", "message": message}]})


def test_check_22_a_push_token_is_for_its_host_alone(registry, account, find_bucket):
    us = registry.at("us.gcr.io")
    token = us.token(PUSH, auth=account.basic)
    assert (find_bucket(f"us.{BUCKET}"), find_bucket(BUCKET)) == (True, False)
    uploads = "/v2/my-project/app/blobs/uploads/"
    assert us.call("POST", uploads, token=token).status_code == 202
    for host in ("gcr.io", "eu.gcr.io", "asia.gcr.io"):
        for method, path in (("POST", uploads), ("GET", "/v2/")):
            assert told(registry.at(host).call(method, path, token=token)) == (401, UNAUTHORIZED)
    assert registry.at("localhost").call("POST", uploads, token=token).status_code == 401
    assert find_bucket(BUCKET) is False
