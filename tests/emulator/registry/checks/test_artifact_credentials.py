"""Checks 22 to 28, 32, 33 and 39 of Artifact Registry: challenges, tokens and permissions."""

import pytest
from support.backing_services import serve
from support.images import digest_of
from support.registry_client import RegistryClient

from docker_credential_gcr.emulator.identity.roles import ROLES
from docker_credential_gcr.emulator.settings import Settings

APP = "my-project/r/app"
PULL, PUSH = f"repository:{APP}:pull", f"repository:{APP}:push,pull"
R = "projects/my-project/locations/us/repositories/r"
MANIFEST, UPLOADS = f"/v2/{APP}/manifests/v1", f"/v2/{APP}/blobs/uploads/"
DIGEST = digest_of(b"absent")


def error(code, message):
    return {"errors": [{"code": code, "message": message}]}


def told(answer):
    """Returns the status, the challenge and the document of a response."""
    return answer.status_code, answer.headers.get("WWW-Authenticate"), answer.json()


def denied(verb, *, is_anonymous=False, name=R):
    permission = f'"artifactregistry.repositories.{verb}"'
    where = f'resource "{name}" (or it may not exist)'
    if is_anonymous:
        lead = "Unauthenticated request. Unauthenticated requests do not have permission"
        return 403, None, error("DENIED", f"{lead} {permission} on {where}")
    return 403, None, error("DENIED", f"Permission {permission} denied on {where}")


NO_CREDENTIAL = error("UNAUTHORIZED", "not authenticated: No valid credential was supplied.")


@pytest.fixture(scope="module")
def secure():
    """Pings a host over TLS."""
    with serve(Settings(port=0, tls=True)) as ready:
        yield lambda host, path: RegistryClient(ready.url, host=host).call("GET", path, verify=ready.ca)


@pytest.mark.parametrize("path", ["/v2/", "/v2/_catalog"])
def test_a22_the_site_is_challenged_with_its_realm_alone(secure, path):
    answer = secure("us-docker.pkg.dev", path)

    shown = {
        "WWW-Authenticate": 'Bearer realm="https://us-docker.pkg.dev/v2/token"',
        "Docker-Distribution-API-Version": "registry/2.0",
        "Content-Type": "application/json",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "X-XSS-Protection": "0",
    }
    text = (
        b'{"errors":[{"code":"UNAUTHORIZED","message":"not authenticated: No credential was supplied."}]}\n'
    )
    assert (answer.status_code, {name: answer.headers[name] for name in shown}, answer.content) == (
        401,
        shown,
        text,
    )


def test_a22_any_credential_gets_an_empty_page(artifacts, guest, account):
    credentials = [
        {"token": artifacts.token()},
        {"token": artifacts.token(PULL)},
        {"token": guest.token()},
        {"token": account.access_token()},
        {"auth": account.basic},
    ]
    for credential in credentials:
        answer = guest.call("GET", "/v2/", **credential)
        shown = answer.status_code, answer.headers["Content-Type"], answer.content
        assert shown == (200, "text/html; charset=UTF-8", b"")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", f"/v2/{APP}/manifests/v1", "my-project/r/app:pull"),
        ("HEAD", f"/v2/{APP}/manifests/v1", "my-project/r/app:pull"),
        ("GET", f"/v2/{APP}/blobs/{DIGEST}", "my-project/r/app:pull"),
        ("HEAD", f"/v2/{APP}/blobs/{DIGEST}", "my-project/r/app:pull"),
        ("GET", f"/v2/{APP}/tags/list", "my-project/r/app:pull"),
        ("GET", f"/v2/{APP}/referrers/{DIGEST}", "my-project/r/app:pull"),
        ("GET", "/v2/my-project/r/tags/list", "my-project/r/pkg:pull"),
        ("GET", "/v2/my-project/r/manifests/v1", "my-project/r/pkg:pull"),
        ("GET", "/v2/no-project/none/app/manifests/v1", "no-project/none/app:pull"),
    ],
)
def test_a23_a_read_is_challenged_with_service_and_scope(guest, method, path, scope):
    answer = guest.call(method, path)

    realm = "http://us-docker.pkg.dev/v2/token"
    challenge = f'Bearer realm="{realm}",service="us-docker.pkg.dev",scope="repository:{scope}"'
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge)
    assert answer.headers["Content-Length"] == "102"
    if method == "GET":
        assert (answer.json(), answer.content[-1:]) == (NO_CREDENTIAL, b"\n")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", UPLOADS),
        ("PATCH", f"{UPLOADS}x"),
        ("PUT", f"{UPLOADS}x"),
        ("DELETE", f"{UPLOADS}x"),
        ("PUT", MANIFEST),
        ("DELETE", MANIFEST),
        ("DELETE", f"/v2/{APP}/blobs/{DIGEST}"),
    ],
)
def test_a24_a_write_is_challenged_for_pull_and_push(guest, method, path):
    scope = 'service="us-docker.pkg.dev",scope="repository:my-project/r/app:pull,push"'
    challenge = f'Bearer realm="http://us-docker.pkg.dev/v2/token",{scope}'
    assert told(guest.call(method, path)) == (401, challenge, NO_CREDENTIAL)


