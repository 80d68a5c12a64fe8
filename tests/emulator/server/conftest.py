"""Fixture of tests with several servers."""

from pathlib import Path

import pytest
import requests
from support.servers.emulators import Replicas

from docker_credential_gcr.pytest_plugin import GcrEmulator


@pytest.fixture
def key(replicas: Replicas, tmp_path: Path) -> str:
    """Returns the JSON key of an account that may push to my-project of the module's `replicas`."""
    operator = Path(replicas.programs[0].ready["operator_token_file"]).read_text().strip()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {operator}"
        emulator = GcrEmulator(session, replicas.front.url, "", tmp_path)
        emulator.project("my-project")
        return emulator.key("roles/editor").read_text()
