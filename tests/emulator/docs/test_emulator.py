"""docs/emulator.md tells the truth: its commands run, its tables are those of the code."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
from support.checkout import DOCS
from support.doc_scripts import find_scripts, needs_of

from docker_credential_gcr.emulator.cli.listing import format_table
from docker_credential_gcr.emulator.cli.server.run import run
from docker_credential_gcr.emulator.cli.server.serve import serve
from docker_credential_gcr.emulator.google.app import ROUTES
from docker_credential_gcr.emulator.google.rest.errors import TABLE
from docker_credential_gcr.emulator.identity.roles import ROLES

PAGE = (DOCS / "emulator.md").read_text("utf-8")
(SCRIPT,) = find_scripts(PAGE)
# What each column of the roles' table promises.
COLUMNS = [
    {"storage.objects.get"},
    {"storage.buckets.get", "storage.objects.create"},
    {"storage.buckets.get", "storage.objects.create", "storage.buckets.create"},
    {"artifactregistry.repositories.downloadArtifacts"},
    {"artifactregistry.repositories.uploadArtifacts"},
    {"artifactregistry.repositories.deleteArtifacts"},
    {"iam.serviceAccounts.create", "iam.serviceAccountKeys.create"},
    {"resourcemanager.projects.setIamPolicy"},
]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first column has that heading."""
    table = PAGE.partition(f"\n| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


@needs_of(SCRIPT)
def test_the_commands_run_in_their_order(gcr_emulator: Any, tmp_path: Path) -> None:
    environ = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "GCR_EMULATOR_URL": gcr_emulator.url,
        "HOME": str(tmp_path),
    }

    done = subprocess.run(
        ["sh", "-eu"],
        input=SCRIPT,
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "key.json").exists()


def test_every_route_is_listed() -> None:
    listed = [(method, path.strip("`")) for method, path, _ in rows("method")]

    assert listed == [(method, path) for method, path, _ in ROUTES]


def test_every_role_is_listed_with_what_it_may_do() -> None:
    listed = {cells[0].strip("`"): [cell == "yes" for cell in cells[1:]] for cells in rows("role")}

    assert listed == {
        role: [column <= permissions for column in COLUMNS] for role, permissions in ROLES.items()
    }


def test_every_error_is_listed() -> None:
    listed = {
        (int(code), word) for code, words, _ in rows("status") for word in re.findall(r"`(\w+)`", words)
    }

    assert listed == {(code, word) for code, word, _ in TABLE.values()} | {(500, "INTERNAL")}


def test_options_that_run_lacks_are_listed() -> None:
    sentence = PAGE.partition("The options are those of `serve` without ")[2].partition(".\n")[0]
    own, others = ({option.opts[0] for option in command.params} for command in (run, serve))

    assert set(re.findall(r"`(--[a-z-]+)`", sentence)) == others - own
    assert own - others == {"command", "--keep-credentials"}


def test_every_option_of_serve_is_listed_with_its_variable() -> None:
    listed = {option.strip("`"): variable.strip("`") for option, variable, *_ in rows("option")}

    options = [option for option in serve.params if isinstance(option, click.Option)]
    assert listed == {option.opts[0]: option.envvar for option in options}


def test_d13_the_list_of_images_is_laid_out_as_the_page_shows() -> None:
    blocks = re.findall(r"  \$ gcr-emulator image list\n(.*?)  ```", PAGE, re.DOTALL)
    wide, narrow = ([line.removeprefix("  ") for line in block.splitlines()] for block in blocks)
    rows = [tuple(re.split(r" {2,}", line)) for line in wide]

    assert {columns: format_table(rows, columns) for columns in (80, 120, None)} == {
        80: narrow,
        120: wide,
        None: wide,
    }
