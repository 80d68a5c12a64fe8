"""Registry rates next to Debian's docker-registry, on the same machine in the same run.

Both are measured in turn, and the ratio is that of the medians.
"""

import functools
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from _image import CONFIG, LAYER, MANIFEST, digest_of, format_json

from benchmarks.load import (
    Connection,
    Endpoint,
    Throughput,
    make_blobs,
    make_bytes,
    measure_gets,
    measure_operations,
)
from benchmarks.servers import RegistryServer

KIB, MIB = 1 << 10, 1 << 20
CLIENTS = 8
# Connections of small GETs: answering one costs less than waiting for it.
CONNECTIONS = 16
REPOSITORY = "bench"
TAG = "latest"
ACCEPT = f"accept: {MANIFEST}"
SMALL_BLOB = bytes(KIB)
# The manifests that a client prepares for each second of PUTs.
_MOST_PUTS = 1500

_CONFIG_DATA = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
_LAYER_DATA = b"layer" * 16
MANIFESTS_NAME = (_CONFIG_DATA, _LAYER_DATA)


# Measures a server for a number of seconds.
Take = Callable[[RegistryServer, float], Throughput]


@dataclass(frozen=True)
class Rate:
    """One measurement; the ratio to docker-registry should reach the goal."""

    name: str
    take: Take
    goal: float


def compare(servers: Sequence[RegistryServer], *, seconds: float, rounds: int) -> Iterator[str]:
    """Yields a line for each rate, of two registries that `seed` has filled."""
    yield f"a second, medians of {rounds:2}       ours  docker-registry    ratio   goal"
    for rate in RATES:
        taken = [[rate.take(server, seconds).rate for server in servers] for _ in range(rounds)]
        mine, theirs = (statistics.median(values) for values in zip(*taken, strict=True))
        yield f"{rate.name:28} {mine:10.1f} {theirs:16.1f} {mine / theirs:8.2f} {rate.goal:6.2f}"


def seed(server: RegistryServer, repository: str = REPOSITORY) -> None:
    """Pushes the blobs and the manifest that are pulled later, and the blobs that manifests name."""
    endpoint = server.open(repository)
    connection = Connection(endpoint)
    for blob in (*MANIFESTS_NAME, SMALL_BLOB, _make_large_blob()):
        connection.push_blob(endpoint.repository, digest_of(blob), blob)
    push_manifest(connection, endpoint.repository, TAG, "seed")


@functools.cache
def _make_large_blob() -> memoryview:
    # Created once, before the clients are forked, but not for scripts/bench --help.
    return make_bytes(100 * MIB)


def push_manifest(connection: Connection, repository: str, tag: str, note: str) -> None:
    """Pushes a new manifest, which the note makes unique."""
    put_manifest(connection, repository, tag, make_manifest(note))


def put_manifest(connection: Connection, repository: str, tag: str, manifest: bytes) -> None:
    """Pushes a manifest that was prepared before the measurement."""
    path = f"/v2/{repository}/manifests/{tag}"
    connection.ask("PUT", path, manifest, expected=201, headers=f"Content-Type: {MANIFEST}\r\n")


def make_manifest(note: str) -> bytes:
    """Returns a manifest with five layers, all of them the same blob."""
    layer = {"mediaType": LAYER, "digest": digest_of(_LAYER_DATA), "size": len(_LAYER_DATA)}
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(_CONFIG_DATA), "size": len(_CONFIG_DATA)},
        "layers": [layer] * 5,
        "annotations": {"note": note},
    }
    return format_json(document)


def take_gets(path: str, *headers: str, clients: int, shows: bool = True) -> Take:
    """Returns a measurement of GETs of a small resource below /v2/, with the credential or without."""

    def take(server: RegistryServer, seconds: float) -> Throughput:
        endpoint = server.open(REPOSITORY)
        url = f"http://localhost:{endpoint.port}/v2/{path.format(repository=endpoint.repository)}"
        shown = endpoint if shows else Endpoint(endpoint.port, endpoint.repository, None)
        return measure_gets(url, shown, *headers, clients=clients, seconds=seconds, http2=False)

    return take


def take_large_gets(clients: int, *, start: int = 0) -> Take:
    """Returns a measurement of GETs of the blob of 100 MiB, from byte `start`."""
    headers, expected = (f"Range: bytes={start}-\r\n", 206) if start else ("", 200)

    def take(server: RegistryServer, seconds: float) -> Throughput:
        endpoint = server.open(REPOSITORY)
        path = f"/v2/{endpoint.repository}/blobs/{digest_of(_make_large_blob())}"

        def act(connection: Connection, _prepared: object, _number: int) -> None:
            connection.ask("GET", path, expected=expected, headers=headers)

        return measure_operations([endpoint], clients, lambda _: None, act, seconds=seconds, at_most=10**9)

    return take


def put_manifests(server: RegistryServer, seconds: float) -> Throughput:
    """Measures PUTs of manifests, each client under a separate tag."""
    endpoint = server.open(REPOSITORY)
    at_most = int(_MOST_PUTS * seconds)

    def prepare(_client: int) -> tuple[str, list[bytes]]:
        tag = f"put-{os.urandom(4).hex()}"
        return tag, [make_manifest(f"{tag} {number}") for number in range(at_most)]

    def act(connection: Connection, prepared: tuple[str, list[bytes]], number: int) -> None:
        tag, manifests = prepared
        put_manifest(connection, endpoint.repository, tag, manifests[number])

    return measure_operations([endpoint], CLIENTS, prepare, act, seconds=seconds, at_most=at_most)


def take_pushes(size: int, clients: int, at_most: int) -> Take:
    """Returns a measurement of pushes of blobs of that size, at most `at_most` of each client."""

    def take(server: RegistryServer, seconds: float) -> Throughput:
        endpoint, content = server.open(REPOSITORY), _make_large_blob()[:size]

        def act(connection: Connection, blobs: Any, number: int) -> None:
            connection.push_blob(endpoint.repository, *blobs[number])

        def prepare(_client: int) -> Any:
            return make_blobs(content, at_most)

        return measure_operations([endpoint], clients, prepare, act, seconds=seconds, at_most=at_most)

    return take


BY_TAG, BY_DIGEST = f"{{repository}}/manifests/{TAG}", f"{{repository}}/blobs/{digest_of(SMALL_BLOB)}"
RATES = (
    Rate("manifest GET by tag", take_gets(BY_TAG, ACCEPT, clients=CONNECTIONS), 8),
    Rate(f"manifest PUT, {CLIENTS} clients", put_manifests, 5),
    Rate("GET of 1 KiB", take_gets(BY_DIGEST, clients=CONNECTIONS), 12),
    Rate(f"push of 1 KiB, {CLIENTS} clients", take_pushes(KIB, CLIENTS, 2000), 8),
    Rate(f"push of 1 MiB, {CLIENTS} clients", take_pushes(MIB, CLIENTS, 200), 2),
    Rate("push of 100 MiB", take_pushes(100 * MIB, 1, 8), 1.3),
    Rate("GET of 100 MiB", take_large_gets(1), 1.15),
    # docker-registry refuses nothing, and answers 200.
    Rate("401", take_gets("", clients=CONNECTIONS, shows=False), 8),
)
