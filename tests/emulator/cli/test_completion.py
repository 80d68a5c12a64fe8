"""gcr-emulator completion, man and version, as good as the helper's (D13)."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator.cli.main import cli

Run = Callable[..., tuple[int, str, str]]
SHELLS = ["bash", "zsh", "fish", "powershell"]
PROGRAM = "gcr-emulator"
# How each shell's script asks for what begins with `repository li`.
QUESTIONS = {
    "bash": {"COMP_WORDS": f"{PROGRAM} repository li", "COMP_CWORD": "2"},
    "zsh": {"COMP_WORDS": f"{PROGRAM} repository li", "COMP_CWORD": "2"},
    "fish": {"COMP_WORDS": f"{PROGRAM} repository li", "COMP_CWORD": "li"},
    "powershell": {"COMP_WORDS": f"{PROGRAM}\nrepository", "COMP_LAST": "li"},
}


def find_paths(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """Yields the words of each command below the group."""
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from find_paths(command, *path, name)


PATHS = list(find_paths(cli))


@pytest.mark.parametrize("shell", SHELLS)
def test_d13_a_script_for_each_shell(run: Run, shell: str) -> None:
    code, out, err = run("completion", shell)

    assert (code, err) == (0, "")
    assert "_GCR_EMULATOR_COMPLETE" in out
    assert f"{shell}_complete" in out
    assert "%(" not in out


@pytest.mark.parametrize("shell", SHELLS)
def test_d13_commands_are_completed_in_each_shell(shell: str) -> None:
    answered = subprocess.run(
        [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"],
        env={**os.environ, "_GCR_EMULATOR_COMPLETE": f"{shell}_complete", **QUESTIONS[shell]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    words = answered.stdout.replace("plain", "").replace(",", " ").split()
    assert (words[:1], answered.stderr) == (["list"], "")


@pytest.mark.needs("bash")
def test_d13_bash_takes_the_script(run: Run) -> None:
    script = run("completion", "bash")[1]

    done = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p {PROGRAM}"], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f" {PROGRAM}\n")


def test_d13_all_manual_pages_are_written(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "man1"

    written = run("man", "--output", folder)

    assert written == (0, "", f"{folder}: {len(PATHS) + 1} pages\n")
    names = {"-".join((PROGRAM, *path)) + ".1" for path in [(), *PATHS]}
    assert {path.name for path in folder.iterdir()} == names
    assert {stat.S_IMODE(path.stat().st_mode) & 0o600 for path in folder.iterdir()} == {0o600}
    assert (folder / f"{PROGRAM}-image-list.1").read_text() == run("man", "image", "list")[1]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_d13_manual_page_says_what_the_help_says(run: Run, path: tuple[str, ...]) -> None:
    code, page, err = run("man", *path)
    command: click.Command = cli
    for word in path:
        assert isinstance(command, click.Group)
        command = command.commands[word]

    title = "-".join((PROGRAM, *path))
    assert (code, err) == (0, "")
    head = f'.TH "{title.upper()}" 1 "" "{PROGRAM} {__version__}"\n.SH NAME\n{title} - '
    assert page.replace(r"\-", "-").startswith(head)
    listed = [option for option in command.params if not getattr(option, "hidden", False)]
    options = [name for option in listed for name in option.opts if name.startswith("--")]
    shown = page.replace(r"\-", "-")
    assert [name for name in options if name not in shown] == []
    assert "\b" not in page


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("image lst", " Did you mean 'image list'?"),
        ("serv", " Did you mean 'serve'?"),
        ("something else", ""),
    ],
)
def test_d13_manual_page_of_no_command_is_a_misuse(run: Run, words: str, hint: str) -> None:
    code, out, err = run("man", *words.split())

    assert (code, out) == (2, "")
    assert err.endswith(f"Error: No such command {words!r}.{hint}\n")


@pytest.mark.needs("groff")
def test_d13_troff_takes_the_pages(run: Run, tmp_path: Path) -> None:
    run("man", "--output", tmp_path)

    complaints = {
        page.name: subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-z", page], capture_output=True, text=True, timeout=60
        ).stderr
        for page in tmp_path.iterdir()
    }

    assert {name: text for name, text in complaints.items() if text} == {}


def test_d13_version_is_printed(run: Run) -> None:
    assert run("version") == run("--version") == (0, f"{PROGRAM}, version {__version__}\n", "")
