"""Authorization code and refresh token: exchange, revocation, and each abuse refused."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from docker_credential_gcr.emulator.database.accounts.authorization_codes import CodeGrant
from docker_credential_gcr.emulator.identity.id_tokens import hash_access_token
from docker_credential_gcr.emulator.identity.oauth.clients import APPLICATION_DEFAULT, CLIENTS, Client

NOW = 1_700_000_000
Apis = Any
CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
EMAIL = "https://www.googleapis.com/auth/userinfo.email"
CLOUD_SDK, ADC, HELPER = CLIENTS.values()
REDIRECT = "http://127.0.0.1:8085/"
# https://www.rfc-editor.org/rfc/rfc7636#appendix-B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
S256 = CodeGrant(HELPER.client_id, REDIRECT, frozenset({CLOUD_PLATFORM}), CHALLENGE, "S256")
PLAIN = CodeGrant(HELPER.client_id, REDIRECT, frozenset({CLOUD_PLATFORM}), VERIFIER, "plain")
NO_PROOF = CodeGrant(HELPER.client_id, REDIRECT, frozenset({CLOUD_PLATFORM}))


def name(client: Client) -> dict[str, str]:
    return {"client_id": client.client_id, "client_secret": client.secret}


def trade(apis: Apis, code: str, **changes: str | None) -> Any:
    """Sends the helper's request with some fields changed; None removes one."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": REDIRECT,
        **name(HELPER),
        **changes,
    }
    return apis.post_form("/token", {field: value for field, value in form.items() if value is not None})


def refresh(apis: Apis, refresh_token: str, client: Client = HELPER, **fields: str) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **name(client), **fields}
    return apis.post_form("/token", form)


def opens(apis: Apis, access_token: str) -> bool:
    """Returns whether an API accepts the access token."""
    return bool(apis.call("GET", "/v1/projects/my-project", token=access_token).status == 200)


@pytest.fixture
def ada(apis: Apis) -> Apis:
    """Creates a project that Ada may see."""
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    apis.grant("roles/viewer", "user:ada@example.com")
    return apis


@pytest.mark.parametrize(
    ("grant", "verifier"),
    [(S256, VERIFIER), (PLAIN, VERIFIER), (NO_PROOF, None)],
    ids=["S256", "plain", "none"],
)
def test_a_code_gives_the_tokens_of_a_login(ada: Apis, grant: CodeGrant, verifier: str | None) -> None:
    reply = trade(ada, ada.make_code(grant), code_verifier=verifier)

    tokens = reply.body
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    assert tokens == {
        "access_token": tokens["access_token"],
        "expires_in": 3599,
        "refresh_token": tokens["refresh_token"],
        "scope": CLOUD_PLATFORM,
        "token_type": "Bearer",
    }
    assert tokens["access_token"].startswith("ya29.")
    assert tokens["refresh_token"].startswith("1//")
    assert opens(ada, tokens["access_token"])


def test_with_openid_there_is_an_id_token_for_the_client(ada: Apis, id_tokens: Any) -> None:
    scopes = frozenset({"openid", "profile", EMAIL})
    code = ada.make_code(CodeGrant(HELPER.client_id, REDIRECT, scopes, CHALLENGE, "S256", "n-0S6_WzA2Mj"))

    tokens = trade(ada, code).body

    assert id_tokens.verify(tokens["id_token"], NOW) == {
        "iss": "https://accounts.google.com",
        "aud": HELPER.client_id,
        "azp": HELPER.client_id,
        "sub": ada.make_user().unique_id,
        "at_hash": hash_access_token(tokens["access_token"]),
        "nonce": "n-0S6_WzA2Mj",
        "email": "ada@example.com",
        "email_verified": True,
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "iat": NOW,
        "exp": NOW + 3600,
    }
    again = id_tokens.verify(refresh(ada, tokens["refresh_token"]).body["id_token"], NOW)
    assert "nonce" not in again


