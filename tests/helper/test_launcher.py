"""Launcher script in an environment whose path a `#!` line cannot name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from docker_credential_gcr.helper import PROGRAM, launcher
from docker_credential_gcr.helper.configure import environment
from docker_credential_gcr.helper.configure.environment import Problem

SCRIPT = "import sys\nsys.stdout.write(repr(sys.argv[1:]))\n"
ARGUMENTS = ["version", "$HOME 'x'"]
# Directories that pip's `#!` line cannot name, with the message about the interpreter's path.
DIRECTORIES = {
    "a space": ("a b", "has a space"),
    "a tab": ("a\tb", "has a space"),
    "300 characters": ("/".join(["d" * 100] * 3), "is too long"),
}


def install(directory: Path) -> Path:
    """Writes the script as pip does, next to its interpreter."""
    directory.mkdir(parents=True)
    python = directory / "python"
    python.symlink_to(os.path.realpath(sys.executable))
    script = directory / PROGRAM
    script.write_text(f"#!{python}\n{SCRIPT}")
    script.chmod(0o750)
    return script


def run(script: Path) -> str:
    return subprocess.run([script, *ARGUMENTS], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", DIRECTORIES)
def test_d17_a_script_that_cannot_name_its_interpreter_is_an_obstacle_that_the_launcher_mends(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, fault = DIRECTORIES[name]
    script = install(tmp_path / directory)
    environ = {"PATH": str(script.parent)}
    with pytest.raises(OSError, match=r"No such file|Exec format error"):
        run(script)
    text = f"docker cannot start {str(script)!r}: its first line names {str(script.parent / 'python')!r}"
    command = f"'{script.parent}/python'" if fault == "has a space" else f"{script.parent}/python"

    found = environment.find_path_problem(environ), environment.find_program(environ)
    status = launcher.main(lambda: str(script))

    mender = f"{command} -m docker_credential_gcr.helper.launcher"
    assert found == (Problem("program", f"{text}, which {fault}", mender), None)
    assert (status, capsys.readouterr().err) == (0, f"{PROGRAM}: {str(script)!r} can be started now\n")
    assert run(script) == repr(ARGUMENTS)
    assert script.stat().st_mode & 0o777 == 0o750
    assert (environment.find_path_problem(environ), environment.find_program(environ)) == (
        None,
        str(script),
    )
    assert (launcher.main(lambda: str(script)), capsys.readouterr().err) == (
        0,
        f"{PROGRAM}: there is nothing to mend\n",
    )


@pytest.mark.parametrize("directory", ["plain", "d" * 100 + "/x", "é"])
def test_d17_a_script_that_can_be_started_is_left_as_it_is(tmp_path: Path, directory: str) -> None:
    script = install(tmp_path / directory)
    before = script.read_bytes()

    assert environment.find_path_problem({"PATH": str(script.parent)}) is None
    assert launcher.main(lambda: str(script)) == 0
    assert script.read_bytes() == before


@pytest.mark.parametrize(
    "line", ["#!/usr/bin/env python3", "#!/bin/sh -e", "#!/absent python", "", "\x7fELF"]
)
def test_d17_another_first_line_is_no_fault_of_the_path(tmp_path: Path, line: str) -> None:
    (tmp_path / PROGRAM).write_text(line + "\n")

    assert environment.find_unnamed_interpreter(str(tmp_path / PROGRAM)) is None


@pytest.mark.parametrize("character", list("\"\\$`'"))
def test_d17_a_path_that_cannot_be_quoted_is_refused_with_what_helps(
    tmp_path: Path, character: str, capsys: pytest.CaptureFixture[str]
) -> None:
    script = install(tmp_path / f"a b{character}c")
    before = script.read_bytes()

    status = launcher.main(lambda: str(script))

    said = f"{PROGRAM}: cannot mend {str(script)!r}: its path has a quote, a backslash or a dollar\n"
    hint = "hint: create the environment in another directory\n"
    assert (status, capsys.readouterr().err, script.read_bytes()) == (1, said + hint, before)


def test_d17_a_script_that_cannot_be_replaced_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = install(tmp_path / ("a " + "b" * 240))
    longest = script.rename(script.with_name("x" * 255))  # its temporary file would have too long a name

    status = launcher.main(lambda: str(longest))

    said = f"{PROGRAM}: cannot write {str(longest)!r}: File name too long\n"
    assert (status, capsys.readouterr().err) == (
        1,
        said + "hint: create the environment in another directory\n",
    )