@pytest.mark.parametrize(
    "authorization",
    ["Bearer garbage", "Basic garbage", "Basic eDp5", "Digest x", "Bearer", ""],
)
def test_a25_a_bad_credential_gets_no_challenge(make_repository, guest, authorization):
    make_repository("pub", is_public=True)
    headers = {"Authorization": authorization}
    refused = (401, None, error("UNAUTHORIZED", "No valid credential was supplied."))

    for path in ("/v2/", "/v2/_catalog", MANIFEST, "/v2/my-project/pub/app/tags/list"):
        assert told(guest.call("GET", path, headers=headers)) == refused


def test_a25_an_expired_token_and_one_of_another_host_are_bad_too(artifacts, gcr_emulator):
    token, europe = artifacts.token(PULL), "europe-docker.pkg.dev"
    refused = (401, None, error("UNAUTHORIZED", "No valid credential was supplied."))
    for path in ("/v2/", MANIFEST):
        assert told(artifacts.at(europe).call("GET", path, token=token)) == refused
    assert artifacts.call("GET", "/v2/", token=token).status_code == 200
    gcr_emulator.clock.shift(43200)
    for path in ("/v2/", MANIFEST):
        assert told(artifacts.call("GET", path, token=token)) == refused


@pytest.mark.parametrize("scopes", [[], ["registry:catalog:*"], [PULL], [PUSH], [f"repository:{APP}:*"]])
def test_a26_a_token_is_answered_with_its_life_alone(account, guest, scopes):
    credentials = [{"auth": account.basic}, {"token": account.access_token()}]
    if not scopes or scopes == ["registry:catalog:*"]:
        credentials.append({})

    for credential in credentials:
        answer = guest.ask_token(*scopes, **credential)
        token = answer.json()["token"]
        assert told(answer) == (200, None, {"token": token, "expires_in": 43200})
        assert guest.call("GET", "/v2/", token=token).status_code == 200


def test_a26_a_post_is_not_allowed(guest, account):
    form = {"grant_type": "password", "service": "us-docker.pkg.dev", "scope": PULL}
    answer = guest.call("POST", "/v2/token", data=form, auth=account.basic)

    assert (*told(answer), answer.headers["Allow"]) == (
        405,
        None,
        error("UNSUPPORTED", "POST /v2/token is not allowed: use GET"),
        "GET, HEAD",
    )


