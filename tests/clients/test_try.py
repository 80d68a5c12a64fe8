"""scripts/try with every client, in this environment; in tests/test_scripts.py it installs first."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkout import SCRIPTS


@pytest.mark.parametrize("client", ["docker", "podman", "skopeo", "builtin"])
def test_try_pushes_pulls_and_is_refused(
    client: str, request: pytest.FixtureRequest, find_client, place: Path
) -> None:
    (place / "tmp").mkdir()
    environ = {**os.environ, "TMPDIR": str(place / "tmp"), "GCR_TEST_ENVIRONMENT": sys.prefix}
    if client == "docker":
        environ["DOCKER_HOST"] = request.getfixturevalue("engine")
    if client != "builtin":
        find_client(client)

    done = subprocess.run(
        [sys.executable, SCRIPTS / "try", "--client", client], env=environ, capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"the client says: .*(denied|unauthorized|forbidden)", done.stdout, re.IGNORECASE)
    assert re.search(r"it worked: sha256:[0-9a-f]{64} was pushed and pulled", done.stdout)
    assert list((place / "tmp").iterdir()) == []
