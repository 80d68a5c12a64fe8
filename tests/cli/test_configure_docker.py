"""`configure-docker`: what it writes, what it keeps, what it refuses, and what it says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DEFAULT = ["gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io", "marketplace.gcr.io"]
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


def test_what_others_wrote_is_kept_byte_for_byte(cli: Any) -> None:
    before = (
        '{\n    "auths": {"x.io": {"auth": "dTpw", "extra": 1.0}},\n    "zzz": [1,2],\n'
        '    "credHelpers": {\n        "a.io": "other"\n    }\n}\n'
    )
    cli.write(cli.docker, before)

    cli("configure-docker", "--registries", "gcr.io")

    assert cli.docker.read_text() == before.replace('"other"', '"other",\n        "gcr.io": "gcr"')


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

    warnings = (
        "warning: gcr.io: kept, for docker-credential-gcloud holds it: --overwrite takes it over\n"
        "warning: eu.gcr.io: kept, for docker's own file holds it: --overwrite takes it over\n"
    )
    assert see(outcome) == (0, "", warnings)
    assert (cli.docker.read_text(), cli.own.exists()) == (text, False)


def test_overwrite_takes_a_registry_over(cli: Any) -> None:
    cli.write(cli.docker, '{"credHelpers": {"gcr.io": "gcloud"}}')

    outcome = cli("configure-docker", "--registries", "gcr.io", "--overwrite")

    assert see(outcome) == (0, "", "gcr.io: configured\n")
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
        "@@ -1,3 +1,6 @@",
        " {",
        '-\t"auths": {"x.io": {"auth": "***"}}',
        '+\t"auths": {"x.io": {"auth": "***"}},',
        '+\t"credHelpers": {',
        '+\t\t"gcr.io": "gcr"',
        "+\t}",
        " }",
    ]
    assert (cli.docker.read_text(), cli.own.exists()) == (text, False)


def test_a_program_that_is_not_on_path_is_warned_of(cli: Any) -> None:
    outcome = cli("configure-docker", "--registries", "gcr.io", PATH="/nonexistent")

    warning = "warning: docker-credential-gcr is not on PATH, where docker looks for it\n"
    assert see(outcome) == (0, "", "gcr.io: configured\n" + warning)


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
