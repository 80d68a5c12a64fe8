"""Edge cases 1 to 15, by number, and threat 03: changes of the user's config.json."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NEW = '{\n\t"credHelpers": {\n\t\t"gcr.io": "gcr"\n\t}\n}\n'
GCR = ("configure-docker", "--registries", "gcr.io")
DONE = (0, "", "gcr.io: configured\n")


UNREADABLE = "hint: make it a regular file that you can read, or move it away\n"


def see(outcome: Any) -> tuple[int, str, str]:
    return outcome.status, outcome.stdout, outcome.stderr


def modes(*paths: Path) -> list[str]:
    return [oct(path.stat().st_mode & 0o777) for path in paths]


def test_edge_1_a_file_that_is_not_there_is_made_for_its_owner(cli: Any) -> None:
    assert see(cli(*GCR)) == DONE
    assert cli.docker.read_text() == NEW
    assert modes(cli.docker.parent, cli.docker) == ["0o700", "0o600"]


@pytest.mark.parametrize("text", ["", " \n\t", "null"], ids=lambda text: f"2-{text!r}")
def test_edge_2_a_file_that_says_nothing(cli: Any, text: str) -> None:
    cli.write(cli.docker, text)

    assert see(cli(*GCR)) == DONE
    assert cli.docker.read_text() == NEW


NO_OBJECT = "line 1: not a JSON object"
MALFORMED: dict[str, tuple[bytes, str]] = {
    "3-a stray word": (b'{\n"auths": nonsense}', "line 2 column 10: Expecting value"),
    "3-a comma at the end": (b'{\n  "auths": {},\n}', "line "),
    "3-cut off": (b'{"auths": {"gcr.io": {"auth": "dT', "line 1 column 31: Unterminated string"),
    "3-UTF-16": ('{"auths": {}}'.encode("utf-16"), "line 1: not UTF-8"),
    "3-NUL": (b'{"auths": {}}\0', "line 1 column 14: Extra data"),
    "5-a list": (b"[]", NO_OBJECT),
    "5-a string": (b'"x"', NO_OBJECT),
    "5-a list of helpers": (b'{"credHelpers": []}', "line 1: 'credHelpers' is not an object"),
    "5-a number for a helper": (
        b'{"credHelpers":\n{"gcr.io": 1}}',
        "line 2: 'gcr.io' of 'credHelpers' is not",
    ),
    "5-a number for a store": (b'{"credsStore": 1}', "line 1: 'credsStore' is not a string"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_edges_3_5_and_6_what_docker_could_not_read_is_named_and_left(cli: Any, name: str) -> None:
    data, fault = MALFORMED[name]
    cli.write(cli.docker, "")
    cli.docker.write_bytes(data)

    outcome = cli(*GCR)

    assert (outcome.status, outcome.stdout) == (1, "")
    first, hint = outcome.stderr.splitlines()
    assert first.startswith(f"docker-credential-gcr: {str(cli.docker)!r}, {fault}")
    assert hint == "hint: correct the file, or move it away"
    assert cli.docker.read_bytes() == data
    assert os.listdir(cli.docker.parent) == ["config.json"]


def test_edge_4_a_byte_order_mark_is_read_and_not_written_again(cli: Any) -> None:
    cli.write(cli.docker, "")
    cli.docker.write_bytes(b'\xef\xbb\xbf{"a": 1}')

    assert see(cli(*GCR)) == DONE
    assert cli.docker.read_bytes() == b'{"a": 1, "credHelpers": {"gcr.io": "gcr"}}'


def test_edge_5_null_for_the_helpers_counts_as_absent(cli: Any) -> None:
    cli.write(cli.docker, '{"credHelpers": null}')

    assert see(cli(*GCR)) == DONE
    assert cli.docker.read_text() == '{"credHelpers": {"gcr.io": "gcr"}}'


@pytest.mark.parametrize(
    ("before", "after", "undone"),
    [
        (
            '{"credHelpers": {"gcr.io": "x", "gcr.io": "y"}}',
            '{"credHelpers": {"gcr.io": "gcr"}}',
            '{"credHelpers": {"gcr.io": "y"}}',
        ),
        (
            '{"credHelpers": {"a": "x"}, "CredHelpers": {"b": "y"}}',
            '{"credHelpers": {"a": "x"}, "CredHelpers": {"b": "y", "gcr.io": "gcr"}}',
            '{"credHelpers": {"a": "x"}, "CredHelpers": {"b": "y"}}',
        ),
    ],
    ids=["the same host twice", "the same member twice"],
)
def test_edge_6_the_last_of_a_name_counts_as_it_does_for_docker(
    cli: Any, before: str, after: str, undone: str
) -> None:
    cli.write(cli.docker, before)

    assert cli(*GCR, "--overwrite").status == 0
    assert cli.docker.read_text() == after
    assert cli("unconfigure-docker").status == 0
    assert cli.docker.read_text() == undone


def test_edge_6_the_spelling_that_is_there_is_kept(cli: Any) -> None:
    cli.write(cli.docker, '{"CredHelpers": {"a.io": "x"}}')

    assert see(cli(*GCR)) == DONE
    assert cli.docker.read_text() == '{"CredHelpers": {"a.io": "x", "gcr.io": "gcr"}}'


LAYOUTS = {
    "7-tabs": '{\n\t"zzz": {\n\t\t"b": []\n\t},\n\t"credHelpers": {\n\t\t"a.io": "x"@\n\t}\n}\n',
    "7-two spaces": '{\n  "credHelpers": {\n    "a.io": "x"@\n  },\n  "auths": {\n    "x": null\n  }\n}',
    "7-four spaces": '{\n    "credHelpers": {\n        "a.io": "x"@\n    }\n}\n\n',
    "7-Windows' line ends": '{\r\n  "credHelpers": {\r\n    "a.io": "x"@\r\n  }\r\n}\r\n',
    "7-one line": '{"ü": "é", "big": 1234567890123456789012, "f": 1.50, "credHelpers": {"a.io": "x"@}}',
    "7-no spaces": '{"z":1e400,"credHelpers":{"a.io":"x"@},"a":"\\u0007"}',
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_edge_7_everything_else_stays_byte_for_byte_where_it_is_laid_out_in_one_way(
    cli: Any, name: str
) -> None:
    before, after = LAYOUTS[name].split("@")
    cli.write(cli.docker, "")
    cli.docker.write_bytes((before + after).encode())
    lead = before[before.rindex("{") + 1 : before.rindex('"a.io"')]
    colon = before[before.rindex('"a.io"') + 6 : before.rindex('"x"')]
    gap = lead or colon[1:]

    assert see(cli(*GCR)) == DONE
    assert cli.docker.read_bytes().decode() == f'{before},{gap}"gcr.io"{colon}"gcr"{after}'


@pytest.mark.parametrize("exists", [True, False], ids=["8-a relative link", "8-a dangling link"])
def test_edge_8_a_link_is_followed(cli: Any, exists: bool) -> None:
    target = cli.home / "dotfiles/docker.json"
    cli.write(target, "{}\n")
    if not exists:
        target.unlink()
    cli.docker.parent.mkdir()
    cli.docker.symlink_to("../dotfiles/docker.json")

    assert see(cli(*GCR)) == DONE
    assert os.readlink(cli.docker) == "../dotfiles/docker.json"
    assert target.read_text() == NEW


def test_edge_8_a_linked_directory(cli: Any) -> None:
    (cli.home / "dotfiles").mkdir()
    cli.docker.parent.symlink_to("dotfiles")

    assert see(cli(*GCR)) == DONE
    assert (cli.home / "dotfiles/config.json").read_text() == NEW


def test_edge_8_a_loop_of_links_is_named(cli: Any) -> None:
    cli.docker.parent.mkdir()
    cli.docker.symlink_to("config.json")

    fault = f"docker-credential-gcr: cannot read {str(cli.docker)!r}: {os.strerror(errno.ELOOP)}\n"
    assert see(cli(*GCR)) == (1, "", fault + UNREADABLE)


@pytest.mark.parametrize("mode", [0o640, 0o444], ids=lambda mode: f"9-{mode:o}")
def test_edge_9_the_mode_is_kept(cli: Any, mode: int) -> None:
    cli.write(cli.docker, "{}\n")
    cli.docker.chmod(mode)

    assert see(cli(*GCR)) == DONE
    assert (cli.docker.read_text(), modes(cli.docker)) == (NEW, [oct(mode)])


FAILURES = {
    "9-ENOSPC": ("fsync", "ENOSPC"),
    "9-EXDEV": ("replace", "EXDEV"),
    "9-EACCES": ("open", "EACCES"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_edge_9_a_write_that_fails_leaves_the_file_and_nothing_else(cli: Any, name: str) -> None:
    call, code = FAILURES[name]
    cli.write(cli.docker, '{"a": 1}')
    preparation = (
        f"real = os.{call}\n"
        f"def fail(*given, **named):\n"
        f"    if {call == 'open'} and not given[0].endswith('.tmp'): return real(*given, **named)\n"
        f"    raise OSError(errno.{code}, os.strerror(errno.{code}))\n"
        f"os.{call} = fail"
    )

    status, stdout, stderr = cli.run_prepared(preparation, *GCR)

    assert (status, stdout) == (1, "")
    assert f": {os.strerror(getattr(errno, code))}\n" in stderr
    assert stderr.startswith("docker-credential-gcr: cannot write ")
    assert (cli.docker.read_text(), os.listdir(cli.docker.parent)) == ('{"a": 1}', ["config.json"])


def test_edge_10_a_run_that_is_killed_before_the_rename_leaves_the_old_file(cli: Any) -> None:
    cli.write(cli.docker, '{"a": 1}')
    preparation = (
        "real = os.replace\n"
        "def kill(source, target):\n"
        f"    if target == {str(cli.docker)!r}: os.kill(os.getpid(), 9)\n"
        "    real(source, target)\n"
        "os.replace = kill"
    )

    assert cli.run_prepared(preparation, *GCR) == (-9, "", "")
    assert cli.docker.read_text() == '{"a": 1}'
    assert see(cli(*GCR)) == DONE
    assert json.loads(cli.docker.read_text()) == {"a": 1, "credHelpers": {"gcr.io": "gcr"}}


def test_edge_10_twenty_runs_at_once_are_all_in_the_file_and_in_the_record(cli: Any) -> None:
    cli.write(cli.docker, '{"a": 1}')
    hosts = [f"h{number}.gcr.io" for number in range(20)]
    command = [sys.executable, "-m", "docker_credential_gcr", "configure-docker", "--token-source", "env"]
    runs = [
        subprocess.Popen(
            [*command, "--registries", host], env=cli.environ, cwd=cli.directory, stderr=subprocess.PIPE
        )
        for host in hosts
    ]

    errors = [run.communicate(timeout=120)[1].decode() for run in runs]

    assert errors == [f"{host}: configured\n" for host in hosts]
    assert json.loads(cli.docker.read_text()) == {"a": 1, "credHelpers": dict.fromkeys(hosts, "gcr")}
    assert json.loads(cli.own.read_text()) == {
        "Registries": {host: {"TokenSources": ["env"]} for host in hosts}
    }
    assert os.listdir(cli.docker.parent) == ["config.json"]
    assert cli("unconfigure-docker").status == 0
    assert (cli.docker.read_text(), os.listdir(cli.own.parent)) == ('{"a": 1}', [])


def test_edge_11_a_second_run_writes_nothing_anywhere(cli: Any) -> None:
    cli(*GCR, "--token-source", "env")
    files = [cli.docker, *cli.own.parent.iterdir()]
    before = [(path.stat().st_ino, path.stat().st_mtime_ns) for path in files]

    outcome = cli(*GCR, "--token-source", "env")

    assert see(outcome) == (0, "", "gcr.io: already configured\n")
    assert [(path.stat().st_ino, path.stat().st_mtime_ns) for path in files] == before
    assert {path.name for path in files} == {
        "config.json",
        "docker_credential_gcr_config.json",
        "docker_credential_gcr_undo.json",
    }


HOLDERS = {"12-gcloud": "gcloud", "12-ecr": "ecr-login", "12-docker's file": ""}


@pytest.mark.parametrize("name", HOLDERS)
def test_edge_12_a_host_of_another_helper_is_kept_unless_it_is_to_be_taken(cli: Any, name: str) -> None:
    holder = HOLDERS[name]
    text = json.dumps({"credsStore": "desktop", "credHelpers": {"gcr.io": holder}})
    cli.write(cli.docker, text)
    told = f"docker-credential-{holder}" if holder else "docker's own file"

    kept, taken = cli(*GCR), [cli(*GCR, "--dry-run", "--yes"), cli(*GCR, "--yes")]

    assert see(kept) == (
        0,
        "",
        f"warning: gcr.io: skipped, because it is configured for {told}: use --overwrite to replace it\n",
    )
    assert [outcome.stderr for outcome in taken] == [
        f"gcr.io: {done}, instead of {told}\n" for done in ("would be configured", "configured")
    ]
    assert json.loads(cli.docker.read_text()) == {"credsStore": "desktop", "credHelpers": {"gcr.io": "gcr"}}


@pytest.mark.parametrize("key", ["gcr.io", "https://gcr.io", "https://gcr.io/v2/"], ids=lambda k: f"12-{k}")
def test_edge_12_a_login_that_is_left_of_the_host_is_told_of(cli: Any, key: str) -> None:
    cli.write(
        cli.docker, json.dumps({"auths": {key: {"auth": "dTpw"}, "us.gcr.io": {}, "x.io": {"auth": "dTpw"}}})
    )

    outcome = cli("configure-docker", "--registries", "gcr.io,us.gcr.io")

    told = f"{str(cli.docker)!r} holds a login of it, which some clients use instead"
    warning = f"warning: gcr.io: {told}: run `docker logout {key}`\n"
    assert see(outcome) == (0, "", "gcr.io: configured\nus.gcr.io: configured\n" + warning)


PLACES = {"13-absolute": "/abs", "13-relative": "conf", "13-nonexistent": "deep/er"}


@pytest.mark.parametrize("name", PLACES)
def test_edge_13_docker_config_names_the_directory(cli: Any, name: str) -> None:
    given = str(cli.directory) + PLACES[name] if name == "13-absolute" else PLACES[name]

    by_variable = cli(*GCR, DOCKER_CONFIG=given)
    again = cli(*GCR, "--config", given)

    assert see(by_variable) == DONE
    assert see(again) == (0, "", "gcr.io: already configured\n")
    assert (cli.directory / given / "config.json").read_text() == NEW
    assert not cli.docker.exists()


def test_edge_13_an_empty_docker_config_counts_as_unset(cli: Any) -> None:
    assert see(cli(*GCR, DOCKER_CONFIG="")) == DONE
    assert cli.docker.read_text() == NEW


def test_edge_13_a_file_in_the_directorys_place_is_named(cli: Any) -> None:
    (cli.directory / "file").write_text("")

    outcome = cli(*GCR, DOCKER_CONFIG=str(cli.directory / "file"))

    path = str(cli.directory / "file/config.json")
    fault = f"docker-credential-gcr: cannot read {path!r}: {os.strerror(errno.ENOTDIR)}\n"
    assert see(outcome) == (1, "", fault + UNREADABLE)


NAMES = {
    "14-spaces": (" gcr.io , us.gcr.io ", ["gcr.io", "us.gcr.io"]),
    "14-empty ones": (",gcr.io,,", ["gcr.io"]),
    "14-a scheme": ("https://gcr.io", ["gcr.io"]),
    "14-a path": ("us-docker.pkg.dev/p/r/i", ["us-docker.pkg.dev"]),
    "14-Google's port": ("gcr.io:443", ["gcr.io"]),
    "14-upper case": ("EU.GCR.IO", ["eu.gcr.io"]),
    "14-twice": ("gcr.io,https://gcr.io/", ["gcr.io"]),
    "14-quotes": ('"gcr.io"', None),
    "14-IDN": ("gcr.íó", None),
    "14-a wildcard": ("*.gcr.io", None),
    "14-Docker Hub": ("docker.io", None),
}


@pytest.mark.parametrize("name", NAMES)
def test_edge_14_registries_as_people_write_them(cli: Any, name: str) -> None:
    given, hosts = NAMES[name]

    outcome = cli("configure-docker", "--registries", given)

    assert outcome.status == (0 if hosts else 2)
    assert cli.docker.exists() == bool(hosts)
    if hosts:
        assert json.loads(cli.docker.read_text()) == {"credHelpers": dict.fromkeys(hosts, "gcr")}


def test_edge_15_neither_docker_nor_the_program_need_to_be_there(cli: Any) -> None:
    outcome = cli(*GCR, PATH=str(cli.directory / "absent"))

    lines = outcome.stderr.splitlines()
    assert (outcome.status, outcome.stdout, lines[0]) == (0, "", "gcr.io: configured")
    assert [line.partition(":")[0] for line in lines] == ["gcr.io", "warning"]
    assert "is not on PATH, where docker looks for it" in lines[1]
    assert cli.docker.read_text() == NEW


def test_edge_15_podman_alone_has_its_own_file(cli: Any) -> None:
    path = cli.home / ".config/containers/auth.json"

    outcome = cli(*GCR, "--authfile", "home/.config/containers/auth.json")

    assert see(outcome) == DONE
    assert (path.read_text(), modes(path)) == (NEW, ["0o600"])
    assert not cli.docker.exists()
    refused = cli("configure-docker", "--creds-store", "--authfile", str(path))
    fault = "--creds-store is for docker: clients that read an --authfile ignore it: use one of the two"
    assert see(refused) == (2, "", f"docker-credential-gcr: {fault}\n")


def test_edge_15_a_snap_of_docker_is_told_of(cli: Any) -> None:
    programs = cli.directory / "bin"
    (programs / "snap").write_text("#!/bin/sh\n")
    (programs / "snap").chmod(0o755)
    (programs / "docker").symlink_to("snap")

    outcome = cli(*GCR)

    told = f"{str(programs / 'docker')!r} is a snap, which cannot run a helper outside of it"
    command = "sudo snap remove docker && sudo apt-get install docker.io"
    assert see(outcome) == (0, "", f"gcr.io: configured\nwarning: {told}: {command}\n")


@pytest.mark.needs_root("make another user's home")
def test_edge_15_sudo_with_a_home_is_told_of(cli: Any) -> None:
    own = cli(*GCR, SUDO_USER="ann")
    os.chown(cli.home, 12345, 12345)
    others = cli(*GCR)

    home = str(cli.home)
    assert own.stderr == (
        "gcr.io: configured\n"
        f"warning: sudo changes the configuration of root, in {home!r}, and not that of ann: sudo -iu ann\n"
    )
    assert others.stderr == (
        "gcr.io: already configured\n"
        f"warning: {home!r} is another user's home: "
        "files that are created there will not belong to that user: "
        'export HOME="$(getent passwd "$(id -u)" | cut -d: -f6)"\n'
    )


def test_threat_03_a_file_is_edited_atomically_and_under_a_lock(cli: Any) -> None:
    """Checks that a reader sees the whole old file or the whole new one, private, and no other."""
    before = '{\n  "auths": {\n    "x.io": {\n      "auth": "dTpw"\n    }\n  },\n  "zzz": 1.0\n}\n'
    cli.write(cli.docker, before)
    cli.docker.chmod(0o600)
    moved = cli.home / "moved.json"
    cli.docker.rename(moved)
    cli.docker.symlink_to(moved)
    preparation = (
        "real = os.replace\n"
        "def show(source, target):\n"
        f"    if target == {str(moved)!r}:\n"
        f"        print(open(target).read() == {before!r}, oct(os.stat(source).st_mode))\n"
        "    real(source, target)\n"
        "os.replace = show"
    )

    assert cli.run_prepared(preparation, *GCR) == (0, "True 0o100600\n", "gcr.io: configured\n")
    assert (cli.docker.is_symlink(), modes(moved)) == (True, ["0o600"])
    assert moved.read_text() == before.replace("1.0", '1.0,\n  "credHelpers": {\n    "gcr.io": "gcr"\n  }')
    assert os.listdir(cli.docker.parent) == ["config.json"]
