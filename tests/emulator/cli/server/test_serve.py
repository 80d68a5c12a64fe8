"""gcr-emulator serve prints one line, and says which libraries are missing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from support.child_processes import LIMIT_S, running

Emulator = Any
Run = Callable[..., tuple[int, str, str]]


def test_serve_says_one_line_and_its_exit_code(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    environ = {**os.environ, "GCR_EMULATOR_PORT": "0", "GCR_EMULATOR_PROJECT": "my-project a-project"}
    program = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]
    arguments = ["serve", "--data", str(tmp_path / "data"), "--ready-file", str(ready)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with running([*program, *arguments], env=environ, **pipes) as serving:
        line = serving.stdout.readline()
        document = json.loads(line)
        listed = subprocess.run(
            [*program, "project", "list", "--json", "--server", document["url"]],
            env=environ,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=True,
        ).stdout
        serving.terminate()
        rest, err = serving.communicate(timeout=LIMIT_S)

    assert (serving.returncode, rest, err) == (0, "", "")
    projects = json.loads(listed)["projects"]
    assert [project["projectId"] for project in projects] == ["a-project", "my-project"]
    assert ready.read_text() == line
    assert set(document) == {"url", "registry", "pid", "data", "ca", "operator_token_file"}


def test_without_the_extra_serve_says_what_to_install(tmp_path: Path) -> None:
    """Simulates an installation without the extra: its libraries cannot be imported."""
    blocked = tmp_path / "sitecustomize.py"
    blocked.write_text(
        "import sys\n"
        "for name in ('sqlalchemy', 'starlette', 'jwt', 'cryptography', 'granian', 'uvloop'):\n"
        "    sys.modules[name] = None\n"
    )
    program = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]
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
    install = "install the emulator extra from a checkout: pip install '.[emulator]'"
    assert served.stderr.endswith(f" is missing: {install}\n")
    assert served.stderr.count("\n") == 1


def test_serve_is_the_metadata_server_of_an_account_that_it_makes(tmp_path: Path, make_server: Any) -> None:
    account = "ci@my-project.iam.gserviceaccount.com"
    server = make_server(
        tmp_path / "data", "--metadata-account", account, "--metadata-scope", "devstorage.read_only"
    )
    server.start()
    url = server.ready["url"]

    answer = requests.get(
        f"{url}/computeMetadata/v1/instance/service-accounts/default/?recursive=true",
        headers={"Metadata-Flavor": "Google"},
        timeout=30,
    )

    assert answer.json() == {
        "aliases": ["default"],
        "email": account,
        "scopes": ["https://www.googleapis.com/auth/devstorage.read_only"],
    }
    made = requests.get(f"{url}/v1/projects/my-project/serviceAccounts/{account}", timeout=30).json()
    assert made["email"] == account
    requests.delete(f"{url}/_emulator/metadata", timeout=30)
    requests.post(f"{url}/_emulator/reset", timeout=30)
    assert requests.get(f"{url}/_emulator/metadata", timeout=30).json()["account"] == account


def test_serve_refuses_a_machine_that_there_cannot_be(run: Run) -> None:
    for arguments, message in (
        (["--metadata-scope", "iam"], "--metadata-scope needs --metadata-account"),
        (
            ["--metadata-account", "ci@example.com"],
            "'ci@example.com' is not an address such as ci@my-project",
        ),
        (["--metadata-account", "ci@p.iam.gserviceaccount.com"], "is not an address such as ci@my-project"),
        (
            ["--metadata-account", "ci@my-project.iam.gserviceaccount.com", "--metadata-scope", "a b"],
            "'a b' is not an OAuth scope",
        ),
    ):
        code, out, err = run("serve", *arguments)
        assert (code, out, message in err) == (2, "", True), err
