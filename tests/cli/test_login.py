"""The commands `login` and `logout`: with a browser, a pasted URL or a key; logout deletes all of it."""

import json
import os
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from support.child_processes import LIMIT_S, running

from docker_credential_gcr.errors import LoginError
from docker_credential_gcr.helper.login import loopback_server as login_listener
from docker_credential_gcr.helper.login.browser import Attempt, StrayRequest

AGAIN = "hint: docker-credential-gcr login\n"


def see(outcome: Any) -> tuple[int, str, str]:
    return outcome.status, outcome.stdout, outcome.stderr


def make_browser(cli: Any, script: str) -> str:
    """Returns a BROWSER that runs a Python script, with the URL in `url`."""
    path = cli.directory / "browser.py"
    path.write_text(f"import sys, urllib.request\nurl = sys.argv[1]\n{script}\n")
    return f"{shlex.quote(sys.executable)} {path} %s"


def next_step(server: Any) -> str:
    """Returns the next step after a login at an emulator that docker is not configured for."""
    host = server.url.removeprefix("http://")
    return f"next: docker-credential-gcr configure-docker --registries {host} --token-source store"


FOLLOW = "urllib.request.urlopen(url)"
CONNECT_FIRST = """\
import http.client, socket, urllib.parse
query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
there = urllib.parse.urlsplit(query["redirect_uri"][0])
idle = [socket.create_connection((there.hostname, there.port)) for _ in range(3)]
statuses = []
for path in ("/favicon.ico", "/", "/?code=stolen&state=guessed"):
    connection = http.client.HTTPConnection(there.hostname, there.port)
    connection.request("GET", path)
    statuses.append(connection.getresponse().status)
assert statuses == [404, 400, 400], statuses
urllib.request.urlopen(url)
"""


@pytest.mark.parametrize("command", ["login", "gcr-login"])
@pytest.mark.parametrize("script", [FOLLOW, CONNECT_FIRST], ids=["at once", "after stray connections"])
def test_a_login_in_the_browser_is_kept_and_gives_tokens(
    cli: Any, authorization_server: Any, command: str, script: str
) -> None:
    outcome = cli.run_program(command, BROWSER=make_browser(cli, script), **authorization_server.environ)

    store = cli.own.with_name("docker_credentials.json")
    assert (outcome.status, outcome.stdout) == (0, "")
    assert outcome.stderr.splitlines()[-2:] == [
        f"logged in; the login is stored in {store}",
        next_step(authorization_server),
    ]
    login = json.loads(store.read_text())["gcrCreds"]
    assert (login["access_token"], login["refresh_token"]) == ("ya29.first", "1//login-0")
    assert store.stat().st_mode & 0o777 == 0o600
    cli.write(cli.own, '{"Registries": {"localhost:5000": {"TokenSources": ["store"]}}}')
    token = cli("print-token", "localhost:5000", **authorization_server.environ)
    assert see(token) == (0, "ya29.first\n", "")


def test_the_address_asks_for_a_code_with_pkce_offline() -> None:
    attempt = Attempt(
        "http://127.0.0.1:1/", state="s", verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )

    query = parse_qs(urlsplit(attempt.format_url("https://accounts.google.com/o/oauth2/v2/auth")).query)

    assert {name: values[0] for name, values in query.items()} == {
        "client_id": "99426463878-o7n0bshgue20tdpm25q4at0vs2mr4utq.apps.googleusercontent.com",
        "redirect_uri": "http://127.0.0.1:1/",
        "response_type": "code",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "access_type": "offline",
        "prompt": "consent",
        "state": "s",
        # https://www.rfc-editor.org/rfc/rfc7636#appendix-B
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }


def test_each_attempt_has_its_own_secrets_and_shows_none() -> None:
    one, other = Attempt("r"), Attempt("r")

    assert len({one.state, one.verifier, other.state, other.verifier}) == 4
    assert {len(one.state), len(one.verifier)} == {43}
    assert repr(one) == "Attempt(redirect_uri='r')"


REDIRECTS: dict[str, tuple[str, type[LoginError], str]] = {
    "another state": ("http://r/?code=c&state=x", StrayRequest, "is not of this login: its state differs"),
    "no state": ("http://r/?code=c", StrayRequest, "is not of this login: its state differs"),
    "no code": ("http://r/?state=s", StrayRequest, "holds no code"),
    "nothing": ("", StrayRequest, "is not of this login: its state differs"),
    "refused": ("http://r/?error=access_denied&state=s", LoginError, "the login was refused: access_denied"),
}


@pytest.mark.parametrize("name", REDIRECTS)
def test_an_address_that_brings_no_code(name: str) -> None:
    url, kind, fault = REDIRECTS[name]

    with pytest.raises(LoginError) as raised:
        Attempt("http://r/", state="s").parse_redirect(url)

    assert type(raised.value) is kind
    assert str(raised.value).endswith(fault)


