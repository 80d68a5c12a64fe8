"""`gcr-emulator run` for tests: Google's names lead to an emulator, and there is no other network."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

RUN = (sys.executable, "-m", "docker_credential_gcr.emulator.cli.main", "run")
REMEDY = (
    "run the tests as root, or as root: sysctl kernel.unprivileged_userns_clone=1 (Debian) "
    "or sysctl kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)"
)
# Settings of this machine that a command needs there too.
KEPT = ("LANG", "LC_ALL", "TERM", "TMPDIR")


def run_in_sandbox(
    command: Sequence[str | Path],
    *,
    home: Path,
    cwd: Path,
    settings: Mapping[str, str] | None = None,
    timeout_s: float = 280,
) -> "subprocess.CompletedProcess[str]":
    """Runs the command with the project `my-project`, where the first push creates a repository.

    Skips the test where the kernel lets this user have no namespaces.
    """
    environ = {name: os.environ[name] for name in KEPT if name in os.environ}
    environ |= {"HOME": str(home), "PATH": "/usr/bin:/bin", **(settings or {})}
    done = subprocess.run(
        [*RUN, "--project", "my-project", "--create-on-push", "--", *command],
        env=environ, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s,
    )  # fmt: skip
    if any(refusal in done.stderr for refusal in ("refuses private namespaces", "has no network namespaces")):
        reason = f"{done.stderr.strip()}; {REMEDY}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    return done