@pytest.mark.parametrize("scopes", [[], [PULL], [PUSH], ["repository:my-project/pub/app:pull"]])
def test_a26_a_bad_credential_fails_the_exchange(make_repository, guest, scopes):
    make_repository("pub", is_public=True)
    for options in (
        {"auth": ("oauth2accesstoken", "garbage")},
        {"auth": ("_json_key", "{}")},
        {"auth": ("unknown", "x")},
        {"token": "garbage"},
    ):
        answer = guest.ask_token(*scopes, **options)
        assert told(answer) == (401, None, error("UNAUTHORIZED", "authentication failed"))


@pytest.mark.parametrize(
    ("actions", "verb"),
    [
        ("pull", "downloadArtifacts"),
        ("delete", "downloadArtifacts"),
        ("*", "downloadArtifacts"),
        ("push", "uploadArtifacts"),
        ("push,pull", "uploadArtifacts"),
    ],
)
@pytest.mark.parametrize("name", ["my-project/r", "my-project/none", "no-project/none"])
def test_a27_an_anonymous_client_gets_no_token_for_a_private_repository(guest, name, actions, verb):
    project, repository = name.split("/")
    resource = f"projects/{project}/locations/us/repositories/{repository}"

    answer = guest.ask_token(f"repository:{name}/app:{actions}")

    assert told(answer) == denied(verb, is_anonymous=True, name=resource)


def test_a27_a_public_repository_is_pulled_with_and_without_a_token(artifacts, make_repository, guest):
    make_repository("pub", is_public=True)
    digest = artifacts.push_image("my-project/pub/app", "v1", b"layer")
    path, scope = "/v2/my-project/pub/app/manifests/v1", "repository:my-project/pub/app"

    tokens = [guest.token(f"{scope}:pull"), guest.token(), guest.token(f"{scope}:delete"), None]
    pulled = [guest.call("GET", path, token=token) for token in tokens]

    assert [(answer.status_code, answer.headers["Docker-Content-Digest"]) for answer in pulled] == [
        (200, digest)
    ] * 4
    name = R.removesuffix("r") + "pub"
    refused = denied("uploadArtifacts", is_anonymous=True, name=name)
    assert told(guest.ask_token(f"{scope}:push,pull")) == refused
    assert told(guest.call("PUT", path, token=tokens[0])) == refused
    challenged = guest.call("PUT", path)
    assert (challenged.status_code, challenged.json()) == (401, NO_CREDENTIAL)


def test_a27_what_is_public_no_longer_is_challenged_again(artifacts, make_repository, call_api, guest):
    make_repository("pub", is_public=True)
    artifacts.push_image("my-project/pub/app", "v1", b"layer")
    path = "/v2/my-project/pub/app/manifests/v1"
    assert guest.call("GET", path).status_code == 200

    call_api("POST", "/v1/" + R.removesuffix("r") + "pub:setIamPolicy", {"policy": {"bindings": []}})

    assert guest.call("GET", path).status_code == 401
    assert artifacts.call("GET", path, token=artifacts.token()).status_code == 200


def test_a28_a_token_is_for_every_repository_of_its_host_that_the_caller_may_read(artifacts, make_repository):
    make_repository("b")
    digest = artifacts.push_image("my-project/b/app", "v1", b"layer")
    path = "/v2/my-project/b/app/manifests/v1"

    for scopes in ([PULL], ["repository:my-project/r/app:push"], [], ["registry:catalog:*"]):
        token = artifacts.token(*scopes)
        pulled = artifacts.call("GET", path, token=token)
        assert (pulled.status_code, pulled.headers["Docker-Content-Digest"]) == (200, digest)
        catalog = artifacts.call("GET", "/v2/_catalog", token=token)
        assert catalog.json() == {"repositories": ["my-project/b/app"]}


