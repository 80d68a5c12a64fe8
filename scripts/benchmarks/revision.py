"""Wheel of an earlier revision of this repository."""

import shutil
from pathlib import Path

from _distributions import build_distributions
from _environment import CHECKOUT, Failed, run


def find_commit(revision: str, *, checkout: Path = CHECKOUT) -> str:
    """Returns the hash of the commit that a revision names. Raises Failed if it names no commit."""
    command = [
        "git",
        "-C",
        str(checkout),
        "rev-parse",
        "--verify",
        "--end-of-options",
        f"{revision}^{{commit}}",
    ]
    try:
        return run(command).strip()
    except (Failed, FileNotFoundError) as error:
        reason = f"{revision!r} is not a commit of this repository: name one that `git log` shows"
        raise Failed(f"{reason}\n{error}") from error


def build_wheel(commit: str, work: Path, python: str) -> Path:
    """Builds the wheel of a commit in a new directory, with a Python that has the `build` lock."""
    work.mkdir()
    archive, checkout = work / "commit.tar", work / "checkout"
    run(["git", "-C", str(CHECKOUT), "archive", f"--output={archive}", commit])
    shutil.unpack_archive(archive, checkout)
    return build_distributions(python, work, checkout=checkout)[1]
