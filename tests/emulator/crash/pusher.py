"""Pushes, mounts and deletes images until its stdin ends, and records what the registry acknowledged.

    pusher.py READY KEY RECORD SEED

READY is the emulator's ready document, which is replaced after each restart of the emulator. One thread
collects garbage all the time. One line of RECORD is one fact, written to the disk (fsync) before the next
request, and printed on stdout too:

    start SEED                         a pusher has started; an earlier one has ended
    begin REPOSITORY DIGEST            a blob is about to be uploaded
    blob REPOSITORY DIGEST             the upload was acknowledged, or HEAD says that the blob is there
    manifest REPOSITORY DIGEST TAG     the manifest was acknowledged under the tag
    again REPOSITORY TAG               a push was interrupted, and is repeated from its start
    forget REPOSITORY DIGEST TAG       an image is about to be deleted
    gone REPOSITORY DIGEST TAG         its deletion was acknowledged
"""

import http.client
import json
import os
import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from _image import CONFIG, LAYER, MANIFEST, digest_of, format_json
from _registry_client import Refused, Registry

THREADS = 3
KIB = 1024
# Small blobs are rows, larger ones files; the largest take several reads.
SIZES = (1, 300, 4 * KIB, 63 * KIB, 64 * KIB + 1, 200 * KIB, 1100 * KIB)
WEIGHTS = (1, 6, 6, 2, 2, 2, 1)
CHUNKS = (None, None, 100 * KIB)
RESTART_S = 60
# Blobs of this many newest images are mounted; older images may be deleted.
REMEMBERED = 8
MOUNTING, DELETING = 0.3, 0.4


def mount_blob(registry: Registry, repository: str, digest: str, source: str) -> bool:
    """Mounts a blob of another repository; returns whether the registry did so."""
    query = urlencode({"mount": digest, "from": source})
    scope = f"repository:{repository}:pull,push repository:{source}:pull"
    return registry.ask("POST", f"/v2/{repository}/blobs/uploads/?{query}", scope, 201, 202).status == 201


def delete_manifest(registry: Registry, repository: str, reference: str) -> bool:
    """Deletes a tag, or a manifest by its digest; returns whether it existed."""
    path = f"/v2/{repository}/manifests/{reference}"
    return registry.ask("DELETE", path, f"repository:{repository}:pull,delete", 202, 404).status == 202


class Record:
    """The file of facts, to which several threads append."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")
        self._lock = threading.Lock()

    def add(self, *words: str) -> None:
        line = " ".join(words) + "\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
            sys.stdout.write(line)
            sys.stdout.flush()


class Connection:
    """Connection to the emulator, which moves to another port at each start."""

    def __init__(self, ready: Path, key: str) -> None:
        self._ready = ready
        self._credential = ("_json_key", key)
        self._pause = threading.Event()

    def open(self, after: Registry | None = None) -> Registry:
        """Returns the registry, as soon as its host differs from that of `after`."""
        for _ in range(RESTART_S * 100):
            host = json.loads(self._ready.read_bytes())["registry"]
            if after is None or host != after.host:
                return Registry(host, self._credential)
            self._pause.wait(0.01)
        raise TimeoutError(f"no emulator was started after the one at {after and after.host}")


def collect_garbage(connection: Connection, over: threading.Event) -> None:
    """Collects garbage repeatedly, in addition to the server's own schedule."""
    host = connection.open().host
    while not over.wait(0.05):
        try:
            request = http.client.HTTPConnection(host, timeout=60)
            request.request("POST", "/_emulator/gc", "{}")
            answer = request.getresponse()
            if answer.status not in (200, 409):
                raise Refused(answer.status, answer.read().decode())
        except (OSError, http.client.HTTPException):
            host = connection.open().host
        finally:
            request.close()


class Pusher:
    """Pushes of one thread to its own repository."""

    def __init__(
        self,
        number: int,
        connection: Connection,
        record: Record,
        shared: list[tuple[str, bytes]],
        *,
        seed: str,
        over: threading.Event,
    ) -> None:
        self._record = record
        self._random = random.Random(f"{seed}-{number}")
        self._over = over
        self._repository = f"crash-project/image-{number}"
        self._seed = seed
        self._registry = Registry("", None)
        self._connection = connection
        self._images: list[tuple[str, str]] = []
        self._shared = shared

    def run(self) -> None:
        image = 0
        self._registry = self._connection.open()
        while not self._over.is_set():
            image += 1
            blobs = [self._random.randbytes(self._pick_size()) for _ in range(self._random.randint(1, 4))]
            if self._shared and self._random.random() < MOUNTING:
                blobs.append(self._random.choice(self._shared)[1])
            self._push_until_done(blobs, f"{self._seed}-{image}")
            if len(self._images) > REMEMBERED and self._random.random() < DELETING:
                self._delete_until_done(*self._images.pop(0))

    def _push_until_done(self, blobs: list[bytes], tag: str) -> None:
        while True:
            try:
                return self._push(blobs, tag)
            except Refused as refusal:
                # The blob was collected: its manifest came later than the delay of the collection.
                if not str(refusal).startswith("manifest_blob_unknown"):
                    raise
            except (OSError, http.client.HTTPException):
                self._registry = self._connection.open(after=self._registry)
                self._record.add("again", self._repository, tag)

    def _delete_until_done(self, digest: str, tag: str) -> None:
        self._record.add("forget", self._repository, digest, tag)
        while True:
            try:
                delete_manifest(self._registry, self._repository, tag)
                delete_manifest(self._registry, self._repository, digest)
            except (OSError, http.client.HTTPException):
                self._registry = self._connection.open(after=self._registry)
            else:
                return self._record.add("gone", self._repository, digest, tag)

    def _push(self, blobs: list[bytes], tag: str) -> None:
        for data in blobs:
            digest = digest_of(data)
            self._record.add("begin", self._repository, digest)
            if not self._mount(digest):
                self._registry.push_blob(self._repository, data, chunk_size=self._random.choice(CHUNKS))
            self._record.add("blob", self._repository, digest)
        descriptors = [
            {"mediaType": LAYER if position else CONFIG, "digest": digest_of(data), "size": len(data)}
            for position, data in enumerate(blobs)
        ]
        manifest = format_json(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptors[0], "layers": descriptors[1:]}
        )
        digest = self._registry.push_manifest(self._repository, tag, manifest, MANIFEST)
        self._record.add("manifest", self._repository, digest, tag)
        self._images.append((digest, tag))
        self._shared.append((self._repository, blobs[-1]))
        del self._shared[:-REMEMBERED]

    def _mount(self, digest: str) -> bool:
        sources = [repository for repository, data in list(self._shared) if digest_of(data) == digest]
        return bool(sources) and mount_blob(self._registry, self._repository, digest, sources[0])

    def _pick_size(self) -> int:
        return self._random.choices(SIZES, WEIGHTS)[0]


def main(ready: str, key: str, record: str, seed: str) -> int:
    """Pushes from several threads; returns 1 if a thread failed."""
    over = threading.Event()
    facts = Record(Path(record))
    facts.add("start", seed)
    connection = Connection(Path(ready), Path(key).read_text())
    shared: list[tuple[str, bytes]] = []
    failures = []

    def work(run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as failure:  # noqa: BLE001 - told to the test, whatever it is
            failures.append(failure)
            facts.add("failed", f"{type(failure).__name__}: {failure}")

    pushers = [Pusher(number, connection, facts, shared, seed=seed, over=over) for number in range(THREADS)]
    runs = [*(pusher.run for pusher in pushers), lambda: collect_garbage(connection, over)]
    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
