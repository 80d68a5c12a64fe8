"""Ready document: the URL of a running server, and the paths of its files.

{"url": "http://localhost:5000", "registry": "localhost:5000", "pid": 1234, "data": "/data",
 "ca": null, "operator_token_file": "/data/keys/operator-token"}

With ports that are for one host each (serve --site) it also has their addresses:

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

from .listener import ListeningSocket, format_address, is_loopback


@dataclass(frozen=True)
class ReadyDocument:
    """URL and files of a server; `ca` is None without TLS, `sites` maps hosts to addresses."""

    url: str
    registry: str
    pid: int
    data: str
    ca: str | None
    operator_token_file: str
    sites: Mapping[str, str] = field(default_factory=dict)


def describe(
    settings: Settings, sockets: Sequence[ListeningSocket], directory: DataDirectory
) -> ReadyDocument:
    """Returns the document of a server with those sockets; the first of them serves every host."""
    name = find_host_name(settings.host)
    addresses = [format_address(name, each.listening.getsockname()[1]) for each in sockets]
    identity = sockets[0].identity
    ca = identity and identity.ca
    return ReadyDocument(
        url=f"{'https' if identity else 'http'}://{addresses[0]}",
        registry=addresses[0],
        pid=os.getpid(),
        data=str(directory.path),
        ca=None if ca is None else str(ca),
        operator_token_file=str(directory.operator_token_path),
        sites={each.site: address for each, address in zip(sockets, addresses, strict=True) if each.site},
    )


def find_host_name(host: str) -> str:
    """Returns the name by which clients reach a host: localhost, this machine's name, or the host itself."""
    if is_loopback(host):
        return find_loopback_name(host)
    return socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104 - it is only compared


def announce(ready: ReadyDocument, ready_file: Path | None) -> None:
    """Prints the document, one line, and writes it to the file."""
    line = json.dumps({name: value for name, value in vars(ready).items() if value != {}}) + "\n"
    if ready_file is not None and is_stream(ready_file):
        # In a thread: opening a FIFO blocks until it has a reader.
        writing = functools.partial(write_file, ready_file, line.encode(), reader_s=math.inf)
        threading.Thread(target=writing, daemon=True).start()
    elif ready_file is not None:
        write_file(ready_file, line.encode())
    sys.stdout.write(line)
    sys.stdout.flush()
