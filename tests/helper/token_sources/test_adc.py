"""Application Default Credentials: every type, from its file to a token."""

import base64
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ACCOUNT = "ci@my-project.iam.gserviceaccount.com"
IMPERSONATION = f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x"
STS = {"access_token": "ya29.federated", "expires_in": 3600, "token_type": "Bearer", "issued_token_type": "x"}
GO_GOOGLE = "its tokens are not sent to Google's gcr.io"


def instant(seconds_left: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds_left))


@pytest.fixture
def get(helper: Any, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Returns a function that gets a token, for localhost:5000 or another host, with a given file."""
    path = tmp_path / "adc.json"
    helper.configure({"TokenSources": [f"file:{path}"], "Registries": {"localhost:5000": {}}})

    def run(document: object, server_url: str = "localhost:5000", **environ: str) -> tuple[int, str, str]:
        text = json.dumps(document)
        if not path.exists() or path.read_text() != text:  # an unchanged file keeps its identity
            path.write_text(text)
        outcome = helper("get", stdin=server_url, **environ)
        secret = json.loads(outcome.stdout)["Secret"] if outcome.status == 0 else outcome.stdout
        return outcome.status, secret.replace(repr(str(path)), "PATH"), outcome.stderr

    return run


def failure(text: str, host: str = "localhost:5000") -> str:
    return f"no access token for {host}: file: {text}\n"


def user(services: Any, **fields: object) -> dict[str, object]:
    login = {"type": "authorized_user", "client_id": "id", "client_secret": "cs", "refresh_token": "1//r"}
    return login | {"token_uri": services.url + "/token"} | fields


def external(services: Any, source: dict[str, object], **fields: object) -> dict[str, object]:
    return {
        "type": "external_account",
        "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": services.url + "/v1/token",
        "credential_source": source,
    } | fields


@pytest.fixture
def sts(services: Any) -> Any:
    services.tell("/v1/token", STS)
    return services


def test_edge_34_authorized_user(get: Any, services: Any) -> None:
    services.tell("/token", {"access_token": "ya29.user", "expires_in": 3600})

    assert get(user(services)) == (0, "ya29.user", "")
    assert [request.form for request in services.requests] == [
        {"grant_type": "refresh_token", "refresh_token": "1//r", "client_id": "id", "client_secret": "cs"}
    ]


def test_edge_34_service_account(get: Any, make_key: Callable[..., Path]) -> None:
    assert get(json.loads(make_key().read_text())) == (0, "ya29.1", "")


def test_edge_34_external_account_from_a_file(get: Any, sts: Any, tmp_path: Path) -> None:
    (tmp_path / "subject").write_text("subject-token")

    assert get(external(sts, {"file": str(tmp_path / "subject")})) == (0, "ya29.federated", "")
    (request,) = sts.requests
    assert request.form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": AUDIENCE,
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "subject_token": "subject-token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    }


def test_edge_34_external_account_from_a_url(get: Any, sts: Any) -> None:
    sts.tell("/oidc", {"value": "subject-token"})
    source = {
        "url": sts.url + "/oidc",
        "headers": {"Authorization": "Bearer runner"},
        "format": {"type": "json", "subject_token_field_name": "value"},
    }

    assert get(external(sts, source)) == (0, "ya29.federated", "")
    assert [(r.path, r.form.get("subject_token")) for r in sts.requests] == [
        ("/oidc", None),
        ("/v1/token", "subject-token"),
    ]


def test_edge_34_external_account_of_aws(get: Any, sts: Any) -> None:
    source = {
        "environment_id": "aws1",
        "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity",
    }
    document = external(sts, source, subject_token_type="urn:ietf:params:aws:token-type:aws4_request")
    environ = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "planted", "AWS_REGION": "us-east-2"}

    assert get(document, **environ) == (0, "ya29.federated", "")
    assert "GetCallerIdentity" in sts.requests[0].form["subject_token"]
    assert "planted" not in sts.requests[0].form["subject_token"]


@pytest.fixture
def executable(tmp_path: Path) -> dict[str, object]:
    program = tmp_path / "subject.sh"
    answer = {
        "version": 1,
        "success": True,
        "token_type": "urn:ietf:params:oauth:token-type:jwt",
        "id_token": "subject-token",
        "expiration_time": int(time.time()) + 600,
    }
    program.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    program.chmod(0o755)
    return {"executable": {"command": str(program), "timeout_millis": 60_000}}


def test_edge_34_external_account_of_an_executable(get: Any, sts: Any, executable: Any) -> None:
    assert get(external(sts, executable), GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1") == (
        0,
        "ya29.federated",
        "",
    )
    assert sts.requests[0].form["subject_token"] == "subject-token"


def test_edge_34_an_executable_is_not_run_without_the_users_leave(
    get: Any, sts: Any, executable: Any
) -> None:
    status, text, _ = get(external(sts, executable))

    assert status == 1
    assert "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES" in text
    assert sts.requests == []


def test_edge_34_external_account_authorized_user(get: Any, services: Any) -> None:
    document = {
        "type": "external_account_authorized_user",
        "audience": "//iam.googleapis.com/locations/global/workforcePools/p/providers/x",
        "refresh_token": "r",
        "token_url": services.url + "/v1/oauthtoken",
        "token_info_url": services.url + "/v1/introspect",
        "client_id": "id",
        "client_secret": "cs",
    }
    services.tell("/v1/oauthtoken", STS | {"access_token": "ya29.workforce"})

    assert get(document) == (0, "ya29.workforce", "")
    assert services.requests[0].form == {"grant_type": "refresh_token", "refresh_token": "r"}


def test_edge_34_impersonated_service_account(get: Any, services: Any) -> None:
    document = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": services.url + IMPERSONATION,
        "delegates": ["via@my-project.iam.gserviceaccount.com"],
        "source_credentials": user(services),
    }
    services.tell("/token", {"access_token": "ya29.user", "expires_in": 3600})
    services.tell(IMPERSONATION, {"accessToken": "ya29.impersonated", "expireTime": instant(3600)})

    assert get(document) == (0, "ya29.impersonated", "")
    request = services.requests[-1]
    assert request.headers["Authorization"] == "Bearer ya29.user"
    assert json.loads(request.body) == {
        "delegates": ["projects/-/serviceAccounts/via@my-project.iam.gserviceaccount.com"],
        "scope": ["https://www.googleapis.com/auth/cloud-platform"],
        "lifetime": "3600s",
    }


def test_edge_34_gdch_service_account(get: Any, services: Any) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    document = {
        "type": "gdch_service_account",
        "format_version": "1",
        "project": "p",
        "private_key_id": "k",
        "private_key": key.decode(),
        "name": "n",
        "token_uri": services.url + "/token",
    }
    services.tell("/token", STS | {"access_token": "ya29.gdch"})

    assert get(document) == (0, "ya29.gdch", "")
    assert json.loads(services.requests[0].body)["audience"] == "https://localhost:5000"


def test_a_federated_token_with_five_minutes_is_taken_as_it_is(
    get: Any, services: Any, tmp_path: Path
) -> None:
    (tmp_path / "subject").write_text("subject-token")
    services.tell("/v1/token", STS | {"expires_in": 120})
    document = external(services, {"file": str(tmp_path / "subject")})

    assert [get(document), get(document)] == [(0, "ya29.federated", "")] * 2


def test_edge_34_a_federated_account_is_impersonated(get: Any, sts: Any, tmp_path: Path) -> None:
    (tmp_path / "subject").write_text("subject-token")
    sts.tell(IMPERSONATION, {"accessToken": "ya29.impersonated", "expireTime": instant(3600)})
    source = {"file": str(tmp_path / "subject")}
    url = sts.url + IMPERSONATION

    assert get(external(sts, source, service_account_impersonation_url=url)) == (0, "ya29.impersonated", "")


def test_a_proxy_is_not_asked_for_an_sts_on_loopback(get: Any, sts: Any, tmp_path: Path) -> None:
    (tmp_path / "subject").write_text("subject-token")
    proxies = {"HTTP_PROXY": "http://localhost:1", "http_proxy": "http://localhost:1"}

    assert get(external(sts, {"file": str(tmp_path / "subject")}), **proxies) == (0, "ya29.federated", "")


# The change of a good file, and the message about it.
FAULTS: dict[str, tuple[dict[str, object], str]] = {
    "no audience": ({"audience": None}, "key file PATH: "),
    "no source": ({"credential_source": None}, "key file PATH: "),
    "a source of another kind": ({"credential_source": {"environment_id": 1}}, "key file PATH: "),
    "a source that is missing": (
        {"credential_source": {"file": "absent"}},
        "key file PATH: cannot read its credential_source.file: No such file or directory",
    ),
    "an endpoint that is no URL": (
        {"token_url": "ftp://x/"},
        "key file PATH: 'token_url' is not an http or https URL",
    ),
    "an endpoint without TLS": (
        {"token_url": "http://sts.example/v1/token"},
        "key file PATH: token endpoint http://sts.example is not encrypted",
    ),
    "Google's endpoint": (
        {"token_url": "https://sts.googleapis.com/v1/token"},
        "key file PATH is Google's: its tokens are not sent to localhost:5000",
    ),
}


@pytest.mark.parametrize("name", FAULTS, ids=lambda name: f"34-{name}")
def test_edge_34_a_malformed_external_account(get: Any, sts: Any, name: str) -> None:
    change, fault = FAULTS[name]
    document = external(sts, {"file": "absent"}) | change
    outcome = get({key: value for key, value in document.items() if value is not None})

    assert outcome[0] == 1
    assert outcome[1].startswith(failure(fault)[:-1])
    assert "\n" not in outcome[1][:-1]
    assert "Traceback" not in outcome[2]
    assert sts.requests == []


@pytest.mark.parametrize("kind", ["external_account", "external_account_authorized_user", "authorized_user"])
def test_t05_no_credential_of_an_emulator_reaches_google(get: Any, services: Any, kind: str) -> None:
    document = {**external(services, {"file": "/x"}), **user(services), "type": kind}

    status, text, _ = get(document, "gcr.io")

    assert (status, text) == (1, failure(f"key file PATH is for {services.host}: {GO_GOOGLE}", "gcr.io"))
    assert services.requests == []


def test_t05_an_impersonated_token_of_an_emulator_does_not_reach_google(get: Any, services: Any) -> None:
    document = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": services.url + IMPERSONATION,
        "source_credentials": user(services),
    }

    assert get(document, "gcr.io")[1] == failure(
        f"key file PATH is for {services.host}: {GO_GOOGLE}", "gcr.io"
    )
    assert services.requests == []


def test_t05_googles_token_is_not_sent_to_another_hosts_impersonation(get: Any, services: Any) -> None:
    document = {
        "type": "impersonated_service_account",
        "service_account_impersonation_url": services.url + IMPERSONATION,
        "source_credentials": user(services, token_uri="https://oauth2.googleapis.com/token"),
    }

    assert get(document)[1] == failure(
        f"key file PATH is Google's: its tokens are not sent to {services.host}"
    )
    assert services.requests == []


def test_edge_38_an_sts_that_refuses_is_named_without_the_tokens(
    get: Any, services: Any, tmp_path: Path
) -> None:
    subject = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln"
    (tmp_path / "subject").write_text(subject)
    body = {"error": "invalid_grant", "error_description": f"bad token {subject}"}
    services.tell("/v1/token", body, status=400)

    status, text, notice = get(external(services, {"file": str(tmp_path / "subject")}))

    assert status == 1
    assert text == failure("key file PATH: OAuthError: Error code invalid_grant: bad token ***")
    assert subject not in text + notice


def test_t06_a_redirect_of_the_sts_takes_no_subject_token_along(
    get: Any, services: Any, tmp_path: Path
) -> None:
    (tmp_path / "subject").write_text("subject-token")
    services.tell("/v1/token", status=307, headers={"Location": services.url + "/elsewhere"})
    services.tell("/elsewhere", STS)

    status, _, _ = get(external(services, {"file": str(tmp_path / "subject")}))

    assert status == 1
    assert {request.path for request in services.requests} == {"/v1/token"}


def test_edge_38_an_sts_that_does_not_answer_is_left_at_the_deadline(
    get: Any, services: Any, tmp_path: Path
) -> None:
    (tmp_path / "subject").write_text("subject-token")
    with socket.create_server(("127.0.0.1", 0)) as hole:
        url = f"http://localhost:{hole.getsockname()[1]}/v1/token"
        document = external(services, {"file": str(tmp_path / "subject")}, token_url=url)
        outcome = get(document, DOCKER_CREDENTIAL_GCR_TIMEOUT="0.5")

    assert outcome[0] == 1
    assert outcome[1].startswith("no access token for localhost:5000: file: key file PATH: ")


def test_a_credential_that_cannot_say_whose_it_is_does_not_serve_an_account(
    get: Any, services: Any, helper: Any, tmp_path: Path
) -> None:
    helper.configure(
        {"Registries": {"localhost:5000": {"TokenSources": [f"file:{tmp_path}/adc.json"], "Account": "me@x"}}}
    )

    assert get(user(services))[1] == failure("key file PATH does not say whether it is me@x's")


def test_a_key_serves_its_own_account_and_no_other(
    get: Any, helper: Any, make_key: Callable[..., Path], tmp_path: Path
) -> None:
    document = json.loads(make_key().read_text())
    registry = {"TokenSources": [f"file:{tmp_path}/adc.json"], "Account": ACCOUNT}
    helper.configure({"Registries": {"localhost:5000": registry}})
    assert get(document) == (0, "ya29.1", "")
    helper.configure({"Registries": {"localhost:5000": registry | {"Account": "me@x"}}})

    assert get(document)[1] == failure(f"key file PATH is {ACCOUNT}'s, not me@x's")


def decode(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_edge_39_googles_key_signs_its_token_itself_without_a_network(
    get: Any, make_key: Callable[..., Path]
) -> None:
    document = json.loads(make_key(token_uri="https://oauth2.googleapis.com/token").read_text())
    offline = {"HTTPS_PROXY": "http://localhost:1", "DOCKER_CREDENTIAL_GCR_SELF_SIGNED_JWT": "on"}

    status, token, notice = get(document, "gcr.io", **offline)

    assert (status, notice) == (0, "")
    header, claims = (decode(part) for part in token.split(".")[:2])
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "0" * 40}
    lifetime_s = claims.pop("exp") - claims.pop("iat")
    assert lifetime_s == 3600
    assert claims == {
        "iss": ACCOUNT,
        "sub": ACCOUNT,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    }
    assert get(document, "gcr.io", **offline)[1] == token  # from the cache


def test_a_key_of_an_emulators_never_signs_its_token_itself(get: Any, make_key: Callable[..., Path]) -> None:
    document = json.loads(make_key().read_text())

    assert get(document, DOCKER_CREDENTIAL_GCR_SELF_SIGNED_JWT="on") == (0, "ya29.1", "")


def test_without_the_switch_googles_key_asks_the_token_endpoint(
    get: Any, make_key: Callable[..., Path]
) -> None:
    document = json.loads(make_key(token_uri="https://oauth2.googleapis.com/token").read_text())

    status, text, _ = get(document, "gcr.io", HTTPS_PROXY="http://localhost:1")

    assert (status, text) == (1, failure("cannot reach oauth2.googleapis.com: Connection refused", "gcr.io"))


@pytest.mark.parametrize(
    "variable", ["GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"]
)
def test_edge_34_a_variable_that_names_nothing_is_an_error(helper: Any, variable: str) -> None:
    absent = str(helper.directory / "absent")

    outcome = helper("get", stdin="gcr.io", **{variable: absent})

    assert outcome.stdout == (
        f"no access token for gcr.io: store: no login is stored; env: {variable}: "
        f"cannot read key file {absent!r}: No such file or directory\n"
    )


def test_gclouds_variable_for_a_credential_file_is_heeded(helper: Any, services: Any) -> None:
    services.tell("/token", {"access_token": "ya29.user", "expires_in": 3600})
    path = helper.directory / "override.json"
    path.write_text(json.dumps(user(services)))
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": ["env"]}}})

    outcome = helper("get", stdin="localhost:5000", CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE=str(path))

    assert json.loads(outcome.stdout)["Secret"] == "ya29.user"
