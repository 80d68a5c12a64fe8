"""gcloud as a token source: a fake program with its answers, and gcloud itself where it is installed."""

import json
import os
import select
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from support.child_processes import LIMIT_S

from docker_credential_gcr.errors import TokenError
from docker_credential_gcr.helper.google_auth import gcloud as gcloud_program
from docker_credential_gcr.helper.token_sources import gcloud as gcloud_source

NOW = 1_700_000_000
ARGUMENTS = "config config-helper --format=json(credential) --min-expiry=300s --quiet"


def say(token: object = "ya29.gcloud", expiry: object = "2999-01-01T00:00:00Z") -> str:
    credential = {"access_token": token, "id_token": None, "token_expiry": expiry}
    return "echo '" + json.dumps({"credential": credential}) + "'"


def is_released(pipe: int) -> bool:
    """Returns whether no process holds the other end; a killed process may take a moment to end."""
    try:
        return os.read(pipe, 1) == b""
    except BlockingIOError:
        return select.select([pipe], [], [], LIMIT_S)[0] == [pipe]
    finally:
        os.close(pipe)


@pytest.fixture
def get(helper: Any, gcloud: Any) -> Callable[..., tuple[int, str, str]]:
    helper.configure({"TokenSources": ["gcloud"]})

    def run(server_url: str = "gcr.io", **environ: str) -> tuple[int, str, str]:
        outcome = helper("get", stdin=server_url, **{"PATH": gcloud.path} | environ)
        secret = json.loads(outcome.stdout)["Secret"] if outcome.status == 0 else outcome.stdout
        return outcome.status, secret, outcome.stderr

    return run


def failure(text: str, hint: str = "") -> tuple[int, str, str]:
    line = f"no access token for gcr.io: gcloud: {text}\n"
    return 1, line, f"docker-credential-gcr: {line}" + (f"hint: {hint}\n" if hint else "")


def test_edge_32_gcloud_is_asked_once_and_then_the_cache(get: Any, gcloud: Any) -> None:
    gcloud.answer(say())

    assert [get(), get("eu.gcr.io")] == [(0, "ya29.gcloud", "")] * 2
    assert gcloud.calls == [ARGUMENTS]


def test_a_configuration_and_an_account_are_named_to_gcloud(get: Any, gcloud: Any, helper: Any) -> None:
    gcloud.answer(say())
    helper.configure({"Registries": {"gcr.io": {"TokenSources": ["gcloud:work"], "Account": "me@x.example"}}})

    assert get() == (0, "ya29.gcloud", "")
    assert gcloud.calls == [ARGUMENTS + " --configuration=work --account=me@x.example"]


# What gcloud does, and the message about it.
FAULTS = {
    "exit 1, not logged in": (
        "echo 'ERROR: You do not currently have an active account selected.' >&2; exit 1",
        failure("gcloud is not logged in", "run `gcloud auth login`"),
    ),
    "exit 1, silent": ("exit 1", failure("gcloud failed: exit status 1", "run `gcloud auth login`")),
    "exit 1, in its own words": (
        "echo WARNING: x >&2; echo 'ERROR: it is broken' >&2; echo more >&2; exit 1",
        failure("gcloud failed: ERROR: it is broken", "run `gcloud auth login`"),
    ),
    "non-JSON": ("echo hello", failure("gcloud answered something else than a credential")),
    "another JSON": ("echo '{}'", failure("gcloud answered something else than a credential")),
    "nothing": ("", failure("gcloud answered something else than a credential")),
    "null": ("echo '{\"credential\": null}'", failure("gcloud answered something else than a credential")),
    "empty token": (say(""), failure("gcloud answered without an access token", "run `gcloud auth login`")),
    "token in two lines": (
        say("a\\nb"),
        failure("gcloud answered without an access token", "run `gcloud auth login`"),
    ),
    "token_expiry past": (
        say(expiry="2001-01-01T00:00:00Z"),
        failure("gcloud answered an expired access token", "check this machine's clock"),
    ),
    "token_expiry nonsense": (
        say(expiry="soon"),
        failure("gcloud answered an access token with a malformed expiry"),
    ),
}


@pytest.mark.parametrize("name", FAULTS, ids=lambda name: f"32-{name}")
def test_edge_32_what_gcloud_may_do_wrong(get: Any, gcloud: Any, name: str) -> None:
    script, expected = FAULTS[name]
    gcloud.answer(script)

    assert get() == expected


def test_edge_32_gcloud_that_is_absent_is_a_failure_where_it_is_configured(get: Any, tmp_path: Path) -> None:
    hint = "install the Google Cloud CLI, or configure another token source"

    assert get(PATH=str(tmp_path)) == failure("gcloud is not on PATH", hint)


def test_edge_32_gcloud_that_is_not_executable_is_not_there(get: Any, gcloud: Any) -> None:
    (gcloud.directory / "gcloud").chmod(0o644)

    assert get(PATH=str(gcloud.directory))[1] == failure("gcloud is not on PATH")[1]


