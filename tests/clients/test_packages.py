"""scripts/test-clients names a missing client, and in CI stops there."""

import subprocess
import sys
from pathlib import Path

import _client_packages
import pytest
from support.checkout import SCRIPTS

# Without apt-get, there may be no package of a browser.
MISSING = " ".join(sorted({*_client_packages.PACKAGES.values()} - {"chromium", "chromium-driver"}))


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """Returns an environment without any client, and without apt-get."""
    return {"PATH": str(tmp_path), "HOME": str(tmp_path), "CI": "true"}


def test_in_ci_a_missing_client_is_a_failure_that_names_the_command(bare: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-B", SCRIPTS / "test-clients"], env=bare, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        f"failed: not installed: {MISSING}; apt-get install {MISSING}\n",
    )


def test_help_installs_nothing(bare: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-B", SCRIPTS / "test-clients", "--help"], env=bare, capture_output=True, text=True
    )

    assert (done.returncode, done.stdout.splitlines()[0], done.stderr) == (
        0,
        "usage: scripts/test-clients [--long] [PYTEST ARGUMENTS]",
        "",
    )
