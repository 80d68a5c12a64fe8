"""README's session, run from its first line to its last."""

import sys
from pathlib import Path

from support.readme_session import mask, read_session, record

from docker_credential_gcr.pytest_plugin import GcrEmulator


def test_the_session_in_the_readme_is_what_a_terminal_shows(
    one_docker, gcr_emulator: GcrEmulator, place: Path
) -> None:
    gcr_emulator.reset()
    shown = read_session(gcr_emulator.registry)
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{one_docker.environ['PATH']}",
        "HOME": str(place / "person"),
        "DOCKER_HOST": one_docker.environ["DOCKER_HOST"],
        "GCR_EMULATOR_URL": gcr_emulator.url,
    }
    (place / "person").mkdir()

    assert mask(record(shown, environ, place / "person")) == mask(shown)
