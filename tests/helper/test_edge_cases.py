"""Edge cases, by number, that concern several modules: the environment, the cache, whole flows."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

NOT_FOUND = (1, "credentials not found in native keychain\n", "")
HOST = "localhost:5000"


def see(outcome: Any) -> tuple[int, str, str]:
    return outcome.status, outcome.stdout, outcome.stderr


def answer_of(secret: str, server_url: str = HOST) -> tuple[int, str, str]:
    answer = {"ServerURL": server_url, "Username": "oauth2accesstoken", "Secret": secret}
    return 0, json.dumps(answer, separators=(",", ":")) + "\n", ""


@pytest.fixture
def configured(helper: Any, make_key: Callable[..., Path]) -> Any:
    """Configures the helper with a key of the token server for localhost:5000."""
    helper.key = make_key()
    helper.configure({"Registries": {HOST: {"TokenSources": [f"file:{helper.key}"]}}})
    return helper


# The change of the environment; in each, a variable names the configuration.
HOMES: dict[str, Callable[[Path], dict[str, str | None]]] = {
    "HOME empty": lambda _: {"HOME": ""},
    "HOME nonexistent": lambda folder: {"HOME": str(folder / "nonexistent/home")},
    "HOME a file": lambda folder: {"HOME": str(folder / "key.json")},
    "HOME unwritable": lambda _: {"HOME": "/proc"},
    "XDG_CACHE_HOME relative": lambda _: {"XDG_CACHE_HOME": "cache"},
    "XDG_CACHE_HOME unwritable": lambda _: {"XDG_CACHE_HOME": "/proc"},
    "a path that is not ASCII, LANG=C": lambda folder: {
        "DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(folder / "café"),
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
    "CLOUDSDK_CONFIG nonexistent": lambda folder: {"CLOUDSDK_CONFIG": str(folder / "nonexistent")},
    "no PATH": lambda _: {"PATH": ""},
}


@pytest.mark.parametrize("name", HOMES, ids=lambda name: f"16-{name}")
def test_edge_16_a_get_survives_its_environment(configured: Any, tmp_path: Path, name: str) -> None:
    environ = {key: value or "" for key, value in HOMES[name](tmp_path).items()}
    environ["DOCKER_CREDENTIAL_GCR_CONFIG"] = str(configured.config)
    if name == "HOME empty":
        environ["DOCKER_CREDENTIAL_GCR_CACHE"] = (
            "off"  # otherwise the cache is below the home in the password database
        )

    assert see(configured("get", stdin=HOST, **environ)) == answer_of("ya29.1")


@pytest.mark.needs_root("become another user")
def test_edge_16_a_user_without_an_entry_and_without_a_home() -> None:
    program = [sys.executable, "-m", "docker_credential_gcr", "get"]
    environ = {"PATH": os.defpath, "NO_GCE_CHECK": "true"}

    try:
        run = subprocess.run(
            program, input=b"gcr.io", capture_output=True, env=environ, cwd="/", timeout=60, user=54321
        )
    except PermissionError:
        pytest.skip(f"other users may not enter the directory of {sys.executable}: install it elsewhere")

    assert (run.returncode, run.stdout.decode(), run.stderr.decode()) == NOT_FOUND


def test_edge_16_a_full_disk_costs_a_request_and_nothing_else(configured: Any) -> None:
    command = f"ulimit -f 0; exec {sys.executable} -m docker_credential_gcr get"

    outcomes = [
        subprocess.run(
            ["/bin/sh", "-c", command],
            input=HOST,
            capture_output=True,
            text=True,
            env=configured.environ,
            cwd="/",
        )
        for _ in range(2)
    ]

    assert [(o.returncode, o.stdout, o.stderr) for o in outcomes] == [
        answer_of("ya29.1"),
        answer_of("ya29.2"),
    ]
    assert list(configured.cache.glob("*.json*.tmp")) == list(configured.cache.glob("*.json")) == []


def test_edge_16_a_termination_leaves_nothing_half_done(configured: Any, token_server: Any) -> None:
    token_server.is_silent = True
    with configured.start("get") as process:
        process.stdin.write(HOST)
        process.stdin.close()
        assert token_server.asked.wait(30)
        process.send_signal(signal.SIGTERM)
        outcome = (process.wait(30), process.stdout.read(), process.stderr.read())
    token_server.is_silent = False
    token_server.released.set()

    assert outcome == (-signal.SIGTERM, "", "")
    assert [path.suffix for path in configured.cache.iterdir()] == [".lock"]
    assert see(configured("get", stdin=HOST)) == answer_of("ya29.2")


WRITTEN = {
    "as it is": HOST,
    "http": f"http://{HOST}",
    "https": f"https://{HOST}",
    "a slash": f"https://{HOST}/",
    "the API's path": f"https://{HOST}/v2/",
    "a repository": f"{HOST}/p/i",
    "upper case": "LOCALHOST:5000",
    "a line end": f"{HOST}\n",
    "Windows' line end": f"{HOST}\r\n",
    "spaces": f"  {HOST}\t",
}


@pytest.mark.parametrize("name", WRITTEN, ids=lambda name: f"17-{name}")
def test_edge_17_a_registry_in_any_of_its_spellings(configured: Any, name: str) -> None:
    text = WRITTEN[name]

    assert see(configured("get", stdin=text)) == answer_of("ya29.1", text.strip())


@pytest.mark.parametrize("text", ["https://gcr.io:443/v2/", "us-docker.pkg.dev:443", "GCR.io"])
def test_edge_17_googles_port_and_case_do_not_matter(helper: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text("ya29.file")
    helper.configure({"TokenSources": [f"token-file:{tmp_path}/token"]})

    assert see(helper("get", stdin=text)) == answer_of("ya29.file", text)


@pytest.mark.parametrize(
    ("arguments", "status", "streams"),
    [
        ((), 0, ["stdout"]),
        (("--help",), 0, ["stdout"]),
        (("-h",), 0, ["stdout"]),
        (("unknown",), 2, ["stderr"]),
        (("get", "a", "b"), 1, ["stdout", "stderr"]),  # stdout is for docker, stderr for the user
    ],
    ids=lambda value: f"23-{value}",
)
def test_edge_23_what_is_no_verb(
    helper: Any, arguments: tuple[str, ...], status: int, streams: list[str]
) -> None:
    outcome = helper(*arguments)

    assert outcome.status == status
    assert [name for name in ("stdout", "stderr") if getattr(outcome, name)] == streams


def find_entry(helper: Any) -> Path:
    (entry,) = helper.cache.glob("*.json")
    return Path(entry)


PLACES: dict[str, Callable[[Path], object]] = {
    "absent": lambda entry: entry.unlink(),
    "empty": lambda entry: entry.write_text(""),
    "a symbolic link to a good one": lambda entry: (
        entry.rename(entry.with_name("moved")).replace(entry.with_name("good")) and entry.symlink_to("good")
    ),
    "readable by others": lambda entry: entry.chmod(0o644),
    "a pipe": lambda entry: entry.unlink() or os.mkfifo(entry),
}


@pytest.mark.parametrize("name", PLACES, ids=lambda name: f"24-{name}")
def test_edge_24_a_cache_entry_that_is_not_to_be_trusted(configured: Any, name: str) -> None:
    assert see(configured("get", stdin=HOST)) == answer_of("ya29.1")
    PLACES[name](find_entry(configured))

    assert see(configured("get", stdin=HOST)) == answer_of("ya29.2")


# Seconds until the token expires, seconds since it was fetched, and whether `get` still returns it.
AGES = {
    "25-expires in 5 s": (5, 3595, False),
    "25-expires in 9 s": (9, 3591, False),
    "25-expired": (-1, 3601, False),
    # Time passes until the helper reads the clock; test_tokens.py tests the exact second.
    "25-a minute over MinTTL": (360, 3240, True),
    "25-a second under MinTTL": (299, 3301, False),
    "25-far future": (10 * 365 * 86400, 0, False),
    "25-more than half of a five-minute token": (210, 90, True),
    "26-the clock was set back an hour": (7200, -3600, False),
    "26-the clock was set back ten years": (10 * 365 * 86400, -10 * 365 * 86400, False),
    "26-the clock was set forward ten years": (-10 * 365 * 86400, 10 * 365 * 86400, False),
}


@pytest.mark.parametrize("name", AGES)
def test_edge_25_and_26_when_a_cached_token_is_the_answer(configured: Any, name: str) -> None:
    left_s, age_s, is_served = AGES[name]
    configured("get", stdin=HOST)
    entry, now = find_entry(configured), int(time.time())
    token = json.loads(entry.read_text()) | {"expires_at": now + left_s, "obtained_at": now - age_s}
    entry.write_text(json.dumps(token))

    assert see(configured("get", stdin=HOST)) == answer_of("ya29.1" if is_served else "ya29.2")


@pytest.mark.parametrize(
    "change", [{"expires_at": None}, {"expires_at": "2024-05-01T12:00:00"}, {"expires_at": 1.5}]
)
def test_edge_25_an_entry_without_an_instant_is_ignored(configured: Any, change: dict[str, object]) -> None:
    configured("get", stdin=HOST)
    entry = find_entry(configured)
    entry.write_text(json.dumps(json.loads(entry.read_text()) | change))

    assert see(configured("get", stdin=HOST)) == answer_of("ya29.2")


def test_edge_28_the_lock_of_a_holder_that_was_killed_is_free(configured: Any, token_server: Any) -> None:
    token_server.is_silent = True
    with configured.start("get") as process:
        process.stdin.write(HOST)
        process.stdin.close()
        assert token_server.asked.wait(30)
        process.kill()
    token_server.is_silent = False
    token_server.released.set()

    assert see(configured("get", stdin=HOST)) == answer_of("ya29.2")


@pytest.mark.parametrize(
    "name", ["a directory", "unwritable", "a symbolic link to nowhere"], ids=lambda n: f"28-{n}"
)
def test_edge_28_a_lock_that_cannot_be_had_is_done_without(configured: Any, name: str) -> None:
    assert see(configured("get", stdin=HOST)) == answer_of("ya29.1")
    entry = find_entry(configured)
    entry.unlink()
    lock = entry.with_name(entry.name + ".lock")
    lock.unlink(missing_ok=True)
    if name == "a directory":
        lock.mkdir()
    elif name == "unwritable":
        lock.touch(mode=0o000)
    else:
        lock.symlink_to(entry.parent / "absent/lock")

    outcome = configured("get", stdin=HOST)

    assert see(outcome) == answer_of("ya29.2")


def test_edge_28_a_file_system_without_locks_is_done_without(configured: Any, tmp_path: Path) -> None:
    # Raised in the program's own interpreter.
    (tmp_path / "sitecustomize.py").write_text(
        "import fcntl\ndef flock(*_):\n    raise OSError(37, 'No locks available')\nfcntl.flock = flock\n"
    )

    outcome = configured("get", stdin=HOST, PYTHONPATH=str(tmp_path))

    assert see(outcome) == answer_of("ya29.1")


REVOKED = {
    "30-revoked": {"error": "invalid_grant", "error_description": "Invalid JWT Signature."},
    "30-deleted": {"error": "invalid_grant", "error_description": "Invalid grant: account not found"},
}


@pytest.mark.parametrize("name", REVOKED)
def test_edge_30_a_key_or_account_that_is_gone_is_named(
    configured: Any, token_server: Any, answer: Any, name: str
) -> None:
    body = REVOKED[name]
    token_server.answers = [answer(400, json.dumps(body).encode())]

    outcome = configured("get", stdin=HOST)

    text = f"{token_server.host} answered 400: {body['error']}: {body['error_description']}"
    line = f"no access token for {HOST}: file: {text}\n"
    hint = "hint: check that the key and its service account still exist, and that the clock is right\n"
    assert see(outcome) == (1, line, f"docker-credential-gcr: {line}{hint}")


def test_edge_29_an_expired_token_is_not_served_when_the_refresh_fails(
    configured: Any, token_server: Any, answer: Any
) -> None:
    configured("get", stdin=HOST)
    entry, now = find_entry(configured), int(time.time())
    token = json.loads(entry.read_text()) | {"expires_at": now - 1, "obtained_at": now - 3601}
    entry.write_text(json.dumps(token))
    token_server.answers = [answer(503, b"", {"Retry-After": "0"})] * 3

    outcome = configured("get", stdin=HOST)

    assert outcome.stdout == f"no access token for {HOST}: file: {token_server.host} answered 503\n"


def test_edge_33_keys_in_other_clothes(
    configured: Any, private_key: str, make_key: Callable[..., Path]
) -> None:
    key = load_pem_private_key(private_key.encode(), None)
    traditional = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    secrets = []
    for pem in (private_key.replace("\n", "\r\n"), traditional, private_key.strip()):
        make_key(private_key=pem)
        secrets.append(json.loads(configured("get", stdin=HOST).stdout)["Secret"])

    assert secrets == ["ya29.1", "ya29.2", "ya29.3"]


def test_edge_33_a_p12_file_is_no_key_file(configured: Any, private_key: str) -> None:
    key: Any = load_pem_private_key(private_key.encode(), None)
    data = pkcs12.serialize_key_and_certificates(b"k", key, None, None, serialization.NoEncryption())
    configured.key.write_bytes(data)

    outcome = configured("get", stdin=HOST)

    line = f"no access token for {HOST}: file: key file {str(configured.key)!r} is not UTF-8\n"
    assert outcome.stdout == line


def test_edge_36_every_source_that_was_asked_is_named_with_its_reason(
    helper: Any, make_key: Callable[..., Path]
) -> None:
    key = make_key(private_key="x")
    sources = ["store", "none", "env", f"file:{key}", "gcloud"]
    helper.configure({"Registries": {HOST: {"TokenSources": sources}}})

    outcome = helper("get", stdin=HOST)

    line = (
        f"no access token for {HOST}: store: no login is stored; none: never has a token; "
        "env: GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud's well-known file does not exist and the "
        f"metadata server is switched off; file: key file {str(key)!r}: the private key is not PEM\n"
    )
    hint = "hint: create a new JSON key for the service account\n"
    assert see(outcome) == (1, line, f"docker-credential-gcr: {line}{hint}")


def test_edge_38_a_proxy_that_is_not_there_and_a_host_without_an_address(
    helper: Any, make_key: Callable[..., Path]
) -> None:
    key = make_key(token_uri="https://oauth2.googleapis.com/token")
    helper.configure({"TokenSources": [f"file:{key}"]})
    dead = {"HTTPS_PROXY": "http://localhost:1"}

    texts = [helper("get", stdin="gcr.io", **dead).stdout]
    key = make_key(token_uri="https://tokens.invalid/token")
    helper.configure({"Registries": {"r.example": {"TokenSources": [f"file:{key}"]}}})
    texts.append(helper("get", stdin="r.example", NO_PROXY="*").stdout)

    start = "no access token for gcr.io: file: "
    assert texts[0] == f"{start}cannot reach oauth2.googleapis.com: Connection refused\n"
    assert texts[1].startswith("no access token for r.example: file: cannot reach tokens.invalid: ")


def test_edge_38_a_server_without_a_certificate_is_named(
    helper: Any, make_key: Callable[..., Path], token_server: Any
) -> None:
    key = make_key(token_uri=token_server.url.replace("http:", "https:"))
    helper.configure({"Registries": {HOST: {"TokenSources": [f"file:{key}"]}}})

    outcome = helper("get", stdin=HOST)

    assert outcome.status == 1
    assert outcome.stdout.startswith(f"no access token for {HOST}: file: cannot reach {token_server.host}: ")


def test_edge_40_docker_login_and_logout_by_protocol(configured: Any) -> None:
    """Sends docker's calls in their order: get, store of the same token, four erases."""
    get = configured("get", stdin=HOST)
    secret = json.loads(get.stdout)["Secret"]
    triple = {"ServerURL": HOST, "Username": "oauth2accesstoken", "Secret": secret}
    calls = [configured("store", stdin=json.dumps(triple) + "\n")]
    calls += [configured("erase", stdin=text) for text in (HOST, HOST, f"http://{HOST}", f"https://{HOST}")]

    assert see(get) == answer_of("ya29.1")
    assert [see(call) for call in calls] == [(0, "", "")] * 5
    assert not configured.config.with_name("docker_credential_gcr_logins.json").exists()


def test_edge_40_a_whole_store_lets_docker_hub_be_pulled_anonymously(helper: Any) -> None:
    asked = ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"]

    assert [see(helper("get", stdin=text)) for text in asked] == [NOT_FOUND] * 4


def test_edge_40_crane_asks_for_the_repository_first(configured: Any) -> None:
    outcomes = [see(configured("get", stdin=text)) for text in (f"{HOST}/p/i", HOST)]

    assert outcomes == [answer_of("ya29.1", f"{HOST}/p/i"), answer_of("ya29.1")]


def test_edge_41_ninety_six_hosts_share_one_token(
    helper: Any, make_key: Callable[..., Path], token_server: Any
) -> None:
    hosts = [f"localhost:{port}" for port in range(5000, 5096)]
    source = {"TokenSources": [f"file:{make_key()}"]}
    helper.configure({"Registries": dict.fromkeys(hosts, source)})

    secrets = {json.loads(helper("get", stdin=host).stdout)["Secret"] for host in hosts}

    assert secrets == {"ya29.1"}
    assert len(token_server.requests) == 1
    assert len(list(helper.cache.glob("*.json"))) == 1
