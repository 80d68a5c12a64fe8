"""README and docs/ tell the truth: their blocks of shell and Python run unchanged, in order.

The fixture's emulator replaces the one that the pages start at localhost:5000. A Python program and a CI job,
which name Google's hosts, run in a sandbox where Google is the emulator.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.checkout import README, TESTS
from support.ci.runner import make_programs
from support.google_sandbox import run_in_sandbox
from support.pages import PAGES, name_page, read_blocks
from support.readme_session import mask, read_session, record

PROGRAMS = Path(sys.executable).parent
RUNNER = TESTS / "support" / "ci" / "runner.py"
MAX_LINES = 150
LIMIT_S = 120

IMAGE = "us-docker.pkg.dev/my-project/images/app:v1"
CONFIGURE = "docker-credential-gcr configure-docker --registries us-docker.pkg.dev"


def is_test(block: str) -> bool:
    return "def test_" in block


def is_program(block: str) -> bool:
    return not is_test(block)


def pages_with(language: str, chosen: Callable[[str], bool] = bool) -> list[Any]:
    """Returns the pages with blocks in that language; a test whose blocks use curl needs it."""
    blocks = {page: list(filter(chosen, read_blocks(page, language))) for page in PAGES}
    return [
        pytest.param(
            page, id=name_page(page), marks=pytest.mark.needs("curl") if "curl" in str(found) else ()
        )
        for page, found in blocks.items()
        if found
    ]


@pytest.fixture
def environ(gcr_emulator: Any, tmp_path: Path) -> dict[str, str]:
    """Returns the environment of an empty home; PATH has our programs, and a docker that really pushes."""
    return {
        "PATH": f"{make_programs(tmp_path / 'programs')}:{PROGRAMS}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "GCR_EMULATOR_URL": gcr_emulator.url,
    }


@pytest.mark.parametrize("page", pages_with("sh"))
def test_the_sh_blocks_of_a_page_run_in_their_order(
    page: Path, gcr_emulator: Any, environ: dict[str, str], tmp_path: Path
) -> None:
    script = "\n".join(read_blocks(page, "sh")).replace("localhost:5000", gcr_emulator.registry)
    # `sh -e` continues after a failed `!`.
    script = re.sub(
        r"^! (.+)$", r"if \1; then echo 'it did not fail' >&2; exit 1; fi", script, flags=re.MULTILINE
    )

    done = run(["sh", "-eux", "-c", script], environ, tmp_path)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", pages_with("python", is_test))
def test_d07_the_tests_of_a_page_pass(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(filter(is_test, read_blocks(page, "python"))):
        (tmp_path / f"test_block_{number}.py").write_text(block, "utf-8")
    kept = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST") if name in os.environ}

    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    done = run(command, {**kept, "HOME": str(tmp_path)}, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^[1-9]\d* passed(, \d+ skipped)? in ", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize("page", pages_with("python", is_program))
def test_d07_the_python_programs_of_a_page_run_in_their_order(page: Path, tmp_path: Path) -> None:
    lines = [CONFIGURE, f"docker push {IMAGE}"]
    for number, block in enumerate(filter(is_program, read_blocks(page, "python"))):
        program = tmp_path / f"block_{number}.py"
        program.write_text(block, "utf-8")
        lines.append(f"python3 {shlex.quote(str(program))}")

    done = run_job(lines, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_d01_the_lines_for_ci_in_the_readme_push_an_image(tmp_path: Path) -> None:
    (block,) = [each for each in read_blocks(README, "console") if "APPLICATION_CREDENTIALS" in each]

    done = run_job([line.removeprefix("$ ") for line in block.splitlines()], tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    calls = [json.loads(line) for line in (tmp_path / "home" / "calls.jsonl").read_text().splitlines()]
    assert calls == [
        {"call": ["docker", "build", "--tag", IMAGE, "."]},
        {"call": ["docker", "push", IMAGE], "user": "oauth2accesstoken", "mode": "0o600"},
    ]


def test_the_session_in_the_readme_is_what_a_terminal_shows_as_far_as_it_needs_no_engine(
    gcr_emulator: Any, environ: dict[str, str], tmp_path: Path
) -> None:
    shown = [step for step in read_session(gcr_emulator.registry) if not step.needs_docker]

    assert mask(record(shown, environ, tmp_path)) == mask(shown)


def test_the_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= MAX_LINES


def run(command: list[str], environ: dict[str, str], place: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        env={"TMPDIR": str(place), **environ},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def run_job(lines: list[str], place: Path) -> "subprocess.CompletedProcess[str]":
    """Runs the commands as a CI job with key.json, the helper and an image; Google is the emulator there."""
    prepare = [
        f"export PATH={shlex.quote(str(PROGRAMS))}:$PATH",
        '(umask 077 && cat "$GCR_KEY" > key.json)',
        "export GOOGLE_APPLICATION_CREDENTIALS=key.json",
        f"docker build --tag {IMAGE} .",
    ]
    job = {"variables": {}, "before_script": prepare, "script": lines, "after_script": []}
    (place / "job.yml").write_text(yaml.safe_dump({"page": job}), "utf-8")
    for directory in ("home", "checkout"):
        (place / directory).mkdir()
    (place / "checkout" / "Dockerfile").write_text("FROM scratch\n")
    command = [sys.executable, RUNNER, place / "job.yml", "roles/editor"]
    return run_in_sandbox(command, home=place / "home", cwd=place / "checkout")
