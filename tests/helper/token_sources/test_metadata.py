"""Metadata server: when it is asked, its possible answers, and where its tokens may be sent."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.errors import NoToken
from docker_credential_gcr.helper.token_sources import metadata

TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
FLAVOR = {"Metadata-Flavor": "Google"}
TOKEN = {"access_token": "ya29.machine", "expires_in": 3599, "token_type": "Bearer"}


@pytest.fixture
def get(helper: Any, services: Any) -> Callable[..., tuple[int, str, str]]:
    """Returns a function that gets a token for localhost:5000 from the services' metadata server."""
    helper.environ |= {"GCE_METADATA_HOST": services.host, "NO_GCE_CHECK": ""}
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": ["metadata"]}}})

    def run(server_url: str = "localhost:5000", **environ: str) -> tuple[int, str, str]:
        outcome = helper("get", stdin=server_url, **environ)
        secret = json.loads(outcome.stdout)["Secret"] if outcome.status == 0 else outcome.stdout
        return outcome.status, secret, outcome.stderr

    return run


def failure(text: str, hint: str = "") -> tuple[int, str, str]:
    line = f"no access token for localhost:5000: metadata: {text}\n"
    return 1, line, f"docker-credential-gcr: {line}" + (f"hint: {hint}\n" if hint else "")


def test_the_machines_token_is_asked_for_once_and_then_the_cache(get: Any, services: Any) -> None:
    services.tell(TOKEN_PATH, TOKEN, headers=FLAVOR)

    assert [get(), get()] == [(0, "ya29.machine", "")] * 2
    (request,) = services.requests
    assert (request.method, request.path, request.headers["Metadata-Flavor"]) == ("GET", TOKEN_PATH, "Google")


def test_another_account_and_narrower_scopes_are_asked_for(get: Any, services: Any, helper: Any) -> None:
    registry = {"TokenSources": ["metadata"], "Account": "ci@p.iam", "Scopes": ["https://s/a", "https://s/b"]}
    helper.configure({"Registries": {"localhost:5000": registry}})
    path = TOKEN_PATH.replace("default", "ci@p.iam")
    services.tell(path, TOKEN, headers=FLAVOR)

    assert get() == (0, "ya29.machine", "")
    assert [request.path for request in services.requests] == [
        path + "?scopes=https%3A%2F%2Fs%2Fa,https%3A%2F%2Fs%2Fb"
    ]


CHECK = "check GCE_METADATA_HOST, which names HOST, or unset it"
ENDPOINT = "check the key's token_uri, and the proxies between it and this machine"
ACCOUNT = "give the machine a service account, or configure another token source"
ANSWERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "404 no service account": (
        {"status": 404, "headers": FLAVOR},
        "the machine has no service account",
        "configure a token source that has a credential",
    ),
    "403 scopes": (
        {"status": 403, "headers": FLAVOR},
        "HOST answered 403: the scopes are not granted",
        "give the machine's service account the scope cloud-platform, or configure another token source",
    ),
    "400": (
        {"status": 400, "headers": FLAVOR, "document": {"error": "bad"}},
        "HOST answered 400: bad",
        ACCOUNT,
    ),
    "wrong Metadata-Flavor": (
        {"document": TOKEN, "headers": {"Metadata-Flavor": "Other"}},
        "HOST is not a metadata server: it answered 200",
        CHECK,
    ),
    "captive portal": (
        {"body": b"<html>pay</html>", "headers": {"Content-Type": "text/html"}},
        "HOST is not a metadata server: it answered 200",
        CHECK,
    ),
    "HTML with the flavor": (
        {"body": b"<html>", "headers": {**FLAVOR, "Content-Type": "text/html"}},
        "HOST answered no JSON object but text/html",
        ENDPOINT,
    ),
    "no token": ({"document": {}, "headers": FLAVOR}, "HOST answered without an access token", ENDPOINT),
}


@pytest.mark.parametrize("name", ANSWERS, ids=lambda name: f"35-{name}")
def test_edge_35_what_the_metadata_server_may_answer(get: Any, services: Any, name: str) -> None:
    reply, fault, hint = ANSWERS[name]
    services.tell(TOKEN_PATH, **reply)

    assert get() == failure(
        fault.replace("HOST", services.host), hint.replace("names HOST", f"names {services.host}")
    )


def test_edge_35_a_token_with_thirty_seconds_left_is_served(get: Any, services: Any) -> None:
    services.tell(TOKEN_PATH, TOKEN | {"expires_in": 30}, headers=FLAVOR)

    assert get() == (0, "ya29.machine", "")


def test_edge_35_a_server_that_refuses_the_connection_is_a_failure_where_it_is_named(get: Any) -> None:
    outcome = get(GCE_METADATA_HOST="localhost:1")

    assert outcome == failure(
        "cannot reach localhost:1: Connection refused",
        "the emulator is not running: start it with `gcr-emulator serve`",
    )