def test_a_client_may_name_itself_by_http_basic(ada: Apis) -> None:
    pair = base64.b64encode(f"{HELPER.client_id}:{HELPER.secret}".encode()).decode()
    fields = f"grant_type=authorization_code&redirect_uri={REDIRECT}&code_verifier={VERIFIER}"

    reply = ada.send(
        "POST",
        "/token",
        f"{fields}&code={ada.make_code(S256)}".encode(),
        {"authorization": f"Basic {pair}", "content-type": "application/x-www-form-urlencoded"},
    )

    assert (reply.status, opens(ada, reply.body["access_token"])) == (200, True)


INVALID_GRANT = (400, "invalid_grant")
# Fields that an attacker or a faulty client sends, and the response.
ABUSES: dict[str, tuple[CodeGrant, dict[str, str | None], tuple[int, str], str]] = {
    "no code": (S256, {"code": None}, (400, "invalid_request"), "Required parameter is missing: code"),
    "a guessed code": (S256, {"code": "4/guessed"}, INVALID_GRANT, "Malformed auth code."),
    "no verifier": (S256, {"code_verifier": None}, INVALID_GRANT, "Missing code verifier."),
    "another verifier": (S256, {"code_verifier": "x" * 43}, INVALID_GRANT, "Invalid code verifier."),
    "the challenge as verifier": (
        S256,
        {"code_verifier": CHALLENGE},
        INVALID_GRANT,
        "Invalid code verifier.",
    ),
    "another plain verifier": (PLAIN, {"code_verifier": "x" * 43}, INVALID_GRANT, "Invalid code verifier."),
    "a short verifier": (
        CodeGrant(HELPER.client_id, REDIRECT, frozenset(), "x", "plain"),
        {"code_verifier": "x"},
        INVALID_GRANT,
        "Invalid code verifier.",
    ),
    "a verifier whose challenge was taken away": (NO_PROOF, {}, INVALID_GRANT, "Invalid code verifier."),
    "another port": (
        S256,
        {"redirect_uri": "http://127.0.0.1:8086/"},
        (400, "redirect_uri_mismatch"),
        "Bad Request",
    ),
    "another path": (
        S256,
        {"redirect_uri": f"{REDIRECT}a"},
        (400, "redirect_uri_mismatch"),
        "Bad Request",
    ),
    "no redirect URI": (S256, {"redirect_uri": None}, (400, "redirect_uri_mismatch"), "Bad Request"),
    "another client": (S256, dict(name(CLOUD_SDK)), INVALID_GRANT, "Bad Request"),
    "an unknown client": (
        S256,
        {"client_id": "1.apps.example"},
        (401, "invalid_client"),
        "The OAuth client was not found.",
    ),
    "another secret": (
        S256,
        {"client_secret": CLOUD_SDK.secret},
        (401, "invalid_client"),
        "The provided client secret is invalid.",
    ),
    "no secret": (S256, {"client_secret": None}, (400, "invalid_request"), "client_secret is missing."),
    "no client": (
        S256,
        {"client_id": None},
        (400, "invalid_request"),
        "Could not determine client ID from request.",
    ),
}


@pytest.mark.parametrize("abuse", ABUSES)
def test_an_abuse_of_a_code_is_refused_and_costs_the_client_nothing(ada: Apis, abuse: str) -> None:
    grant, changes, (status, error), text = ABUSES[abuse]
    code = ada.make_code(grant)

    reply = trade(ada, **{"code": code, **changes})

    assert (reply.status, reply.body) == (status, {"error": error, "error_description": text})
    own = {"S256": VERIFIER, "plain": VERIFIER if grant is PLAIN else "x"}[grant.challenge_method]
    usable = {"code_verifier": own if grant.challenge else None}
    if grant.challenge != "x":
        assert trade(ada, code, **usable).status == 200