def test_t21_gcloud_in_the_current_directory_is_never_run(get: Any, gcloud: Any, helper: Any) -> None:
    gcloud.answer(say())
    shutil.copy(gcloud.directory / "gcloud", helper.directory / "gcloud")

    for path in ("", ".", ":", f"./{gcloud.directory.name}", "gcloud-bin"):
        assert get(PATH=path)[1] == failure("gcloud is not on PATH")[1]
    assert gcloud.calls == []


def test_edge_32_gcloud_that_hangs_is_ended_at_the_deadline_with_its_children(
    get: Any, gcloud: Any, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    gcloud.answer(f"exec 9>{tmp_path}/held; sleep 300 & wait")

    outcome = get(DOCKER_CREDENTIAL_GCR_TIMEOUT="1.5")

    hint = "allow more time in DOCKER_CREDENTIAL_GCR_TIMEOUT"
    assert outcome == failure("gcloud did not answer in time", hint)
    assert is_released(held)


LOCKED = "echo 'ERROR: gcloud crashed (OperationalError): database is locked' >&2; exit 1"


def test_edge_32_a_locked_database_is_tried_again(get: Any, gcloud: Any) -> None:
    gcloud.answer(LOCKED, LOCKED, say())

    assert get() == (0, "ya29.gcloud", "")
    assert gcloud.calls == [ARGUMENTS] * 3


def test_edge_32_a_database_that_stays_locked_is_named(get: Any, gcloud: Any) -> None:
    gcloud.answer(LOCKED)

    outcome = get(DOCKER_CREDENTIAL_GCR_TIMEOUT="1.5")

    fault = "gcloud failed: ERROR: gcloud crashed (OperationalError): database is locked"
    assert outcome == failure(fault, "let the other gcloud finish")


def test_edge_32_warnings_before_the_json_are_passed_over(get: Any, gcloud: Any) -> None:
    gcloud.answer(f"echo 'WARNING: an update is available'; echo more >&2; {say()}")

    assert get() == (0, "ya29.gcloud", "")


def test_edge_32_a_token_without_an_expiry_serves_this_call_alone(get: Any, gcloud: Any) -> None:
    gcloud.answer(say("ya29.1", None), say("ya29.2", None))

    assert get() == (0, "ya29.1", "")
    token = gcloud_program.parse_output('{"credential": {"access_token": "t", "token_expiry": null}}', NOW)
    assert (token.is_fresh(NOW), token.is_fresh(NOW + 1)) == (True, False)


def test_googles_token_does_not_go_to_loopback(get: Any, gcloud: Any, helper: Any) -> None:
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": ["gcloud"]}}})
    gcloud.answer(say())

    status, text, _ = get("localhost:5000")

    fault = "gcloud's login is Google's: its tokens are not sent to localhost:5000"
    assert (status, text) == (1, f"no access token for localhost:5000: gcloud: {fault}\n")
    assert gcloud.calls == []


# Where gcloud finds its token endpoint: (the token source, a configuration of gcloud's, variables).
EMULATOR, GOOGLE = "http://localhost:5000/token", "https://oauth2.googleapis.com/token"
NAMED_BY = {
    "d18-a variable": ("gcloud", None, {"CLOUDSDK_AUTH_TOKEN_HOST": EMULATOR}),
    "d18-the active configuration": ("gcloud", ("work", EMULATOR), {"CLOUDSDK_ACTIVE_CONFIG_NAME": "work"}),
    "d18-the configuration that is named": ("gcloud:work", ("work", EMULATOR), {}),
    "d18-a variable before the configuration": (
        "gcloud:work",
        ("work", GOOGLE),
        {"CLOUDSDK_AUTH_TOKEN_HOST": EMULATOR},
    ),
}


@pytest.mark.parametrize(("source", "configuration", "environ"), NAMED_BY.values(), ids=NAMED_BY)
def test_a_token_of_an_emulators_goes_to_loopback_and_not_to_google(
    get: Any,
    gcloud: Any,
    helper: Any,
    source: str,
    configuration: tuple[str, str] | None,
    environ: dict[str, str],
) -> None:
    helper.configure({"TokenSources": [source], "Registries": {"localhost:5000": {}}})
    gcloud.answer(say())
    if configuration is not None:
        folder = helper.config.parent / "configurations"
        folder.mkdir(parents=True)
        (folder / f"config_{configuration[0]}").write_text(f"[auth]\ntoken_host = {configuration[1]}\n")

    assert get("localhost:5000", **environ) == (0, "ya29.gcloud", "")
    fault = "gcloud's login is for localhost:5000: its tokens are not sent to Google's gcr.io"
    assert get("gcr.io", **environ)[:2] == failure(fault)[:2]


def test_d18_a_token_endpoint_of_gclouds_that_is_no_url_is_named(get: Any, gcloud: Any, helper: Any) -> None:
    folder = helper.config.parent / "configurations"
    folder.mkdir(parents=True)
    (folder / "config_default").write_text("[auth]\ntoken_host = localhost:5000\n")

    assert get()[1] == failure("gcloud's auth/token_host is not an http or https URL")[1]
    assert gcloud.calls == []


def test_edge_27_another_account_of_gcloud_is_another_identity(get: Any, gcloud: Any, helper: Any) -> None:
    folder = helper.config.parent
    (folder / "configurations").mkdir(parents=True, exist_ok=True)
    (folder / "active_config").write_text("one")
    for name, account in (("one", "a@x"), ("two", "b@x")):
        (folder / f"configurations/config_{name}").write_text(f"[core]\naccount = {account}\n")
    gcloud.answer(*(say(f"ya29.{number}") for number in range(1, 6)))
    answers = [get()]

    (folder / "active_config").write_text("two")
    answers += [get(), get()]
    (folder / "configurations/config_two").write_text("[core]\naccount = other@x\n")
    answers += [get(), get(CLOUDSDK_CORE_ACCOUNT="c@x"), get(CLOUDSDK_ACTIVE_CONFIG_NAME="one")]

    assert [secret for _, secret, _ in answers] == [
        "ya29.1",
        "ya29.2",
        "ya29.2",
        "ya29.3",
        "ya29.4",
        "ya29.5",
    ]


def test_edge_32_gcloud_is_a_cmd_file_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Outside of Windows, the Windows path is a file name in the current directory.
    for name in ("C:\\sdk\\gcloud.cmd", "sdk\\gcloud.cmd"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)

    found = [
        gcloud_program.find_program({"PATH": path}, "win32")
        for path in ("sdk;C:\\other;C:\\sdk\\", "sdk", "", ".")
    ]

    assert found == ["C:\\sdk\\gcloud.cmd", None, None, None]


def test_runs_of_gcloud_for_two_identities_do_not_overlap(get: Any, gcloud: Any, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    gcloud.answer(f"mkdir {tmp_path}/busy || exit 1; sleep 0.2; rmdir {tmp_path}/busy; {say()}")

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(
            pool.map(
                lambda number: get(CLOUDSDK_CORE_ACCOUNT=f"{number}@x", DOCKER_CREDENTIAL_GCR_TIMEOUT="60"),
                range(4),
            )
        )

    assert outcomes == [(0, "ya29.gcloud", "")] * 4


def test_parse_output_takes_what_is_left_of_a_token() -> None:
    instant = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + 30))
    credential = {"access_token": "t", "token_expiry": instant}

    token = gcloud_program.parse_output(json.dumps({"credential": credential}), NOW)

    assert (token.value, token.expires_at, token.obtained_at) == ("t", NOW + 30, NOW)
    with pytest.raises(TokenError):
        gcloud_program.parse_output(json.dumps({"credential": credential}), NOW + 25)


