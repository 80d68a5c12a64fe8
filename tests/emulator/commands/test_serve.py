"""gcr-emulator serve prints one line, and says which libraries are missing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Emulator = Any
Run = Callable[..., tuple[int, str, str]]


def test_serve_says_one_line_and_its_exit_code(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    environ = {**os.environ, "GCR_EMULATOR_PORT": "0", "GCR_EMULATOR_PROJECT": "my-project a-project"}
    program = [sys.executable, "-m", "docker_credential_gcr.emulator.cli"]
    arguments = ["serve", "--data", str(tmp_path / "data"), "--ready-file", str(ready)]
    with subprocess.Popen(
        [*program, *arguments], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as serving:
        try:
            assert serving.stdout is not None
            line = serving.stdout.readline()
            document = json.loads(line)
            listed = subprocess.run(
                [*program, "project", "list", "--server", document["url"]],
                env=environ,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            ).stdout
        finally:
            serving.terminate()
        rest, err = serving.communicate(timeout=30)

    assert (serving.returncode, rest, err) == (0, "", "")
    assert listed == "a-project\nmy-project\n"
    assert ready.read_text() == line
    assert set(document) == {"url", "registry", "pid", "data", "ca", "operator_token_file"}


def test_without_the_extra_serve_says_what_to_install(tmp_path: Path) -> None:
    """As where only the helper is installed: the libraries of the extra cannot be imported."""
    blocked = tmp_path / "sitecustomize.py"
    blocked.write_text(
        "import sys\n"
        "for name in ('sqlalchemy', 'starlette', 'jwt', 'cryptography', 'granian', 'uvloop'):\n"
        "    sys.modules[name] = None\n"
    )
    program = [sys.executable, "-m", "docker_credential_gcr.emulator.cli"]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}

    served = subprocess.run(
        [*program, "serve", "--port", "0"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (served.returncode, served.stdout) == (1, "")
    assert served.stderr.startswith("gcr-emulator: ")
    assert served.stderr.endswith(" is missing: pip install 'docker-credential-gcr[emulator]'\n")
    assert served.stderr.count("\n") == 1