CHALLENGE_OF_CLIENTS = 'Basic realm="https://accounts.google.com/"'
BASIC: dict[str, tuple[str, dict[str, str], tuple[int, str], str]] = {
    "a bearer": ("Bearer x", {}, (401, "invalid_client"), "The Authorization header must be HTTP Basic"),
    "garbage": ("Basic !", {}, (401, "invalid_client"), "Malformed HTTP Basic"),
    "an unknown one": (
        "Basic " + base64.b64encode(b"a:b").decode(),
        {},
        (401, "invalid_client"),
        "The OAuth client was not found.",
    ),
    "another secret": (
        "Basic " + base64.b64encode(f"{HELPER.client_id}:b".encode()).decode(),
        {},
        (401, "invalid_client"),
        "The provided client secret is invalid.",
    ),
    "twice": (
        "Basic " + base64.b64encode(b"a:b").decode(),
        {"client_secret": "b"},
        (400, "invalid_request"),
        "The client is named twice: use either HTTP Basic or the form",
    ),
    "two clients": (
        "Basic " + base64.b64encode(b"a:b").decode(),
        {"client_id": "c"},
        (400, "invalid_request"),
        "The client is named twice: use either HTTP Basic or the form",
    ),
}


@pytest.mark.parametrize("case", BASIC)
def test_a_client_that_names_itself_wrongly(apis: Apis, case: str) -> None:
    authorization, fields, (status, error), text = BASIC[case]
    body = "&".join(["grant_type=refresh_token&refresh_token=r", *(f"{k}={v}" for k, v in fields.items())])

    reply = apis.send(
        "POST",
        "/token",
        body.encode(),
        {"authorization": authorization, "content-type": "application/x-www-form-urlencoded"},
    )

    assert (reply.status, reply.body) == (status, {"error": error, "error_description": text})
    expected = CHALLENGE_OF_CLIENTS if status == 401 else None
    assert reply.headers.get("www-authenticate") == expected


def test_a_code_expires_after_ten_minutes(ada: Apis) -> None:
    early, late = ada.make_code(S256), ada.make_code(S256)

    ada.clock.set(NOW + 599)
    assert trade(ada, early).status == 200
    ada.clock.set(NOW + 600)
    assert trade(ada, late).body == {"error": "invalid_grant", "error_description": "Malformed auth code."}


def test_a_code_that_is_replayed_ends_what_it_gave(ada: Apis) -> None:
    code = ada.make_code(S256)
    tokens = trade(ada, code).body

    replies = [trade(ada, code) for _ in range(2)]

    refusal = {"error": "invalid_grant", "error_description": "Bad Request"}
    assert [(reply.status, reply.body) for reply in replies] == [(400, refusal), (400, refusal)]
    assert not opens(ada, tokens["access_token"])
    assert refresh(ada, tokens["refresh_token"]).status == 400


def test_a_replay_without_the_verifier_ends_nothing(ada: Apis) -> None:
    code = ada.make_code(S256)
    tokens = trade(ada, code).body

    reply = trade(ada, code, code_verifier="x" * 43)

    assert reply.body == {"error": "invalid_grant", "error_description": "Invalid code verifier."}
    assert opens(ada, tokens["access_token"])


def test_a_refresh_token_gives_new_access_tokens_again_and_again(ada: Apis) -> None:
    refresh_token = trade(ada, ada.make_code(S256)).body["refresh_token"]
    ada.clock.set(NOW + 100 * 24 * 3600)

    replies = [refresh(ada, refresh_token) for _ in range(2)]

    for reply in replies:
        token = reply.body["access_token"]
        assert (reply.status, reply.body) == (
            200,
            {"access_token": token, "expires_in": 3599, "scope": CLOUD_PLATFORM, "token_type": "Bearer"},
        )
        assert opens(ada, token)


def test_a_refresh_may_ask_for_less_and_not_for_more(ada: Apis) -> None:
    scopes = frozenset({"a", "b"})
    code = ada.make_code(CodeGrant(HELPER.client_id, REDIRECT, scopes, CHALLENGE, "S256"))
    refresh_token = trade(ada, code).body["refresh_token"]

    less = refresh(ada, refresh_token, scope="a")
    more = refresh(ada, refresh_token, scope="a c")

    grant = ada.services.signer.verify_access(less.body["access_token"], NOW)
    assert (less.body["scope"], grant.oauth_scopes, grant.member) == ("a", {"a"}, "user:ada@example.com")
    assert (more.status, more.body) == (
        400,
        {"error": "invalid_scope", "error_description": "Bad Request"},
    )


