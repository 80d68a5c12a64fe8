"""The command `configure-docker`: the files that it writes and keeps, and its messages."""

import json
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.configure import registry_hosts

PROGRAM = "docker-credential-gcr"
FROM_CHECKOUT = "pipx install .  # in a checkout of docker-credential-gcr"
PROGRAMS = Path(sysconfig.get_path("scripts"))
DEFAULT = [
    *("gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io", "marketplace.gcr.io"),
    *("us-docker.pkg.dev", "europe-docker.pkg.dev", "asia-docker.pkg.dev"),
]
GOOGLE_URI = "https://oauth2.googleapis.com/token"


def see(outcome: Any) -> tuple[int, str, str]:
    return outcome.status, outcome.stdout, outcome.stderr


def lines(hosts: list[str], what: str) -> str:
    return "".join(f"{host}: {what}\n" for host in hosts)


def test_without_registries_the_default_ones_are_configured(cli: Any) -> None:
    outcome = cli("configure-docker")

    assert see(outcome) == (0, "", lines(DEFAULT, "configured"))
    assert json.loads(cli.docker.read_text()) == {"credHelpers": dict.fromkeys(DEFAULT, "gcr")}
    assert not cli.own.exists()


def test_a_second_run_says_so_and_writes_nothing(cli: Any) -> None:
    cli("configure-docker")
    before = cli.docker.stat()

    outcome = cli("configure-docker")

    assert see(outcome) == (0, "", lines(DEFAULT, "already configured"))
    assert (cli.docker.stat().st_ino, cli.docker.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("lays_out", [True, False], ids=["as json lays it out", "on fewer lines"])
def test_what_others_wrote_is_kept_and_laid_out_with_its_own_indentation(cli: Any, lays_out: bool) -> None:
    content = {"auths": {"x.io": {"auth": "dTpw", "extra": 1.0}}, "zzz": [1, 2], "credHelpers": {"a.io": "ä"}}
    text = json.dumps(content, indent=4, ensure_ascii=False) + "\n"
    cli.write(cli.docker, text if lays_out else text.replace("1,\n        2", "1,2"))

    cli("configure-docker", "--registries", "gcr.io")

    assert cli.docker.read_text() == text.replace('"ä"', '"ä",\n        "gcr.io": "gcr"')


def test_registries_are_taken_as_people_write_them(cli: Any) -> None:
    outcome = cli("configure-docker", "--registries", " GCR.io,, https://us-docker.pkg.dev/v2/ ,gcr.io:443")

    assert see(outcome) == (0, "", lines(["gcr.io", "us-docker.pkg.dev"], "configured"))
    assert json.loads(cli.docker.read_text()) == {
        "credHelpers": {"gcr.io": "gcr", "us-docker.pkg.dev": "gcr"}
    }


def test_a_token_source_of_a_registry_makes_it_a_configured_host(
    cli: Any, make_key: Callable[..., Path]
) -> None:
    key = make_key()

    outcome = cli("configure-docker", "--registries", "localhost:5000", "--token-source", "file:key.json")

    assert see(outcome) == (0, "", "localhost:5000: configured\n")
    assert json.loads(cli.own.read_text()) == {
        "Registries": {"localhost:5000": {"TokenSources": [f"file:{key}"]}}
    }
    assert cli.own.stat().st_mode & 0o777 == 0o600
    assert json.loads(cli.docker.read_text()) == {"credHelpers": {"localhost:5000": "gcr"}}
    again = cli("configure-docker", "--registries", "localhost:5000")
    assert see(again) == (0, "", "localhost:5000: already configured\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dry-run",), ["would be configured, with the token source file:OTHER"] * 2),
        ((), ["configured, with the token source file:OTHER", "already configured"]),
    ],
    ids=["dry run", "done"],
)
def test_another_token_source_of_a_configured_registry_is_reported(
    cli: Any, make_key: Callable[..., Path], options: tuple[str, ...], said: list[str]
) -> None:
    other = cli.directory / "other.json"
    other.write_bytes(make_key().read_bytes())
    command = ("configure-docker", "--registries", "localhost:5000", "--token-source")
    cli(*command, "file:key.json")

    outcomes = [cli(*command, "file:other.json", *options) for _ in said]

    assert [(outcome.status, outcome.stderr) for outcome in outcomes] == [
        (0, f"localhost:5000: {text}\n".replace("OTHER", str(other))) for text in said
    ]


