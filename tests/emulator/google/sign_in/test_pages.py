"""Sign-in pages, as a user goes through them."""

import dataclasses
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from docker_credential_gcr.emulator.identity.oauth.clients import CLIENTS
from docker_credential_gcr.emulator.request_context import CURRENT, CurrentRequest

Apis = Any
NOW = 1_700_000_000
CLOUD_SDK, ADC, HELPER = CLIENTS.values()
PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
REQUEST = {
    "client_id": HELPER.client_id,
    "redirect_uri": "http://127.0.0.1:8085/",
    "response_type": "code",
    "scope": f"openid {PLATFORM}",
    "state": "a&b=<c>",
    "nonce": "n",
    "access_type": "offline",
    "prompt": "consent",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}
CODE_PAGE = "https://sdk.cloud.google.com/authcode.html"


def format_path(path: str = "/o/oauth2/v2/auth", **changes: str | None) -> str:
    """Returns the URL that a client opens; None removes a parameter."""
    fields = {name: value for name, value in {**REQUEST, **changes}.items() if value is not None}
    return f"{path}?{urlencode(fields)}"


def read_answer(reply: Any) -> tuple[str, dict[str, str]]:
    """Returns a redirect's URL, and its parameters."""
    assert reply.status == 303, reply
    parts = urlsplit(reply.headers["location"])
    answer = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return f"{parts.scheme}://{parts.netloc}{parts.path}", answer


def trade(apis: Apis, code: str, redirect_uri: str = REQUEST["redirect_uri"]) -> Any:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": redirect_uri,
        "client_id": HELPER.client_id,
        "client_secret": HELPER.secret,
    }
    return apis.post_form("/token", form)


@pytest.fixture
def strict(apis: Apis) -> Apis:
    """Starts a server with --strict-admin."""
    apis.services = dataclasses.replace(apis.services, strict_admin=True)
    return apis


@pytest.mark.parametrize("path", ["/o/oauth2/v2/auth", "/o/oauth2/auth"])
def test_choosing_an_account_and_allowing_gives_the_client_a_code(
    apis: Apis, make_browser: Callable[[], Any], id_tokens: Any, path: str
) -> None:
    user, browser = apis.make_user(), make_browser()
    apis.call("POST", "/v1/projects", {"projectId": "my-project"})
    apis.grant("roles/viewer", "user:grace@example.com")

    accounts, page = browser.open(format_path(path))
    known, other = page.forms
    _, page = browser.submit(known, account="ada@example.com")
    (consent,) = page.forms
    reply, _ = browser.submit(consent, decision="allow")

    assert accounts.status == 200
    assert known.buttons == [("account", "ada@example.com"), ("account", "grace@example.com")]
    assert (known.fields, list(other.fields)) == (REQUEST, [*REQUEST, "account"])
    assert consent.buttons == [("decision", "allow"), ("decision", "deny")]
    where, answer = read_answer(reply)
    assert where == REQUEST["redirect_uri"]
    assert answer == {
        "code": answer["code"],
        "iss": "https://accounts.google.com",
        "scope": f"{PLATFORM} openid",
        "state": "a&b=<c>",
    }
    tokens = trade(apis, answer["code"]).body
    claims = id_tokens.verify(tokens["id_token"], NOW)
    assert (tokens["scope"], claims["sub"], claims["nonce"]) == (f"{PLATFORM} openid", user.unique_id, "n")


def test_the_pages_name_the_client_the_scopes_and_the_user(
    apis: Apis, make_browser: Callable[[], Any]
) -> None:
    apis.make_user()
    browser = make_browser()

    _, accounts = browser.open(format_path())
    _, consent = browser.submit(accounts.forms[0], account="ada@example.com")

    assert accounts.words[3:] == [
        "Choose an account",
        "to continue to",
        "GCR Docker credential helper",
        "A",
        "Ada Lovelace",
        "ada@example.com",
        "Use another account",
        "Next",
        "Any address will do: there are no passwords here, and a new account has no roles.",
        "Nothing on this page comes from Google, and nothing you enter goes there.",
    ]
    assert consent.words[3:] == [
        "GCR Docker credential helper wants access to your account",
        "A",
        "ada@example.com",
        "It will be able to",
        "See, change and delete everything that your roles allow",
        PLATFORM,
        "Know that it is you who comes back",
        "openid",
        "The answer goes to",
        "http://127.0.0.1:8085/",
        "Allow",
        "Deny",
        "Nothing on this page comes from Google, and nothing you enter goes there.",
    ]


def test_denying_tells_the_client_and_creates_no_user(make_browser: Callable[[], Any]) -> None:
    browser = make_browser()
    _, page = browser.open(format_path(login_hint="new@example.com"))

    reply, _ = browser.submit(page.forms[0], decision="deny")

    assert read_answer(reply) == (
        REQUEST["redirect_uri"],
        {"error": "access_denied", "iss": "https://accounts.google.com", "state": "a&b=<c>"},
    )
    _, page = browser.open(format_path())
    assert [form.buttons for form in page.forms] == [[]]


