"""The ready document: where a server answers, and where its things are.

{"url": "http://localhost:5000", "registry": "localhost:5000", "pid": 1234, "data": "/data",
 "ca": null, "operator_token_file": "/data/keys/operator-token"}

With ports that are one site each (serve --site) also where these are:

 "sites": {"eu.gcr.io": "localhost:5001"}
"""

import functools
import json
import math
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from docker_credential_gcr.emulator.client.server_url import find_loopback_name
from docker_credential_gcr.emulator.data_directory import DataDirectory
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.files import is_stream, write_file

from .listener import Door, format_address, is_loopback


@dataclass(frozen=True)
class Ready:
    """Where a server answers, and where its things are; `ca` is None without TLS, `sites` are by host."""

    url: str
    registry: str
    pid: int
    data: str
    ca: str | None
    operator_token_file: str
    sites: Mapping[str, str] = field(default_factory=dict)


def describe(settings: Settings, doors: Sequence[Door], directory: DataDirectory) -> Ready:
    """What is ready, of a server that listens there; the first door is for everything."""
    name = find_name(settings.host)
    authorities = [format_address(name, door.listening.getsockname()[1]) for door in doors]
    identity = doors[0].identity
    ca = identity and identity.ca
    return Ready(
        url=f"{'https' if identity else 'http'}://{authorities[0]}",
        registry=authorities[0],
        pid=os.getpid(),
        data=str(directory.path),
        ca=None if ca is None else str(ca),
        operator_token_file=str(directory.operator_token_path),
        sites={door.site: authority for door, authority in zip(doors, authorities, strict=True) if door.site},
    )


def find_name(host: str) -> str:
    """Returns what clients call the host: localhost or another of its names, an address, or this machine."""
    if is_loopback(host):
        return find_loopback_name(host)
    return socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104 - it is only compared


def announce(ready: Ready, ready_file: Path | None) -> None:
    """Print the ready document, one line, and leave it in the file."""
    line = json.dumps({name: value for name, value in vars(ready).items() if value != {}}) + "\n"
    if ready_file is not None and is_stream(ready_file):
        # A FIFO waits for its reader, and the server does not.
        writing = functools.partial(write_file, ready_file, line.encode(), reader_s=math.inf)
        threading.Thread(target=writing, daemon=True).start()
    elif ready_file is not None:
        write_file(ready_file, line.encode())
    sys.stdout.write(line)
    sys.stdout.flush()
