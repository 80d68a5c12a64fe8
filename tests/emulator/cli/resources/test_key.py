"""gcr-emulator key creates a file that is private, complete, and has the roles that were asked for."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from google.auth.transport.requests import Request
from google.oauth2 import service_account

Emulator = Any
Run = Callable[..., tuple[int, str, str]]


def test_a_key_is_private_and_opens_what_its_role_opens(
    gcr_emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    gcr_emulator.project("my-project")
    output = tmp_path / "key.json"

    code, out, err = run(
        *("key", "create", "--project", "my-project", "--account", "ci"),
        *("--role", "roles/browser", "--role", "roles/storage.objectViewer"),
        *("--output", output, "--server", gcr_emulator.url),
    )

    document = json.loads(output.read_text())
    said = f"wrote {output}: key {document['private_key_id']} of ci@my-project.iam.gserviceaccount.com\n"
    assert (code, out, err) == (0, "", said)
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["key.json"]
    assert document["token_uri"] == f"http://{gcr_emulator.registry}/token"
    assert document["auth_provider_x509_cert_url"] == "https://www.googleapis.com/oauth2/v1/certs"
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = service_account.Credentials.from_service_account_file(output, scopes=scopes)
    with requests.Session() as session:
        session.trust_env = False
        credentials.refresh(Request(session))
        answer = session.get(
            f"{gcr_emulator.url}/v1/projects",
            headers={"Authorization": f"Bearer {credentials.token}"},
            timeout=30,
        )
    assert [project["projectId"] for project in answer.json()["projects"]] == ["my-project"]


def test_a_key_for_googles_endpoint_goes_to_stdout(gcr_emulator: Emulator, run: Run) -> None:
    gcr_emulator.project("my-project")

    code, out, err = run(
        *("key", "create", "--project", "my-project", "--account", "ci", "--token-uri", "google"),
        *("--output", "-", "--server", gcr_emulator.url),
    )

    assert (code, err) == (0, "")
    assert json.loads(out)["token_uri"] == "https://oauth2.googleapis.com/token"
    assert out.endswith("}\n")


def test_a_file_that_is_there_is_replaced_only_by_force(
    gcr_emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    gcr_emulator.project("my-project")
    output = tmp_path / "key.json"
    output.write_text("mine")
    output.chmod(0o644)
    command = ("key", "create", "--project", "my-project", "--account", "ci", "--output", output)

    assert run(*command, "--server", gcr_emulator.url) == (
        1,
        "",
        f"gcr-emulator: {output} exists: name another file, or replace it with --force\n",
    )
    assert output.read_text() == "mine"
    assert not any(path.endswith("/keys") for path in (seen["path"] for seen in gcr_emulator.journal()))

    assert run(*command, "--force", "--server", gcr_emulator.url)[0] == 0
    assert json.loads(output.read_text())["project_id"] == "my-project"
    assert stat.S_IMODE(output.stat().st_mode) == 0o600


def test_a_directory_that_is_not_there_is_said_before_a_key_is_made(
    gcr_emulator: Emulator, run: Run, tmp_path: Path
) -> None:
    output = tmp_path / "absent" / "key.json"

    assert run(
        *("key", "create", "--project", "my-project", "--account", "ci"),
        *("--output", output, "--server", gcr_emulator.url),
    ) == (
        1,
        "",
        f"gcr-emulator: {output} cannot be written: name a file in a directory that exists\n",
    )
