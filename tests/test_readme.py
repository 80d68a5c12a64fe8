"""README and docs/ tell the truth: their `sh` blocks run, in order, and the files which they name exist.

Blocks of another language need what a test cannot bring, such as Docker's engine. The started
emulator stands for the one which the pages start at localhost:5000.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from readme_session import mask, read_session, record

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = Path(sys.executable).parent
MAX_LINES = 150

Run = Callable[[Path], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(gcr_emulator: Any, tmp_path: Path) -> Run:
    """Runs a page's blocks in a home without any configuration, the installed programs first on PATH."""

    def run(page: Path) -> "subprocess.CompletedProcess[str]":
        blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        environ = {
            "PATH": f"{PROGRAMS}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "GCR_EMULATOR_URL": gcr_emulator.url,
        }
        return subprocess.run(
            ["sh", "-eux"],
            input="\n".join(blocks).replace("localhost:5000", gcr_emulator.registry),
            env=environ,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_sh_blocks_of_a_page_run_in_their_order(page: Path, run: Run) -> None:
    done = run(page)

    assert done.returncode == 0, done.stderr


def test_the_session_in_the_readme_is_what_a_terminal_shows_as_far_as_it_needs_no_engine(
    gcr_emulator: Any, tmp_path: Path
) -> None:
    shown = [step for step in read_session(gcr_emulator.registry) if not step.needs_docker]
    environ = {
        "PATH": f"{PROGRAMS}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "GCR_EMULATOR_URL": gcr_emulator.url,
    }

    assert mask(record(shown, environ, tmp_path)) == mask(shown)


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^):#]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_map_names_what_is_there() -> None:
    drawn = re.search(r"## A map of the code\n\n```\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert drawn is not None
    package, emulator = ROOT / "docker_credential_gcr", ROOT / "docker_credential_gcr" / "emulator"
    names = re.findall(r"(?<![/\w])(\w+(?:/|\.py))(?=\s|$)", drawn[1])

    assert {"oci/", "records/", "blobs/", "control/", "server.py"} <= set(names)
    assert [n for n in names if not any((base / n).exists() for base in (ROOT, package, emulator))] == []