def test_a_login_that_is_refused_in_the_browser_keeps_nothing(cli: Any, authorization_server: Any) -> None:
    authorization_server.denies = True

    outcome = cli.run_program("login", BROWSER=make_browser(cli, FOLLOW), **authorization_server.environ)

    refused = "docker-credential-gcr: the login was refused: access_denied\n" + AGAIN
    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr.endswith(refused)
    assert list(cli.home.iterdir()) == []


def test_waiting_for_the_browser_ends() -> None:
    told: list[str] = []

    with pytest.raises(LoginError, match="the login was not completed in time"):
        login_listener.receive("http://a/", timeout_s=0, open_browser=lambda _: False, tell=told.append)

    assert told[0].startswith(
        "open this address in a browser on this machine (else see --no-browser):\n\n  http://a/?"
    )


def test_without_a_display_the_address_is_shown_and_no_browser_started(
    cli: Any, authorization_server: Any
) -> None:
    cli.write_program("www-browser", "touch started")

    outcome = cli("login", "--timeout", "1", **authorization_server.environ)

    lines = outcome.stderr.splitlines()
    assert (outcome.status, lines[0]) == (
        1,
        "open this address in a browser on this machine (else see --no-browser):",
    )
    assert lines[2].startswith(f"  {authorization_server.url}/o/oauth2/auth?client_id=")
    assert lines[-2] == "docker-credential-gcr: the login was not completed in time"
    assert not (cli.directory / "started").exists()


def paste(cli: Any, environ: dict[str, str], change: Callable[[str], str]) -> tuple[int, str, str]:
    """Runs `login --no-browser`, opens its URL elsewhere, and pastes the URL of the redirect."""
    command = [sys.executable, "-m", "docker_credential_gcr", "login", "--no-browser"]
    pipe = subprocess.PIPE
    streams = {"stdin": pipe, "stdout": pipe, "stderr": pipe, "text": True}
    with running(command, **streams, env=cli.environ | environ, cwd=cli.directory) as process:
        shown = ""
        while "paste the address" not in shown:
            shown += process.stderr.readline()
        url = next(line.strip() for line in shown.splitlines() if line.startswith("  http"))
        process.stdin.write(change(find_redirect(url)) + "\n")
        process.stdin.close()
        return process.wait(LIMIT_S), process.stdout.read(), process.stderr.read()


def find_redirect(url: str) -> str:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    try:
        urllib.request.build_opener(Stay).open(url)
    except urllib.error.HTTPError as answer:
        with answer:
            return str(answer.headers["Location"])
    raise AssertionError("no redirect")


def test_a_pasted_address_logs_in_without_a_browser(cli: Any, authorization_server: Any) -> None:
    outcome = paste(cli, authorization_server.environ, lambda url: url)

    store = cli.own.with_name("docker_credentials.json")
    logged_in = f"logged in; the login is stored in {store}\n{next_step(authorization_server)}\n"
    assert outcome == (0, "", logged_in)
    assert json.loads(store.read_text())["gcrCreds"]["refresh_token"] == "1//login-0"


PASTED: dict[str, tuple[Callable[[str], str], str]] = {
    "nothing": (lambda _: "", "no address was pasted\nhint: docker-credential-gcr login --no-browser\n"),
    "another": (lambda url: url.replace("state=", "state=x"), f"its state differs\n{AGAIN}"),
    "a used code": (lambda url: url.replace("code=4", "code=5"), "invalid_grant\n"),
}


@pytest.mark.parametrize("name", PASTED)
def test_a_pasted_address_that_will_not_do_keeps_nothing(
    cli: Any, authorization_server: Any, name: str
) -> None:
    change, fault = PASTED[name]

    status, stdout, stderr = paste(cli, authorization_server.environ, change)

    assert (status, stdout) == (1, "")
    assert fault in stderr
    assert list(cli.home.iterdir()) == []


def test_a_login_that_no_source_would_find_is_warned_of(cli: Any, authorization_server: Any) -> None:
    cli.write(cli.own, '{"TokenSources": ["env"]}')

    outcome = cli.run_program("login", BROWSER=make_browser(cli, FOLLOW), **authorization_server.environ)

    assert outcome.stderr.splitlines()[-2] == (
        "warning: the token sources are env, without this login: "
        "docker-credential-gcr config --token-source store,env"
    )


def test_another_programs_members_of_the_store_are_kept(cli: Any, authorization_server: Any) -> None:
    store = cli.own.with_name("docker_credentials.json")
    cli.write(store, '{"other": 1, "gcrCreds": {"access_token": "ya29.old"}}')

    cli.run_program("login", BROWSER=make_browser(cli, FOLLOW), **authorization_server.environ)
    content = json.loads(store.read_text())
    cli("clear")

    assert (content["other"], content["gcrCreds"]["access_token"]) == (1, "ya29.first")
    assert json.loads(store.read_text()) == {"other": 1}


@pytest.fixture
def login_with_key(cli: Any, gcr_emulator: Any) -> Callable[..., Any]:
    """Logs in with a key of the emulator."""

    def run(key: Path, *options: str, **given: Any) -> Any:
        return cli("login", "--key-file", str(key), "--registries", gcr_emulator.registry, *options, **given)

    return run


