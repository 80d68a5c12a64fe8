"""How soon the emulator is ready, and how many requests one connection gets out of it in a second."""

import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from _emulator_process import emulator
from _environment import Failed, run
from _image import load_image, make_layout
from _registry_client import Registry

STARTS = 5


def measure(
    serve: Sequence[str], environ: Mapping[str, str], work: Path, project: str, *, seconds: float
) -> Iterator[str]:
    """Lines to print: the time to be ready, then the rates."""
    fastest = min(_start_s(serve, environ, work) for _ in range(STARTS))
    yield f"ready after {fastest * 1000:.0f} ms, best of {STARTS}"
    with emulator(serve, environ=environ, log=work / "emulator.log") as ready:
        key = work / "rates.json"
        create = ["key", "create", "--server", ready["url"], "--project", project, "--account", "rates"]
        run([serve[0], *create, "--role", "roles/editor", "--output", str(key)], environ=environ)
        for name, request in _requests(ready["registry"], project, key.read_text(), work).items():
            yield f"{name:16} {_rate(ready['registry'], request, seconds):8.0f} /s on one connection"


def _start_s(serve: Sequence[str], environ: Mapping[str, str], work: Path) -> float:
    started = time.perf_counter()
    with emulator(serve, environ=environ, log=work / "emulator.log"):
        return time.perf_counter() - started


def _requests(registry: str, project: str, key: str, work: Path) -> dict[str, bytes]:
    """The bytes of each kind of request."""
    repository = f"{project}/rates"
    client = Registry(registry, ("_json_key", key))
    make_layout(work / "rates", b"rates")
    descriptor, manifest = load_image(work / "rates")
    document = json.loads(manifest)
    for blob in (document["config"], *document["layers"]):
        client.push_blob(
            repository, (work / "rates" / "blobs" / blob["digest"].replace(":", "/")).read_bytes()
        )
    client.push_manifest(repository, "latest", manifest, descriptor["mediaType"])
    path = f"/v2/{repository}/manifests/latest"
    token = client.tokens[f"repository:{repository}:pull,push"]
    common = f"Host: {registry}\r\nAuthorization: Bearer {token}\r\n"
    put = f"Content-Type: {descriptor['mediaType']}\r\nContent-Length: {len(manifest)}\r\n"
    return {
        "GET manifest": f"GET {path} HTTP/1.1\r\n{common}Accept: {descriptor['mediaType']}\r\n\r\n".encode(),
        "PUT manifest": f"PUT {path} HTTP/1.1\r\n{common}{put}\r\n".encode() + manifest,
        "401": f"GET /v2/ HTTP/1.1\r\nHost: {registry}\r\n\r\n".encode(),
    }


def _rate(registry: str, request: bytes, seconds: float) -> float:
    host, _, port = registry.rpartition(":")
    done = 0
    with socket.create_connection((host, int(port))) as connection, connection.makefile("rb") as answers:
        started = time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds:
            connection.sendall(request)
            _skip_answer(answers)
            done += 1
    return done / elapsed


def _skip_answer(answers: BinaryIO) -> None:
    size = 0
    while (line := answers.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size = int(value)
    if line == b"" or len(answers.read(size)) < size:
        raise Failed("the emulator closed the connection")