def test_edge_35_a_black_hole_is_left_at_the_deadline(get: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:  # the listener never accepts
        host = f"localhost:{hole.getsockname()[1]}"
        outcome = get(GCE_METADATA_HOST=host, DOCKER_CREDENTIAL_GCR_TIMEOUT="0.5")

    assert outcome == failure(
        f"{host} did not answer in time",
        "check the network, or allow more time in DOCKER_CREDENTIAL_GCR_TIMEOUT",
    )


def test_an_emulators_metadata_never_serves_google_nor_googles_loopback(
    get: Any, services: Any, helper: Any
) -> None:
    helper.configure({"TokenSources": ["metadata"], "Registries": {"localhost:5000": {}}})

    assert get("gcr.io")[1] == (
        f"no access token for gcr.io: metadata: metadata server {services.host} is not Google's: "
        "its tokens are not sent to Google's gcr.io\n"
    )
    assert get(GCE_METADATA_HOST="") == failure(
        "metadata server metadata.google.internal is Google's: its tokens are not sent to localhost:5000",
        "set GCE_METADATA_HOST to the emulator's host",
    )
    assert services.requests == []


@pytest.mark.parametrize(
    "host", ["metadata.evil.example", "169.254.evil.example", "169.254.1", "10.0.0.1:80"]
)
def test_t05_another_hosts_metadata_never_serves_google(get: Any, helper: Any, host: str) -> None:
    helper.configure({"TokenSources": ["metadata"]})

    assert get("gcr.io", GCE_METADATA_HOST=host)[1] == (
        f"no access token for gcr.io: metadata: metadata server {host} is not Google's: "
        "its tokens are not sent to Google's gcr.io\n"
    )


def test_env_ends_at_the_metadata_server(get: Any, services: Any, helper: Any) -> None:
    helper.configure({"Registries": {"localhost:5000": {}}})
    services.tell(TOKEN_PATH, TOKEN, headers=FLAVOR)

    assert get() == (0, "ya29.machine", "")


def test_env_finds_nothing_on_a_machine_without_an_account(get: Any, services: Any, helper: Any) -> None:
    helper.configure({"Registries": {"localhost:5000": {}}})
    services.tell(TOKEN_PATH, status=404, headers=FLAVOR)

    assert get() == (1, "credentials not found in native keychain\n", "")


@pytest.mark.parametrize(
    "switch", [{"NO_GCE_CHECK": "true"}, {"NO_GCE_CHECK": "True"}, {"METADATA_SERVER_DETECTION": "none"}]
)
def test_a_switch_keeps_env_from_asking(get: Any, services: Any, helper: Any, switch: dict[str, str]) -> None:
    helper.configure({"Registries": {"localhost:5000": {}}})

    assert get(**switch) == (1, "credentials not found in native keychain\n", "")
    assert services.requests == []


def find(tmp_path: Path, product: str | None, platform: str = "linux", **environ: str) -> bool | None:
    """Returns whether the metadata server is sure to exist; None when the helper does not ask it."""
    product_file = tmp_path / "product_name"
    if product is not None:
        product_file.write_text(product + "\n")
    environ = {"DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(tmp_path / "cache")} | environ
    try:
        return metadata.find_default(environ, platform, product_file=str(product_file)).is_sure
    except NoToken:
        return None


@pytest.mark.parametrize(
    ("product", "environ", "expected"),
    [
        ("Google Compute Engine", {}, True),
        ("Google", {}, True),
        ("Standard PC (Q35 + ICH9, 2009)", {}, None),
        ("", {}, False),
        (None, {}, False),
        (None, {"METADATA_SERVER_DETECTION": "bios-only"}, None),
        (None, {"METADATA_SERVER_DETECTION": "assume-present"}, True),
        ("Standard PC", {"GCE_METADATA_HOST": "localhost:1"}, True),
        ("Google Compute Engine", {"NO_GCE_CHECK": "true"}, None),
    ],
)
def test_the_firmware_saves_the_wait_on_machines_that_are_not_googles(
    tmp_path: Path, product: str | None, environ: dict[str, str], expected: bool | None
) -> None:
    assert find(tmp_path, product, **environ) is expected


def test_a_mac_is_not_googles_machine(tmp_path: Path) -> None:
    assert find(tmp_path, None, platform="darwin") is None


def test_the_absence_is_remembered_for_five_minutes(helper: Any, tmp_path: Path) -> None:
    environ = {"GCE_METADATA_IP": "localhost:1", "DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(tmp_path / "cache")}
    if metadata.is_google_machine("linux", metadata.PRODUCT_FILE) is not None:
        pytest.skip("this machine's firmware tells whether Google made it: run this test on another")
    run = {"NO_GCE_CHECK": ""} | environ

    outcome = helper("get", stdin="gcr.io", **run)

    assert (outcome.status, outcome.stdout) == (1, "credentials not found in native keychain\n")
    record = json.loads((tmp_path / "cache/metadata-server.json").read_text())
    checked_at = record.pop("checked_at")
    assert record == {"version": 1, "address": "localhost:1", "is_present": False}
    server = metadata.Metadata(environ, "linux", is_sure=False)
    presences = [server.find_presence(checked_at + seconds) for seconds in (-1, 0, 299, 300)]
    assert presences == [None, False, False, None]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_named_server_is_asked_first_where_a_ping_decides(
    get: Any, services: Any, helper: Any, is_there: bool
) -> None:
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": ["env"]}}})
    services.tell("/", status=200 if is_there else 404, headers=FLAVOR if is_there else {})
    services.tell(TOKEN_PATH, TOKEN, headers=FLAVOR)

    outcome = get(METADATA_SERVER_DETECTION="ping-only")

    paths = [request.path for request in services.requests]
    if is_there:
        assert (outcome, paths) == ((0, "ya29.machine", ""), ["/", TOKEN_PATH])
    else:
        assert (outcome[0], "there is no metadata server" in outcome[1], paths) == (1, True, ["/"])
