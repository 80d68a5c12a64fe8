"""Abuses of the sign-in pages, each refused on a page and never redirected to a client.

https://www.rfc-editor.org/rfc/rfc9700, https://www.rfc-editor.org/rfc/rfc8252
"""

import dataclasses
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from docker_credential_gcr.emulator.google.sign_in.csrf import format_cookie
from docker_credential_gcr.emulator.identity.oauth.clients import CLIENTS

Apis = Any
CLOUD_SDK, ADC, HELPER = CLIENTS.values()
S256 = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
REQUEST = {
    "client_id": HELPER.client_id,
    "redirect_uri": "http://127.0.0.1:8085/",
    "response_type": "code",
    "scope": "openid",
    "state": "s",
    "login_hint": "ada@example.com",
}
NOT_FOUND = (401, "invalid_client", "The OAuth client was not found.")
INVALID_SCOPE = (400, "invalid_scope", "Some requested scopes were invalid.")
MISMATCH = (400, "redirect_uri_mismatch", "The redirect_uri is not one of the client's.")
EVIL = "<script>alert(1)</script>\"'&"


def format_path(path: str = "/o/oauth2/v2/auth", **changes: str | None) -> str:
    fields = {name: value for name, value in {**REQUEST, **changes}.items() if value is not None}
    return f"{path}?{urlencode(fields)}"


def invalid(text: str) -> tuple[int, str, str]:
    return 400, "invalid_request", text


# Changes of a request, and the error on the page.
REFUSED: dict[str, tuple[dict[str, str | None], tuple[int, str, str]]] = {
    "no client": ({"client_id": None}, invalid("Missing required parameter: client_id")),
    "an unknown client": ({"client_id": "1.apps.example"}, NOT_FOUND),
    "a client that is HTML": (
        {"client_id": EVIL},
        (401, "invalid_client", "The OAuth client was not found."),
    ),
    "no redirect URI": ({"redirect_uri": None}, invalid("Missing required parameter: redirect_uri")),
    "another host": ({"redirect_uri": "https://evil.example/"}, MISMATCH),
    "another host that looks like this one": ({"redirect_uri": "http://localhost@evil.example/"}, MISMATCH),
    "a script": ({"redirect_uri": "javascript:alert(1)"}, MISMATCH),
    "a header": ({"redirect_uri": "http://localhost/\r\nLocation: https://evil.example/"}, MISMATCH),
    "another client's page": ({"redirect_uri": "https://sdk.cloud.google.com/authcode.html"}, MISMATCH),
    "no response type": ({"response_type": None}, invalid("Missing required parameter: response_type")),
    "a token in the address": (
        {"response_type": "token"},
        (400, "unsupported_response_type", "response_type must be code"),
    ),
    "no scope": ({"scope": None}, invalid("Missing required parameter: scope")),
    "a blank scope": ({"scope": " "}, INVALID_SCOPE),
    "a scope of two lines": (
        {"scope": "a\nb"},
        (400, "invalid_scope", "Some requested scopes were invalid."),
    ),
    "F-Z31-a scope that Google does not have": ({"scope": "openid cloud-platform"}, INVALID_SCOPE),
    "a scope of 5 KiB": (
        {"scope": "a" * 5000},
        (400, "invalid_scope", "Some requested scopes were invalid."),
    ),
    "an unknown access type": (
        {"access_type": "for ever"},
        invalid("Invalid parameter value for access_type"),
    ),
    "an unknown prompt": ({"prompt": "login"}, invalid("Invalid parameter value for prompt")),
    "none and more": ({"prompt": "none consent"}, invalid("Invalid parameter value for prompt")),
    "an unknown proof": (
        {"code_challenge": S256, "code_challenge_method": "S512"},
        invalid("Invalid parameter value for code_challenge_method"),
    ),
    "a proof without a challenge": (
        {"code_challenge_method": "S256"},
        invalid("Invalid parameter value for code_challenge"),
    ),
    "a short challenge": ({"code_challenge": "x"}, invalid("Invalid parameter value for code_challenge")),
    "a challenge that is no digest": (
        {"code_challenge": S256 + "x", "code_challenge_method": "S256"},
        invalid("Invalid parameter value for code_challenge"),
    ),
    "9 KiB": ({"state": "s" * 9000}, invalid("The request is too long")),
}