def test_a28_a_token_gives_no_more_than_the_caller_has(artifacts, make_account):
    artifacts.push_image(APP, "v1", b"layer")
    reader = make_account("roles/artifactregistry.reader", account="reader")
    token = artifacts.token(PULL, auth=reader.basic)

    answers = [artifacts.call(*asked, token=token) for asked in (("POST", UPLOADS), ("DELETE", MANIFEST))]

    assert list(map(told, answers)) == [denied("uploadArtifacts"), denied("deleteArtifacts")]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a32_who_may_learns_that_a_repository_is_missing(artifacts, make_account, method):
    path, scope = "/v2/my-project/x/app/blobs/", "repository:my-project/x/app:push,pull"
    path += DIGEST if method == "GET" else "uploads/"
    missing = artifacts.call(method, path, token=artifacts.token(scope))

    assert told(missing) == (404, None, error("NAME_UNKNOWN", 'Repository "x" not found'))
    stranger = make_account(None, account="stranger")
    name = R.removesuffix("r") + "x"
    assert told(artifacts.ask_token(scope, auth=stranger.basic)) == denied("uploadArtifacts", name=name)
    verb = "downloadArtifacts" if method == "GET" else "uploadArtifacts"
    refused = artifacts.call(method, path, auth=stranger.basic)
    assert told(refused) == denied(verb, name=name)


def test_a33_an_api_that_is_switched_off_is_said_to_be(artifacts, call_api, make_repository, guest):
    make_repository("pub", is_public=True)
    token = artifacts.token(PULL)
    call_api("POST", "/v1/projects/my-project/services/artifactregistry.googleapis.com:disable", {})

    answers = [
        artifacts.ask_token(PULL),
        artifacts.call("GET", MANIFEST, token=token),
        guest.call("GET", "/v2/my-project/pub/app/manifests/v1"),
    ]

    text = (
        "Artifact Registry API has not been used in project my-project before or it is disabled. Enable it "
        "by visiting https://console.developers.google.com/apis/api/artifactregistry.googleapis.com/overview"
        "?project=my-project then retry. If you enabled this API recently, wait a few minutes for the action "
        "to propagate to our systems and retry."
    )
    assert list(map(told, answers)) == [(403, None, error("DENIED", text))] * 3


def test_a39_the_head_of_a_blob_is_for_who_may_pull(artifacts, make_account):
    digest = artifacts.push_blob(APP, b"layer")["digest"]
    path = f"/v2/{APP}/blobs/{digest}"
    reader = make_account("roles/artifactregistry.reader", account="reader")
    stranger = make_account(None, account="stranger")

    for account, status in ((reader, 200), (stranger, 403)):
        answers = [artifacts.call(method, path, auth=account.basic) for method in ("HEAD", "GET")]
        assert [answer.status_code for answer in answers] == [status] * 2


def test_a39_the_head_of_a_blob_is_for_who_may_push_and_not_pull(monkeypatch, editor_of):
    # There are no custom roles: this one loses all other permissions.
    role = "roles/artifactregistry.writer"
    monkeypatch.setitem(ROLES, role, frozenset({"artifactregistry.repositories.uploadArtifacts"}))
    with serve(Settings(port=0, projects=("my-project",))) as ready:
        editor = editor_of(ready.url).at("us-docker.pkg.dev")
        policy = {"policy": {"bindings": [{"role": role, "members": ["allUsers"]}]}}
        places = f"/v1/{R.removesuffix('/r')}?repositoryId=r", f"/v1/{R}:setIamPolicy"
        for path, body in zip(places, ({"format": "DOCKER"}, policy), strict=True):
            editor.call("POST", path, json=body, host="localhost").raise_for_status()
        digest = editor.push_blob(APP, b"layer")["digest"]
        anyone = RegistryClient(ready.url, host=editor.host)
        token, path = anyone.token(f"repository:{APP}:push,pull"), f"/v2/{APP}/blobs/{digest}"

        head, got = (anyone.call(method, path, token=token) for method in ("HEAD", "GET"))
        pushed = anyone.push_blob(APP, b"another layer")

    assert (head.status_code, head.headers["Docker-Content-Digest"]) == (200, digest)
    assert told(got) == denied("downloadArtifacts", is_anonymous=True)
    assert pushed["digest"] == digest_of(b"another layer")