@pytest.mark.parametrize("is_stdin", [False, True], ids=["a file", "stdin"])
def test_a_key_that_works_is_kept_and_gives_tokens(
    cli: Any, gcr_emulator: Any, login_with_key: Any, is_stdin: bool
) -> None:
    key, registry = gcr_emulator.key(), gcr_emulator.registry

    outcome = login_with_key("-", stdin=key.read_text()) if is_stdin else login_with_key(key)
    key.unlink()

    email = "ci@my-project.iam.gserviceaccount.com"
    configure = f"next: docker-credential-gcr configure-docker --registries {registry}"
    assert see(outcome) == (0, "", f"{registry}: logged in as {email}\n{configure}\n")
    token = cli("print-token", registry)
    assert (token.status, token.stdout[:5], token.stderr) == (0, "ya29.", "")
    logins = cli.own.with_name("docker_credential_gcr_logins.json")
    assert logins.stat().st_mode & 0o777 == 0o600
    assert json.loads(cli.own.read_text()) == {"Registries": {registry: {}}}


def test_a_key_that_no_longer_works_is_not_kept(cli: Any, gcr_emulator: Any, login_with_key: Any) -> None:
    key = gcr_emulator.key()
    gcr_emulator.reset()

    outcome = login_with_key(key)

    assert (outcome.status, outcome.stdout) == (1, "")
    assert " answered 400: invalid_grant: " in outcome.stderr
    assert list(cli.home.iterdir()) == []


def test_a_key_of_an_emulator_is_not_for_googles_registries(cli: Any, make_key: Callable[..., Path]) -> None:
    key = make_key()

    outcome = cli("login", "--key-file", str(key))

    assert see(outcome) == (
        1,
        "",
        f"docker-credential-gcr: key file {str(key)!r} is for localhost:5000, not Google's\n"
        f"hint: docker-credential-gcr login --key-file {key} --registries localhost:5000\n",
    )


KEYS = {
    "no file": (None, "cannot read key file 'KEY': No such file or directory"),
    "no text": (b"", "key file 'KEY' is empty"),
    "no JSON": (b"{", "key file 'KEY' is not JSON: "),
    "no UTF-8": (b"\xff", "key file 'KEY' is not UTF-8"),
    "no key": (b'{"type": "authorized_user"}', "key file 'KEY' has the type 'authorized_user', not"),
}


@pytest.mark.parametrize("name", KEYS)
def test_what_is_no_key_is_named(cli: Any, name: str) -> None:
    data, fault = KEYS[name]
    path = cli.directory / "key.json"
    if data is not None:
        path.write_bytes(data)

    outcome = cli("login", "--key-file", str(path))

    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(f"docker-credential-gcr: {fault.replace('KEY', str(path))}")
    assert list(cli.home.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            ("--key-file", "k", "--no-browser"),
            "--no-browser is for a login without --key-file: use one of them",
        ),
        (
            ("--registries", "gcr.io"),
            "--registries needs --key-file: a login with the browser is for all Google registries",
        ),
    ],
)
def test_options_that_do_not_go_together(cli: Any, options: tuple[str, ...], fault: str) -> None:
    assert see(cli("login", *options)) == (2, "", f"docker-credential-gcr: {fault}\n")


@pytest.mark.parametrize("command", ["logout", "gcr-logout"])
def test_a_logout_ends_the_login_and_forgets_everything(
    cli: Any, authorization_server: Any, gcr_emulator: Any, login_with_key: Any, command: str
) -> None:
    environ = authorization_server.environ
    cli.run_program("login", BROWSER=make_browser(cli, FOLLOW), **environ)
    login_with_key(gcr_emulator.key())
    cli("print-token", gcr_emulator.registry)

    outcome = cli(command, **environ)

    assert see(outcome) == (
        0,
        "",
        "login: revoked and forgotten\n"
        f"key of {gcr_emulator.registry}: forgotten\n"
        "access tokens: 1 removed\n",
    )
    assert authorization_server.logins == set()
    assert os.listdir(cli.home / ".cache/docker-credential-gcr") == []
    assert see(cli(command, **environ)) == (0, "", "nothing was stored\n")


def test_a_login_that_cannot_be_ended_is_forgotten_all_the_same(cli: Any, authorization_server: Any) -> None:
    environ = authorization_server.environ
    cli.run_program("login", BROWSER=make_browser(cli, FOLLOW), **environ)
    authorization_server.logins.clear()

    outcome = cli("logout", **environ)

    host = authorization_server.url.removeprefix("http://")
    warning = f"warning: the login was not revoked: {host} answered 400: invalid_token\n"
    assert see(outcome) == (0, "", warning + "login: forgotten\n")


def test_clear_forgets_and_sends_no_request(cli: Any, authorization_server: Any) -> None:
    environ = authorization_server.environ
    cli.run_program("login", BROWSER=make_browser(cli, FOLLOW), **environ)

    outcome = cli("clear", **environ)

    assert see(outcome) == (0, "", "login: forgotten\n")
    assert authorization_server.logins == {"1//login-0"}