def test_a_refresh_token_works_for_its_client_alone(ada: Apis) -> None:
    refresh_token = trade(ada, ada.make_code(S256)).body["refresh_token"]

    reply = refresh(ada, refresh_token, APPLICATION_DEFAULT)

    assert (reply.status, reply.body) == (
        401,
        {"error": "unauthorized_client", "error_description": "Unauthorized"},
    )


@pytest.mark.parametrize("path", ["/revoke", "/o/oauth2/revoke"])
@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_a_stolen_refresh_token_is_worth_nothing_after_a_revocation_by_either_token(
    ada: Apis, kind: str, path: str
) -> None:
    tokens = trade(ada, ada.make_code(S256)).body
    later = refresh(ada, tokens["refresh_token"]).body["access_token"]

    reply = ada.post_form(path, {"token": tokens[kind]})

    assert (reply.status, reply.body) == (200, {})
    refused = refresh(ada, tokens["refresh_token"])
    assert (refused.status, refused.body) == (
        400,
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
    )
    assert [opens(ada, token) for token in (tokens["access_token"], later)] == [False, False]
    again = ada.post_form(path, {"token": tokens[kind]})
    assert (again.status, again.body) == (
        400,
        {"error": "invalid_token", "error_description": "Token expired or revoked"},
    )


def test_gcloud_revokes_by_the_query(ada: Apis) -> None:
    tokens = trade(ada, ada.make_code(S256)).body

    reply = ada.send(
        "POST",
        f"/revoke?token={tokens['refresh_token']}",
        b"",
        {"content-type": "application/x-www-form-urlencoded"},
    )

    assert (reply.status, refresh(ada, tokens["refresh_token"]).status) == (200, 400)


def test_a_revocation_ends_one_login_and_no_other(ada: Apis) -> None:
    one, other = (trade(ada, ada.make_code(S256)).body for _ in range(2))

    ada.post_form("/revoke", {"token": one["refresh_token"]})

    assert [refresh(ada, tokens["refresh_token"]).status for tokens in (one, other)] == [400, 200]
    assert opens(ada, other["access_token"])


NOT_REVOCABLE: dict[str, tuple[Callable[[Apis], dict[str, str]], str, str]] = {
    "nothing": (lambda _: {}, "invalid_request", "Required parameter is missing: token"),
    "garbage": (lambda _: {"token": "x"}, "invalid_token", "Token expired or revoked"),
    "a guess": (lambda _: {"token": "1//guess"}, "invalid_token", "Token expired or revoked"),
    "a service account's": (
        lambda apis: {"token": apis.fetch_token(apis.make_key())},
        "unsupported_token_type",
        "Only tokens of users can be revoked",
    ),
}


@pytest.mark.parametrize("case", NOT_REVOCABLE)
def test_what_cannot_be_revoked(apis: Apis, case: str) -> None:
    make, error, text = NOT_REVOCABLE[case]

    reply = apis.post_form("/revoke", make(apis))

    assert (reply.status, reply.body) == (400, {"error": error, "error_description": text})


@pytest.mark.sqlite("the database's file")
def test_neither_codes_nor_refresh_tokens_are_in_the_database(ada: Apis, tmp_path: Any) -> None:
    code = ada.make_code(S256)
    tokens = trade(ada, code).body

    content = b"".join(path.read_bytes() for path in tmp_path.glob("emulator.db*"))

    assert b"ada@example.com" in content
    for secret in (code, tokens["refresh_token"], tokens["access_token"]):
        assert secret.partition("/")[2].encode() not in content or "/" not in secret
        assert secret.encode() not in content


def test_a_jwt_whose_key_is_named_like_a_login_is_refused(ada: Apis) -> None:
    tokens = trade(ada, ada.make_code(S256)).body
    login = ada.services.signer.verify_access(tokens["access_token"], NOW).key_id
    key = ada.make_key(role="roles/owner")

    forged = ada.sign({**key, "private_key_id": login})

    assert not opens(ada, forged)
