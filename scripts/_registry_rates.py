"""What the registry does in a second, beside Debian's docker-registry on the same machine in the same run.

Each rate is taken by turns, now ours and now theirs, and the ratio is that of the medians.
"""

import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from _image import CONFIG, LAYER, MANIFEST, digest_of, format_json
from _load import Door, Line, make_blobs, make_bytes, measure_get_rate, measure_rate
from _registry_peers import Peer

KIB, MIB = 1 << 10, 1 << 20
CLIENTS = 8
# So many hold the connection of a small GET, which costs less to answer than to wait for.
CONNECTIONS = 16
REPOSITORY = "bench"
TAG = "latest"
ACCEPT = f"accept: {MANIFEST}"
SMALL_BLOB = bytes(KIB)
# A client makes so many manifests for a second of putting them.
_MOST_PUTS = 1500

_CONFIG_DATA = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
_LAYER_DATA = b"layer" * 16
_LARGE_BLOB = make_bytes(100 * MIB)
MANIFESTS_NAME = (_CONFIG_DATA, _LAYER_DATA)


@dataclass(frozen=True)
class Rate:
    """One measurement: `take(peer, seconds)` gives acts per second; the ratio should reach the goal."""

    name: str
    take: Callable[[Peer, float], float]
    goal: float


def compare(peers: Sequence[Peer], *, seconds: float, rounds: int) -> Iterator[str]:
    """A line for each rate, of two registries that `seed` has filled."""
    yield f"a second, medians of {rounds:2}       ours  docker-registry    ratio   goal"
    for rate in RATES:
        taken = [[rate.take(peer, seconds) for peer in peers] for _ in range(rounds)]
        mine, theirs = (statistics.median(values) for values in zip(*taken, strict=True))
        yield f"{rate.name:28} {mine:10.1f} {theirs:16.1f} {mine / theirs:8.2f} {rate.goal:6.2f}"


def seed(peer: Peer, repository: str = REPOSITORY) -> None:
    """Push what is pulled later, and what manifests name."""
    door = peer.open(repository)
    line = Line(door)
    for blob in (*MANIFESTS_NAME, SMALL_BLOB, _LARGE_BLOB):
        line.push_blob(door.repository, digest_of(blob), blob)
    push_manifest(line, door.repository, TAG, "seed")


def push_manifest(line: Line, repository: str, tag: str, note: str) -> None:
    """Push a manifest that is like no other."""
    put_manifest(line, repository, tag, make_manifest(note))


def put_manifest(line: Line, repository: str, tag: str, manifest: bytes) -> None:
    """Push a manifest that was made before the clock started."""
    path = f"/v2/{repository}/manifests/{tag}"
    line.ask("PUT", path, manifest, expected=201, headers=f"Content-Type: {MANIFEST}\r\n")


def make_manifest(note: str) -> bytes:
    """A manifest with five layers, all of them the same one."""
    layer = {"mediaType": LAYER, "digest": digest_of(_LAYER_DATA), "size": len(_LAYER_DATA)}
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(_CONFIG_DATA), "size": len(_CONFIG_DATA)},
        "layers": [layer] * 5,
        "annotations": {"note": note},
    }
    return format_json(document)


def _get(path: str, *headers: str, shows: bool = True) -> Callable[[Peer, float], float]:
    def take(peer: Peer, seconds: float) -> float:
        door = peer.open(REPOSITORY)
        url = f"http://localhost:{door.port}/v2/{path.format(repository=door.repository)}"
        shown = door if shows else Door(door.port, door.repository, None)
        return measure_get_rate(url, shown, *headers, clients=CONNECTIONS, seconds=seconds, http2=False)

    return take


def _get_large(peer: Peer, seconds: float) -> float:
    door = peer.open(REPOSITORY)
    path = f"/v2/{door.repository}/blobs/{digest_of(_LARGE_BLOB)}"

    def act(line: Line, _prepared: object, _number: int) -> None:
        line.ask("GET", path, expected=200)

    return measure_rate(door, 1, lambda _: None, act, seconds=seconds, at_most=10**9)


def _put_manifests(peer: Peer, seconds: float) -> float:
    door = peer.open(REPOSITORY)
    at_most = int(_MOST_PUTS * seconds)

    def prepare(_client: int) -> tuple[str, list[bytes]]:
        tag = f"put-{os.urandom(4).hex()}"
        return tag, [make_manifest(f"{tag} {number}") for number in range(at_most)]

    def act(line: Line, prepared: tuple[str, list[bytes]], number: int) -> None:
        tag, manifests = prepared
        put_manifest(line, door.repository, tag, manifests[number])

    return measure_rate(door, CLIENTS, prepare, act, seconds=seconds, at_most=at_most)


def _push(size: int, clients: int, at_most: int) -> Callable[[Peer, float], float]:
    content = _LARGE_BLOB[:size]

    def take(peer: Peer, seconds: float) -> float:
        door = peer.open(REPOSITORY)

        def act(line: Line, blobs: Any, number: int) -> None:
            line.push_blob(door.repository, *blobs[number])

        def prepare(_client: int) -> Any:
            return make_blobs(content, at_most)

        return measure_rate(door, clients, prepare, act, seconds=seconds, at_most=at_most)

    return take


RATES = (
    Rate("manifest GET by tag", _get(f"{{repository}}/manifests/{TAG}", ACCEPT), 8),
    Rate(f"manifest PUT, {CLIENTS} clients", _put_manifests, 5),
    Rate("GET of 1 KiB", _get(f"{{repository}}/blobs/{digest_of(SMALL_BLOB)}"), 12),
    Rate(f"push of 1 KiB, {CLIENTS} clients", _push(KIB, CLIENTS, 2000), 8),
    Rate(f"push of 1 MiB, {CLIENTS} clients", _push(MIB, CLIENTS, 200), 2),
    Rate("push of 100 MiB", _push(100 * MIB, 1, 8), 1.3),
    Rate("GET of 100 MiB", _get_large, 1.15),
    # Theirs has nothing to refuse, and answers 200.
    Rate("401", _get("", shows=False), 8),
)