def test_a_token_source_without_registries_is_for_all(cli: Any, make_key: Callable[..., Path]) -> None:
    key = make_key(token_uri=GOOGLE_URI)
    cli.write(cli.own, '{"Other": 1, "TokenSources": ["gcloud"]}')

    outcome = cli("configure-docker", "--token-source", f"env, file:{key}")

    assert outcome.status == 0
    assert cli.own.read_text() == f'{{"Other": 1, "TokenSources": ["env", "file:{key}"]}}'


def test_a_registry_of_another_helper_is_kept_with_a_warning(cli: Any) -> None:
    text = '{"credHelpers": {"gcr.io": "gcloud", "eu.gcr.io": ""}}'
    cli.write(cli.docker, text)

    outcome = cli("configure-docker", "--registries", "gcr.io,eu.gcr.io", "--token-source", "none")

    because = "skipped, because it is configured for"
    warnings = (
        f"warning: gcr.io: {because} docker-credential-gcloud: use --overwrite to replace it\n"
        f"warning: eu.gcr.io: {because} docker's own file: use --overwrite to replace it\n"
    )
    assert see(outcome) == (0, "", warnings)
    assert (cli.docker.read_text(), cli.own.exists()) == (text, False)


def test_overwrite_takes_a_registry_over(cli: Any) -> None:
    cli.write(cli.docker, '{"credHelpers": {"gcr.io": "gcloud"}}')

    outcome = cli("configure-docker", "--registries", "gcr.io", "--overwrite")

    done = "gcr.io: configured, instead of docker-credential-gcloud\n"
    assert see(outcome) == (0, "", done)
    assert cli.docker.read_text() == '{"credHelpers": {"gcr.io": "gcr"}}'


def test_dry_run_shows_both_files_without_secrets_and_writes_nothing(cli: Any) -> None:
    text = '{\n\t"auths": {"x.io": {"auth": "dTpw"}}\n}\n'
    cli.write(cli.docker, text)

    outcome = cli("configure-docker", "--registries", "gcr.io", "--token-source", "env", "--dry-run")

    assert (outcome.status, outcome.stderr) == (0, "gcr.io: would be configured\n")
    own = ["{", '\t"Registries": {', '\t\t"gcr.io": {', '\t\t\t"TokenSources": [', '\t\t\t\t"env"']
    own += ["\t\t\t]", "\t\t}", "\t}", "}"]
    assert outcome.stdout.splitlines() == [
        f"--- {cli.own}",
        f"+++ {cli.own}",
        "@@ -0,0 +1,9 @@",
        *(f"+{line}" for line in own),
        f"--- {cli.docker}",
        f"+++ {cli.docker}",
        "@@ -3,5 +3,8 @@",
        ' \t\t"x.io": {',
        ' \t\t\t"auth": "***"',
        " \t\t}",
        "+\t},",
        '+\t"credHelpers": {',
        '+\t\t"gcr.io": "gcr"',
        " \t}",
        " }",
    ]
    assert (cli.docker.read_text(), cli.own.exists()) == (text, False)


def test_a_program_that_is_not_on_path_is_warned_of(cli: Any) -> None:
    outcome = cli("configure-docker", "--registries", "gcr.io", PATH=str(cli.directory / "absent"))

    warning = "warning: docker-credential-gcr is not on PATH, where docker looks for it: "
    lines = outcome.stderr.splitlines()
    assert (outcome.status, outcome.stdout, lines[0]) == (0, "", "gcr.io: configured")
    assert lines[1].startswith(warning)
    assert lines[1].removeprefix(warning) == (
        f'export PATH="{PROGRAMS}:$PATH"' if (PROGRAMS / PROGRAM).exists() else FROM_CHECKOUT
    )


@pytest.mark.parametrize("directory", ["conf", "deep/er"])
def test_docker_config_names_the_directory(cli: Any, directory: str) -> None:
    outcome = cli("configure-docker", "--registries", "gcr.io", DOCKER_CONFIG=directory)

    assert outcome.status == 0
    assert json.loads((cli.directory / directory / "config.json").read_text()) == {
        "credHelpers": {"gcr.io": "gcr"}
    }
    assert not cli.docker.exists()


def test_an_empty_docker_config_counts_as_unset(cli: Any) -> None:
    assert cli("configure-docker", DOCKER_CONFIG="").status == 0
    assert cli.docker.exists()


SELECTIONS = {
    "--include-artifact-registry": (
        5 + 49 + 43,
        "us-central1-docker.pkg.dev",
        "docker.us-central1.rep.pkg.dev",
    ),
    "--all-registries": (5 + 8 + 49 + 43, "mirror.gcr.io", "europe-docker.pkg.dev"),
}


