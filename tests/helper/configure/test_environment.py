"""Problems of the environment that keep Docker from the helper, on a machine without them."""

import os
from pathlib import Path

import pytest

from docker_credential_gcr.helper import PROGRAM
from docker_credential_gcr.helper.configure import environment
from docker_credential_gcr.helper.configure.environment import Problem


def make_program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_threat_21_a_program_in_a_relative_entry_of_path_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program(tmp_path / "here" / PROGRAM)
    monkeypatch.chdir(tmp_path / "here")
    there = make_program(tmp_path / "there" / PROGRAM)

    found = [environment.find_program({"PATH": path}) for path in (".", "", f".:{there.parent}")]

    assert found == [None, None, str(there)]


USERS: dict[str, tuple[int, dict[str, str], str | None]] = {
    "one's own home": (0, {}, None),
    "another's home": (
        1,
        {},
        "is another user's home: files that are created there will not belong to that user",
    ),
    "another's home, by sudo": (1, {"SUDO_USER": "ann"}, "is another user's home"),
}


@pytest.mark.parametrize("name", USERS)
def test_another_users_home_is_seen(tmp_path: Path, name: str) -> None:
    offset, variables, text = USERS[name]
    user = os.geteuid() + offset

    found = environment.find_sudo_problem({"HOME": str(tmp_path), **variables}, get_user=lambda: user)

    assert (found is None) == (text is None)
    if found and text:
        assert (found.name, found.is_fatal, text in found.text) == ("user", False, True)


@pytest.mark.parametrize("home", ["absent", "absent/too"])
def test_an_absent_home_is_no_problem(home: str, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path / home), "SUDO_USER": "ann"}

    assert environment.find_sudo_problem(environ, get_user=lambda: 0) is None


def test_a_platform_without_users_has_no_sudo(tmp_path: Path) -> None:
    assert environment.find_sudo_problem({"HOME": str(tmp_path)}, get_user=None) is None


def test_dockers_own_variable_is_a_warning() -> None:
    assert environment.find_variable_problem({"DOCKER_AUTH_CONFIG": "{}"}) == Problem(
        "variable",
        "DOCKER_AUTH_CONFIG holds logins, which docker 28.3 and later prefer to helpers",
        "unset DOCKER_AUTH_CONFIG",
        is_fatal=False,
    )