def test_another_account_is_made_when_it_allows(apis: Apis, make_browser: Callable[[], Any]) -> None:
    browser = make_browser()
    _, page = browser.open(format_path())
    _, page = browser.submit(page.forms[0], account=" New@Example.com ")

    reply, _ = browser.submit(page.forms[0], decision="allow")

    token = trade(apis, read_answer(reply)[1]["code"]).body["access_token"]
    member = apis.services.signer.verify_access(token, NOW).member
    assert member == "user:new@example.com"
    _, page = browser.open(format_path())
    assert page.forms[0].buttons == [("account", "new@example.com")]


@pytest.mark.parametrize(
    "account", ["", "ada", "a@b", "a b@c.de", "ci@p.iam.gserviceaccount.com", "operator@gcr-emulator.invalid"]
)
def test_what_is_no_persons_address_is_asked_for_again(
    apis: Apis, make_browser: Callable[[], Any], account: str
) -> None:
    apis.make_user()

    reply, page = make_browser().open(format_path("/signin/oauth/consent", account=account))

    assert (reply.status, page.words[6]) == (400, "Enter an e-mail address, such as ada@example.com.")


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"login_hint": "ada@example.com"}, "GCR Docker credential helper wants access to your account"),
        ({"login_hint": "ada"}, "Choose an account"),
        ({"login_hint": "operator@gcr-emulator.invalid"}, "Choose an account"),
        ({"login_hint": "ada@example.com", "prompt": "select_account"}, "Choose an account"),
        ({"login_hint": "ada@example.com", "prompt": "consent select_account"}, "Choose an account"),
        ({"prompt": None}, "Choose an account"),
        ({"access_type": "online"}, "Choose an account"),
        ({"access_type": None, "state": None, "nonce": None, "unknown": "x"}, "Choose an account"),
        ({"code_challenge": None, "code_challenge_method": None}, "Choose an account"),
        ({"code_challenge": "~" * 128, "code_challenge_method": None}, "Choose an account"),
    ],
)
def test_the_first_page_follows_the_request(
    apis: Apis, make_browser: Callable[[], Any], changes: dict[str, str | None], title: str
) -> None:
    apis.make_user()

    reply, page = make_browser().open(format_path(**changes))

    assert (reply.status, page.words[3]) == (200, title)


def test_prompt_none_finds_no_signed_in_user(make_browser: Callable[[], Any]) -> None:
    reply, _ = make_browser().open(format_path(prompt="none", state=None))

    assert read_answer(reply) == (
        REQUEST["redirect_uri"],
        {"error": "login_required", "iss": "https://accounts.google.com"},
    )


def test_the_redirect_uris_own_query_stays(make_browser: Callable[[], Any]) -> None:
    browser = make_browser()
    _, page = browser.open(format_path(redirect_uri="http://[::1]:1/a?b=c", login_hint="ada@example.com"))

    reply, _ = browser.submit(page.forms[0], decision="deny")

    assert reply.headers["location"].startswith("http://[::1]:1/a?b=c&state=")


def test_gclouds_code_for_another_machine_is_shown_here_and_sent_nowhere(
    apis: Apis, make_browser: Callable[[], Any]
) -> None:
    changes = {"client_id": CLOUD_SDK.client_id, "redirect_uri": CODE_PAGE, "login_hint": "ada@example.com"}
    browser = make_browser()
    _, page = browser.open(format_path(**changes))

    allowed, shown = browser.submit(page.forms[0], decision="allow")
    denied, refused = browser.submit(page.forms[0], decision="deny")

    assert page.words[-4] == "You will be shown a code to copy."
    (code,) = [word for word in shown.words if word.startswith("4/")]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": CODE_PAGE,
        "client_id": CLOUD_SDK.client_id,
        "client_secret": CLOUD_SDK.secret,
    }
    assert apis.post_form("/token", form).status == 200
    assert (allowed.status, denied.status) == (200, 400)
    assert refused.words[5:7] == ["Error 400: access_denied", "You have denied access."]
    for reply in (allowed, denied):
        assert "location" not in reply.headers
        assert "sdk.cloud.google.com" not in reply.headers["content-security-policy"]


def test_under_strict_administration_only_the_operator_token_signs_in(
    strict: Apis, make_browser: Callable[[], Any]
) -> None:
    strict.make_user()
    strict.peer, strict.host = "203.0.113.7", "emulator.example:5000"
    browser = make_browser()
    browser.headers = {"origin": "http://emulator.example:5000"}

    _, accounts = browser.open(format_path())
    _, consent = browser.submit(accounts.forms[0], account="ada@example.com")
    replies = [
        browser.submit(consent.forms[0], decision="allow", operator_token=token)[0]
        for token in ("", "guess", " operator-token\n")
    ]

    assert "ada@example.com" not in accounts.source.replace('placeholder="ada@example.com"', "")
    assert [reply.status for reply in replies] == [403, 403, 303]
    assert b"That is not the operator token." in replies[1].body


def test_a_consent_is_noted_under_the_name_of_who_gave_it(make_browser: Callable[[], Any]) -> None:
    request = CurrentRequest("1")
    browser = make_browser()
    _, page = browser.open(format_path(login_hint="ada@example.com"))

    reset = CURRENT.set(request)
    browser.submit(page.forms[0], decision="allow")
    CURRENT.reset(reset)

    assert request.member == "user:ada@example.com"
