"""Start of a server: it is ready before it loads modules that the first requests may not need."""

import gc
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from docker_credential_gcr.emulator import extra
from docker_credential_gcr.emulator.runtime import process_limits

# Each costs more than a millisecond; its cost is written next to its import.
LATE = {
    "aiohttp",
    "alembic",
    "cryptography.x509",
    "jinja2",
    "jwt",
    "requests",
    "rich",
    "sqlalchemy.orm",
    "starlette",
}
SERVE = """
import asyncio, json, sys
from docker_credential_gcr.emulator.server import lifecycle
from docker_credential_gcr.emulator.settings import Settings

stop = asyncio.Event()

def on_ready(ready):
    print(json.dumps(sorted(sys.modules)), flush=True)
    stop.set()

asyncio.run(lifecycle.run(Settings(port=0, projects=("my-project",)), stop=stop, on_ready=on_ready))
"""


@pytest.fixture
def collector() -> Iterator[None]:
    """Restores the settings of Python's garbage collector."""
    thresholds = gc.get_threshold()
    yield
    gc.enable()
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_a_ready_server_has_loaded_nothing_that_can_wait() -> None:
    done = subprocess.run([sys.executable, "-c", SERVE], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
    assert LATE & set(json.loads(done.stdout)) == set()


@pytest.mark.parametrize("name", extra.LATE)
def test_a_module_that_is_loaded_late_is_missed_at_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(ModuleNotFoundError) as caught:
        extra.check_late()

    assert extra.explain_missing(caught.value) == f"{name} is missing: {extra.INSTALL}"


@pytest.mark.usefixtures("collector")
def test_garbage_is_searched_for_again_once_the_server_is_ready() -> None:
    process_limits.pause_garbage_collector()
    paused = gc.isenabled()
    process_limits.relax_garbage_collector()

    assert (paused, gc.isenabled(), gc.get_threshold()) == (False, True, (20_000, 20, 20))