@pytest.mark.parametrize("option", SELECTIONS)
def test_many_registries_by_one_option(cli: Any, option: str) -> None:
    number, *some = SELECTIONS[option]

    outcome = cli("configure-docker", option)

    helpers = json.loads(cli.docker.read_text())["credHelpers"]
    assert outcome.stderr == lines(list(helpers), "configured")
    assert (len(helpers), set(helpers.values())) == (number, {"gcr"})
    assert {*DEFAULT, *some} <= set(helpers)


def test_every_known_registry_is_googles() -> None:
    assert [host for host in registry_hosts.ALL if not registries.is_google(host)] == []
    assert len(set(registry_hosts.ALL)) == len(registry_hosts.ALL)


@pytest.mark.parametrize("option", SELECTIONS)
def test_registries_are_named_either_way(cli: Any, option: str) -> None:
    outcome = cli("configure-docker", "--registries", "gcr.io", option)

    fault = (
        "docker-credential-gcr: --registries cannot be combined with --all-registries "
        "or --include-artifact-registry: use one of them\n"
    )
    assert see(outcome) == (2, "", fault)
    assert not cli.docker.exists()


def test_the_whole_store_is_docker_s_other_member(cli: Any) -> None:
    cli.write(cli.docker, '{"credsStore": "desktop"}')

    outcomes = [see(cli("configure-docker", "--creds-store", *more)) for more in ((), ("--overwrite",), ())]

    holder = "docker-credential-desktop"
    assert outcomes == [
        (
            0,
            "",
            f"warning: every registry: skipped, because it is configured for {holder}: "
            "use --overwrite to replace it\n",
        ),
        (0, "", f"every registry: configured, instead of {holder}\n"),
        (0, "", "every registry: already configured\n"),
    ]
    assert cli.docker.read_text() == '{"credsStore": "gcr"}'


def test_config_and_authfile_exclude_each_other(cli: Any) -> None:
    outcome = cli("configure-docker", "--config", "a", "--authfile", "b")

    fault = "docker-credential-gcr: --config and --authfile name two files: use one of them\n"
    assert see(outcome) == (2, "", fault)


def test_a_variable_that_outranks_helpers_is_warned_of(cli: Any) -> None:
    outcome = cli("configure-docker", "--registries", "gcr.io", DOCKER_AUTH_CONFIG='{"auths": {}}')

    assert outcome.stderr.splitlines()[1] == (
        "warning: DOCKER_AUTH_CONFIG holds logins, which docker 28.3 and later prefer to helpers: "
        "unset DOCKER_AUTH_CONFIG"
    )


@pytest.mark.parametrize(("key", "holder"), [("y", "gcr"), ("n", "gcloud"), ("", "gcloud")])
def test_a_person_at_a_terminal_is_asked_before_a_registry_is_taken(
    cli: Any, on_terminal: Any, key: str, holder: str
) -> None:
    cli.write(cli.docker, '{"credHelpers": {"gcr.io": "gcloud"}}')

    screen = on_terminal("configure-docker", "--registries", "gcr.io", answer=f"{key}\n")

    assert "gcr.io: configured for docker-credential-gcloud. Replace it? [y/N]: " in screen
    assert json.loads(cli.docker.read_text()) == {"credHelpers": {"gcr.io": holder}}


@pytest.mark.parametrize(("no_color", "is_colored"), [("", True), ("1", False)])
def test_a_terminal_shows_the_diff_in_colour_unless_it_must_not(
    on_terminal: Any, no_color: str, is_colored: bool
) -> None:
    screen = on_terminal("configure-docker", "--registries", "gcr.io", "--dry-run", NO_COLOR=no_color)

    assert ("\x1b[32m+" in screen, "\x1b[" in screen) == (is_colored, is_colored)


UNWRITABLE = {
    "a directory that cannot be made": (
        {"DOCKER_CREDENTIAL_GCR_CONFIG": "/proc/nowhere/config.json"},
        "cannot write '/proc/nowhere/docker_credential_gcr_undo.json': ",
    ),
    "a record that is malformed": ({"DOCKER_CREDENTIAL_GCR_CONFIG": "own/config.json"}, "'own/docker_cred"),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_docker_is_configured_also_where_that_cannot_be_written_down(cli: Any, name: str) -> None:
    environ, reason = UNWRITABLE[name]
    cli.write(cli.directory / "own/docker_credential_gcr_undo.json", "[]")

    outcome = cli("configure-docker", "--registries", "gcr.io", **environ)

    first, warning = outcome.stderr.splitlines()
    assert (outcome.status, outcome.stdout, first) == (0, "", "gcr.io: configured")
    assert warning.startswith(f"warning: unconfigure-docker cannot undo this: {reason}")
    assert json.loads(cli.docker.read_text()) == {"credHelpers": {"gcr.io": "gcr"}}
