"""Clients that scripts/test-clients installs from PyPI and npm.

One that is missing skips its tests, and fails them where CI is true, unless --long brings it.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import _image
import _index_clients
import pytest
from clients.emulator_run import waiting_run
from clients.gcloud.google_cloud import PROJECT, GoogleCloud

Find = Callable[[str], str]
BUCKET = f"artifacts.{PROJECT}.appspot.com"
LONG = {"node/bin/helm"}


@pytest.fixture(scope="session")
def find_installed() -> Find:
    """Returns a function that finds a file below .nox/index-clients/, or skips the test."""

    def find(name: str) -> str:
        path = Path(os.environ.get(_index_clients.VARIABLE, "/none"), name)
        if path.exists():
            return str(path)
        option = " --long" if name in LONG else ""
        reason = f"{name} is not installed: run scripts/test-clients{option}"
        if os.environ.get("CI") == "true" and not option:
            pytest.fail(reason)
        pytest.skip(reason)

    return find


@pytest.fixture(scope="session")
def google(
    isolate: Callable[[Path], dict[str, str]], require_program: Callable[[str], str]
) -> Iterator[GoogleCloud]:
    """Yields Google's names over TLS, with an owner's key, and one image that the owner pushed."""
    require_program("skopeo")
    if os.geteuid() != 0:
        pytest.skip("entering the namespaces of another process needs root")
    with tempfile.TemporaryDirectory(prefix="gcr-", dir="/tmp") as directory:
        place = Path(directory)
        _image.make_layout(place / "layout", b"layer")
        with waiting_run(["--project", PROJECT], isolate(place)) as inside:
            cloud = GoogleCloud(place, inside)
            cloud.make_person("owner", "roles/owner")
            cloud.push("owner", place / "layout", f"gcr.io/{PROJECT}/app:v1")
            yield cloud
