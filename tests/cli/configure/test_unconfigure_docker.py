"""The command `unconfigure-docker`: it undoes `configure-docker` to the byte, and nothing else."""

import json
import os
from typing import Any

import pytest


def see(outcome: Any) -> tuple[int, str, str]:
    return outcome.status, outcome.stdout, outcome.stderr


TEXTS = {
    "an object": "{}\n",
    "helpers of others": '{\n  "auths": {},\n  "credHelpers": {\n    "a.io": "x"\n  }\n}\n',
    "no helpers": '{\n\t"auths": {\n\t\t"x.io": {\n\t\t\t"auth": "dTpw"\n\t\t}\n\t}\n}\n',
    "a host of another": '{"credHelpers": {"gcr.io": "gcloud", "a.io": "x"}, "credsStore": "desktop"}',
    "a host of docker's file": '{"credHelpers":{"gcr.io":""}}',
    "members in another case": '{"CredHelpers": {"gcr.io": "gcloud"}, "CredsStore": "desktop"}',
}
ORDERS = {
    "registries": ("--registries", "gcr.io,us.gcr.io", "--overwrite"),
    "a store": ("--creds-store", "--overwrite"),
    "all": ("--all-registries", "--overwrite", "--token-source", "env"),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", TEXTS)
def test_what_was_done_is_undone_to_the_byte(cli: Any, name: str, order: str) -> None:
    cli.write(cli.docker, TEXTS[name])
    cli.write(cli.own, '{"MinTTL": 60}')
    assert cli("configure-docker", *ORDERS[order]).status == 0
    assert cli.docker.read_text() != TEXTS[name]

    outcome = cli("unconfigure-docker")

    assert (outcome.status, outcome.stdout) == (0, "")
    assert {line.rpartition(": ")[2].partition(",")[0] for line in outcome.stderr.splitlines()} == {
        "unconfigured"
    }
    assert (cli.docker.read_text(), cli.own.read_text()) == (TEXTS[name], '{"MinTTL": 60}')
    assert os.listdir(cli.own.parent) == [cli.own.name]


def test_files_that_were_made_are_removed(cli: Any) -> None:
    cli("configure-docker", "--registries", "localhost:5000", "--token-source", "env")

    outcome = cli("unconfigure-docker")

    assert see(outcome) == (0, "", "localhost:5000: unconfigured\n")
    assert (os.listdir(cli.docker.parent), os.listdir(cli.own.parent)) == ([], [])


def test_a_registry_that_was_taken_is_its_former_helpers_again(cli: Any) -> None:
    cli.write(cli.docker, '{"credHelpers": {"gcr.io": "gcloud", "eu.gcr.io": ""}}')
    cli("configure-docker", "--registries", "gcr.io,eu.gcr.io,us.gcr.io", "--overwrite")

    outcome = cli("unconfigure-docker")

    assert see(outcome) == (
        0,
        "",
        "gcr.io: unconfigured, back to docker-credential-gcloud\n"
        "eu.gcr.io: unconfigured, as before\n"
        "us.gcr.io: unconfigured\n",
    )
    assert cli.docker.read_text() == '{"credHelpers": {"gcr.io": "gcloud", "eu.gcr.io": ""}}'


def test_what_a_user_has_changed_since_is_left(cli: Any) -> None:
    cli("configure-docker", "--registries", "gcr.io,us.gcr.io")
    cli.docker.write_text('{"credHelpers": {"gcr.io": "gcloud", "us.gcr.io": "gcr"}, "more": 1}')

    outcome = cli("unconfigure-docker")

    assert see(outcome) == (0, "", "us.gcr.io: unconfigured\ngcr.io: changed since, not undone\n")
    assert cli.docker.read_text() == '{"credHelpers": {"gcr.io": "gcloud"}, "more": 1}'


def test_what_another_program_wrote_is_taken_out_only_by_name(cli: Any) -> None:
    # Google's helper has the same name in config.json.
    text = '{"credHelpers": {"gcr.io": "gcr", "eu.gcr.io": "gcr"}}'
    cli.write(cli.docker, text)

    outcomes = [cli("unconfigure-docker"), cli("unconfigure-docker", "--registries", "gcr.io,asia.gcr.io")]

    warning = "warning: {0}: not undone, because it is not in the record: use --registries {0} to remove it\n"
    assert [see(outcome) for outcome in outcomes] == [
        (0, "", warning.format("gcr.io") + warning.format("eu.gcr.io")),
        (0, "", "gcr.io: unconfigured\nasia.gcr.io: not configured\n"),
    ]
    assert cli.docker.read_text() == '{"credHelpers": {"eu.gcr.io": "gcr"}}'


def test_some_of_the_registries_are_taken_out_and_the_rest_later(cli: Any) -> None:
    cli("configure-docker", "--registries", "gcr.io,us.gcr.io", "--token-source", "env")

    first = cli("unconfigure-docker", "--registries", "gcr.io")

    assert see(first) == (0, "", "gcr.io: unconfigured\n")
    assert json.loads(cli.docker.read_text()) == {"credHelpers": {"us.gcr.io": "gcr"}}
    assert json.loads(cli.own.read_text()) == {"Registries": {"us.gcr.io": {"TokenSources": ["env"]}}}
    assert see(cli("unconfigure-docker")) == (0, "", "us.gcr.io: unconfigured\n")
    assert (cli.docker.exists(), cli.own.exists()) == (False, False)


def test_a_source_that_another_file_still_needs_is_left(cli: Any) -> None:
    registry = ("--registries", "localhost:5000")
    cli("configure-docker", *registry, "--token-source", "env")
    cli("configure-docker", *registry, "--authfile", "auth.json")

    outcomes = []
    for options in ((), ("--authfile", "auth.json")):
        outcomes.append((see(cli("unconfigure-docker", *options)), cli.own.exists()))

    done = (0, "", "localhost:5000: unconfigured\n")
    assert outcomes == [(done, True), (done, False)]
    assert not cli.docker.exists()
    assert not (cli.directory / "auth.json").exists()


def test_dry_run_shows_and_writes_nothing(cli: Any) -> None:
    cli("configure-docker", "--registries", "gcr.io")
    before = cli.docker.read_text()

    outcome = cli("unconfigure-docker", "--dry-run")

    assert (outcome.status, outcome.stderr) == (0, "gcr.io: would be unconfigured\n")
    assert f"--- {cli.docker}" in outcome.stdout.splitlines()
    assert cli.docker.read_text() == before


def test_without_anything_to_undo_it_says_so(cli: Any) -> None:
    assert see(cli("unconfigure-docker")) == (0, "", "nothing is configured\n")
    assert list(cli.home.iterdir()) == []


def test_the_record_is_the_helper_that_stood_before_for_each_file_and_host(cli: Any) -> None:
    cli.write(cli.docker, '{"credHelpers": {"gcr.io": "gcloud", "eu.gcr.io": "gcr"}}')
    hosts = "gcr.io,eu.gcr.io,localhost:5000"

    cli("configure-docker", "--registries", hosts, "--token-source", "env", "--overwrite")

    sources = [None, ["env"]]
    assert json.loads(cli.own.with_name("docker_credential_gcr_undo.json").read_text()) == {
        "version": 2,
        "files": {
            str(cli.own): {"": None, **dict.fromkeys(hosts.split(","), sources)},
            str(cli.docker): {"gcr.io": "gcloud", "localhost:5000": None},
        },
    }


OWN = {
    "a host with token sources": '{"Registries": {"localhost:5000": {"TokenSources": ["store"]}}}',
    "a host without": '{"Registries": {"localhost:5000": {}}}',
    "a host with other members": '{"Registries": {"localhost:5000": {"Account": "a@b.example"}}}',
    "another host": '{"Registries": {"localhost:6000": {}}}',
    "no host": '{"Timeout": 20}',
}


@pytest.mark.parametrize("name", OWN)
def test_the_token_sources_that_stood_before_are_put_back(cli: Any, name: str) -> None:
    cli.write(cli.own, OWN[name])
    cli("configure-docker", "--registries", "localhost:5000", "--token-source", "env")
    assert "env" in cli.own.read_text()

    assert cli("unconfigure-docker").status == 0

    assert cli.own.read_text() == OWN[name]


CHANGED = {
    "token sources": ({"TokenSources": ["store"]}, {"TokenSources": ["store"]}),
    "another member": ({"TokenSources": ["env"], "Account": "a@b.example"}, {"Account": "a@b.example"}),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_was_set_for_a_host_since_is_left(cli: Any, name: str) -> None:
    since, left = CHANGED[name]
    cli("configure-docker", "--registries", "localhost:5000", "--token-source", "env")
    cli.own.write_text(json.dumps({"Registries": {"localhost:5000": since}}))

    assert cli("unconfigure-docker").status == 0

    assert json.loads(cli.own.read_text()) == {"Registries": {"localhost:5000": left}}


def write_first_record(cli: Any, **files: tuple[list[list[str]], list[tuple[list[str], Any, Any]]]) -> None:
    """Writes a record as version 0.1.0 did: the created objects, and both values of each member."""
    entries = {
        str(getattr(cli, name)): {
            "made": made,
            "changes": [{"key": key, "before": before, "after": after} for key, before, after in changes],
        }
        for name, (made, changes) in files.items()
    }
    record = {"version": 1, "files": entries}
    cli.write(cli.own.with_name("docker_credential_gcr_undo.json"), json.dumps(record))


def test_a_record_of_0_1_0_is_read(cli: Any) -> None:
    cli.write(cli.docker, '{"credHelpers": {"gcr.io": "gcr", "a.io": "gcr"}, "CredsStore": "gcr"}')
    registries = {"a.io": {"TokenSources": ["env"]}, "gcr.io": {"TokenSources": ["env"]}}
    cli.write(cli.own, json.dumps({"Registries": registries, "TokenSources": ["env"]}))
    write_first_record(
        cli,
        docker=(
            [[], ["credHelpers"]],
            [
                (["credHelpers", "gcr.io"], None, "gcr"),
                (["credHelpers", "a.io"], "x", "gcr"),
                (["CredsStore"], None, "gcr"),
            ],
        ),
        own=(
            [["Registries"], ["Registries", "gcr.io"]],
            [
                (["Registries", "gcr.io", "TokenSources"], None, ["env"]),
                (["Registries", "a.io", "TokenSources"], None, ["env"]),
                (["TokenSources"], ["store"], ["env"]),
            ],
        ),
    )

    outcome = cli("unconfigure-docker")

    assert see(outcome) == (
        0,
        "",
        "gcr.io: unconfigured\na.io: unconfigured, back to docker-credential-x\n"
        "every registry: unconfigured\n",
    )
    assert json.loads(cli.docker.read_text()) == {"credHelpers": {"a.io": "x"}}
    assert json.loads(cli.own.read_text()) == {"Registries": {"a.io": {}}, "TokenSources": ["store"]}
    assert os.listdir(cli.own.parent) == [cli.own.name]


def test_a_file_that_0_1_0_made_is_removed(cli: Any) -> None:
    cli.write(cli.docker, '{"credHelpers": {"gcr.io": "gcr"}}')
    write_first_record(cli, docker=([[], ["credHelpers"]], [(["credHelpers", "gcr.io"], None, "gcr")]))

    assert cli("unconfigure-docker").status == 0
    assert not cli.docker.exists()


MALFORMED = [
    "[]",
    "{",
    '{"files": {"a": {}}}',
    '{"files": 1}',
    '{"version": 2, "files": {"a": {"gcr.io": 1}}}',
]


@pytest.mark.parametrize("text", MALFORMED)
def test_a_record_that_cannot_be_read_is_named_and_nothing_is_done(cli: Any, text: str) -> None:
    cli("configure-docker", "--registries", "gcr.io")
    record = cli.own.with_name("docker_credential_gcr_undo.json")
    record.write_text(text)

    outcome = cli("unconfigure-docker")

    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(f"docker-credential-gcr: {str(record)!r}")
    assert json.loads(cli.docker.read_text()) == {"credHelpers": {"gcr.io": "gcr"}}
