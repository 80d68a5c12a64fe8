"""Debian's docker-registry on a free port of loopback, for as long as a `with` lasts."""

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from clients.command import CannotStart

_CONFIGURATION = """version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {0}/data}}}}
http: {{addr: "127.0.0.1:0"}}
"""
_PASSWORDS = "auth: {{htpasswd: {{realm: foreign, path: {0}}}}}\n"
_LISTENING = re.compile(r"listening on 127\.0\.0\.1:(\d+)")


@contextmanager
def registry(directory: Path, *, passwords: Path | None = None) -> Iterator[str]:
    """Runs a registry; yields its host and port. With a file of passwords, it asks for one of them."""
    directory.mkdir()
    configuration = directory / "configuration.yml"
    text = _CONFIGURATION.format(directory) + (_PASSWORDS.format(passwords) if passwords else "")
    configuration.write_text(text)
    process = subprocess.Popen(
        ["docker-registry", "serve", str(configuration)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    with process.stderr as log:
        # A full pipe would stop the registry.
        reader = threading.Thread(target=log.read)
        try:
            host = f"localhost:{_await_port(log)}"
            reader.start()
            yield host
        finally:
            process.kill()
            process.wait()
            if reader.is_alive():
                reader.join()


def _await_port(log: IO[str]) -> int:
    said = []
    for line in log:
        said.append(line)
        if listening := _LISTENING.search(line):
            return int(listening.group(1))
    raise CannotStart("docker-registry does not start:\n" + "".join(said[-10:]))