@pytest.fixture
def real() -> dict[str, str]:
    """Returns the variables with which gcloud itself is found, and has enough time."""
    program = Path(shutil.which("gcloud") or "")
    return {"PATH": f"{program.parent}:{os.defpath}", "DOCKER_CREDENTIAL_GCR_TIMEOUT": "120"}


@pytest.mark.needs("gcloud")
def test_the_real_gcloud_gives_the_token_of_an_access_token_file(
    get: Any, real: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("ya29.from-a-file\n")

    outcome = get(**real, CLOUDSDK_AUTH_ACCESS_TOKEN_FILE=str(tmp_path / "token"))

    assert outcome == (0, "ya29.from-a-file", "")


@pytest.mark.needs("gcloud")
def test_the_real_gcloud_without_an_account_is_not_logged_in(get: Any, real: dict[str, str]) -> None:
    outcome = get(**real)

    assert outcome == failure("gcloud is not logged in", "run `gcloud auth login`")


@pytest.mark.needs("gcloud")
def test_the_real_gcloud_whose_database_is_held_ends_at_the_deadline(
    get: Any, real: dict[str, str], helper: Any
) -> None:
    with ExitStack() as stack:
        for name in ("credentials.db", "access_tokens.db"):
            database = stack.enter_context(closing(sqlite3.connect(helper.config.parent / name)))
            database.execute("CREATE TABLE credentials (account_id TEXT PRIMARY KEY, value BLOB)")
            database.execute("BEGIN EXCLUSIVE")
        environ = real | {"CLOUDSDK_CORE_ACCOUNT": "me@x.example", "DOCKER_CREDENTIAL_GCR_TIMEOUT": "4"}
        status, text, _ = get(**environ)

    assert status == 1
    assert text.startswith("no access token for gcr.io: gcloud: gcloud ")
    assert "\n" not in text[:-1]


def test_find_source_reads_no_more_than_stamps(tmp_path: Path) -> None:
    environ = {"CLOUDSDK_CONFIG": str(tmp_path)}

    identities = [gcloud_source.find_source(name, environ, "linux").identity for name in ("", "default", "x")]

    assert identities[0] == identities[1] != identities[2]


@pytest.mark.parametrize("stream", ["1", "2"], ids=["B-Z10-stdout", "B-Z10-stderr"])
def test_z10_gcloud_that_writes_without_end_is_ended_and_named(get: Any, gcloud: Any, stream: str) -> None:
    gcloud.answer(f"exec cat /dev/zero >&{stream}")

    assert get() == failure("gcloud answered more than 1 MiB")