@pytest.mark.parametrize("path", ["/o/oauth2/v2/auth", "/signin/oauth/consent"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_request_is_shown_and_sent_nowhere(
    make_browser: Callable[[], Any], case: str, path: str
) -> None:
    changes, (status, error, text) = REFUSED[case]

    reply, page = make_browser().open(format_path(path, **changes))

    assert (reply.status, page.words[5:7]) == (status, [f"Error {status}: {error}", text])
    assert (page.forms, {"location", "set-cookie"} & reply.headers.keys()) == ([], set())


@pytest.mark.parametrize("case", REFUSED)
def test_a_consent_that_was_changed_on_its_way_is_sent_nowhere(
    make_browser: Callable[[], Any], case: str
) -> None:
    changes, _ = REFUSED[case]
    browser = make_browser()
    _, page = browser.open(format_path())
    form = page.forms[0]
    for name, value in changes.items():
        form.fields[name] = value or ""

    for decision in ("allow", "deny"):
        reply, _ = browser.submit(form, decision=decision)
        assert reply.status in (400, 401)
        assert "location" not in reply.headers


def test_a_parameter_that_comes_twice_is_refused(make_browser: Callable[[], Any]) -> None:
    reply, page = make_browser().open(f"{format_path()}&redirect_uri=https://evil.example/")

    assert (reply.status, page.words[6]) == (400, "A parameter is given more than once")


NOT_SHOWN = "The form was not shown to this browser. Start the sign-in again."
OTHER_SITE = "The form was sent by another site."
# Cookie, headers and fields that a browser sends for another site, and the error on the page.
FORGERIES: dict[str, tuple[str | None, dict[str, str], dict[str, str], str]] = {
    "no cookie": ("", {}, {}, NOT_SHOWN),
    "an empty cookie": ("gcr_emulator_sign_in=", {}, {}, NOT_SHOWN),
    "a cookie that was planted": (f"gcr_emulator_sign_in={'A' * 43}", {}, {}, NOT_SHOWN),
    "no CSRF token": (None, {}, {"csrf_token": ""}, NOT_SHOWN),
    "a guessed CSRF token": (None, {}, {"csrf_token": "é"}, NOT_SHOWN),
    "another account": (None, {}, {"account": "boss@example.com"}, NOT_SHOWN),
    "another state": (None, {}, {"state": "another"}, NOT_SHOWN),
    "another scope": (None, {}, {"scope": "openid email"}, NOT_SHOWN),
    "another port": (None, {}, {"redirect_uri": "http://127.0.0.1:6666/"}, NOT_SHOWN),
    "another site": (None, {"origin": "https://evil.example"}, {}, OTHER_SITE),
    "another port's page": (None, {"origin": "http://localhost:6666"}, {}, OTHER_SITE),
    "a page of nowhere": (None, {"origin": "null"}, {}, OTHER_SITE),
    "the same site": (None, {"sec-fetch-site": "same-site"}, {}, OTHER_SITE),
    "across sites": (None, {"sec-fetch-site": "cross-site"}, {}, OTHER_SITE),
}


@pytest.mark.parametrize("case", FORGERIES)
@pytest.mark.parametrize("decision", ["allow", "deny"])
def test_t18_csrf_a_consent_that_no_user_clicked_is_refused(
    make_browser: Callable[[], Any], case: str, decision: str
) -> None:
    cookie, headers, fields, text = FORGERIES[case]
    browser = make_browser()
    _, page = browser.open(format_path())
    browser.cookie = browser.cookie if cookie is None else cookie
    browser.headers |= headers

    reply, refusal = browser.submit(page.forms[0], decision=decision, **fields)

    assert (reply.status, refusal.words[5:7]) == (403, ["Error 403: access_denied", text])
    assert "location" not in reply.headers
    # It has created no user.
    _, page = make_browser().open(format_path(login_hint=None))
    assert [form.buttons for form in page.forms] == [[]]


def test_the_csrf_token_of_one_browser_is_refused_in_another(make_browser: Callable[[], Any]) -> None:
    thief, victim = make_browser(), make_browser()
    _, page = thief.open(format_path())
    victim.open(format_path())

    reply, _ = victim.submit(page.forms[0], decision="allow")

    assert reply.status == 403


def test_two_logins_at_once_in_one_browser_do_not_disturb_each_other(
    make_browser: Callable[[], Any],
) -> None:
    browser = make_browser()
    pages = [browser.open(format_path(state=state))[1] for state in ("one", "two")]

    replies = [browser.submit(page.forms[0], decision="allow")[0] for page in pages]

    assert [reply.status for reply in replies] == [303, 303]


def test_the_cookie_is_of_this_site_and_hidden_from_scripts(make_browser: Callable[[], Any]) -> None:
    browser = make_browser()
    reply, _ = browser.open(format_path())

    name, _, value = browser.cookie.partition("=")
    assert (name, len(value)) == ("gcr_emulator_sign_in", 43)
    assert reply.headers["set-cookie"] == f"{browser.cookie}; Path=/; HttpOnly; SameSite=Strict"


def test_under_tls_the_cookie_never_goes_another_way() -> None:
    request = Request({"type": "http", "scheme": "https", "path": "/", "headers": [(b"host", b"a")]})

    assert format_cookie(request, "s") == "gcr_emulator_sign_in=s; Path=/; HttpOnly; SameSite=Strict; Secure"


@pytest.mark.parametrize(
    ("peer", "host", "status"),
    [
        ("127.0.0.1", "localhost:5000", 200),
        ("::1", "[::1]:5000", 200),
        ("127.0.0.1", "accounts.google.com", 200),
        ("127.0.0.1", "accounts.google.com.localhost:5000", 200),
        # DNS rebinding: another site's name that resolves to this machine.
        ("127.0.0.1", "evil.example:5000", 403),
        ("127.0.0.1", "accounts.google.com.evil.example", 403),
        ("203.0.113.7", "localhost:5000", 403),
        ("203.0.113.7", "accounts.google.com", 403),
    ],
)
@pytest.mark.parametrize("path", ["/o/oauth2/v2/auth", "/signin/oauth/consent"])
def test_the_pages_are_for_browsers_of_this_machine(
    apis: Apis, make_browser: Callable[[], Any], peer: str, host: str, status: int, path: str
) -> None:
    apis.peer, apis.host = peer, host

    reply, _ = make_browser().open(format_path(path, account="ada@example.com"))

    assert reply.status == status


def test_under_strict_administration_the_pages_list_no_users(
    apis: Apis, make_browser: Callable[[], Any]
) -> None:
    apis.make_user("secret@example.com", "Secret Name")
    apis.services = dataclasses.replace(apis.services, strict_admin=True)

    _, page = make_browser().open(format_path(login_hint=None))

    assert "secret" not in page.source.lower()


POLICY = "; ".join(
    [
        "default-src 'none'",
        "style-src 'sha256-STYLE'",
        "form-action TARGETS",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)


@pytest.mark.parametrize(
    ("changes", "targets"),
    [
        ({"login_hint": None}, "'self'"),
        ({}, "'self' http://127.0.0.1:8085"),
        ({"redirect_uri": "http://localhost"}, "'self' http://localhost"),
        ({"redirect_uri": "http://[::1]:1/"}, "'self' http:"),
        ({"client_id": "x"}, "'self'"),
    ],
    ids=["accounts", "consent", "no port", "IPv6", "refusal"],
)
def test_t18_clickjacking_no_page_can_be_framed_or_run_scripts(
    make_browser: Callable[[], Any], changes: dict[str, str | None], targets: str
) -> None:
    reply, page = make_browser().open(format_path(**changes))

    policy = reply.headers["content-security-policy"]
    style = policy.partition("sha256-")[2].partition("'")[0]
    assert policy == POLICY.replace("STYLE", style).replace("TARGETS", targets)
    assert {name: reply.headers[name] for name in HEADERS} == HEADERS
    assert "script" not in page.tags


HEADERS = {
    "cache-control": "no-store",
    "content-type": "text/html; charset=utf-8",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@pytest.mark.parametrize("name", ["state", "nonce"])
def test_t18_xss_what_an_attacker_writes_is_text(make_browser: Callable[[], Any], name: str) -> None:
    reply, page = make_browser().open(format_path(**{name: EVIL}))

    assert reply.status == 200
    assert page.forms[0].fields[name] == EVIL
    assert EVIL not in page.source
    assert "script" not in page.tags


def test_t18_xss_a_persons_name_is_text(apis: Apis, make_browser: Callable[[], Any]) -> None:
    apis.make_user("a'b@example.com", EVIL)

    _, page = make_browser().open(format_path(login_hint=None))

    assert page.forms[0].buttons == [("account", "a'b@example.com")]
    assert EVIL in "".join(page.words)
    assert "script" not in page.tags


def test_a_get_of_the_consent_decides_nothing(make_browser: Callable[[], Any]) -> None:
    browser = make_browser()
    _, page = browser.open(format_path())
    form = page.forms[0]
    form.method = "get"

    reply, page = browser.submit(form, decision="allow")

    assert (reply.status, page.words[3]) == (200, "GCR Docker credential helper wants access to your account")


def test_a_consent_that_is_no_form_is_refused_on_a_page(apis: Apis) -> None:
    reply = apis.send("POST", "/signin/oauth/consent", b"{}", {"content-type": "application/json"})

    assert (reply.status, b"Error 400: invalid_request" in reply.body) == (400, True)
