"""Pushes images until its stdin ends, and records on the disk what the registry acknowledged.

    pusher.py READY KEY RECORD SEED

READY is the emulator's ready document, which is replaced when the emulator was started again. One
line of RECORD is one fact, flushed to the disk before the next request, and said on stdout too:

    begin REPOSITORY DIGEST            a blob is about to be uploaded
    blob REPOSITORY DIGEST             the upload was acknowledged, or HEAD says that the blob is there
    manifest REPOSITORY DIGEST TAG     the manifest was acknowledged under the tag
    again REPOSITORY TAG               a push was interrupted, and is repeated from its start
"""

import http.client
import json
import os
import random
import sys
import threading
from pathlib import Path

from _image import CONFIG, LAYER, MANIFEST, digest_of, format_json
from _registry_client import Registry

THREADS = 3
KIB = 1024
# Small blobs are rows, larger ones files; the largest take several reads.
SIZES = (1, 300, 4 * KIB, 63 * KIB, 64 * KIB + 1, 200 * KIB, 1100 * KIB)
WEIGHTS = (1, 6, 6, 2, 2, 2, 1)
CHUNKS = (None, None, 100 * KIB)
RESTART_S = 60


class Record:
    """The file of facts, which many threads add to."""

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


class Pusher:
    """One thread's pushes into a repository of its own."""

    def __init__(
        self, number: int, ready: Path, key: str, record: Record, seed: str, over: threading.Event
    ) -> None:
        self._ready = ready
        self._credential = ("_json_key", key)
        self._record = record
        self._random = random.Random(f"{seed}-{number}")
        self._over = over
        self._pause = threading.Event()
        self._repository = f"crash-project/image-{number}"
        self._pid = 0

    def run(self) -> None:
        image = 0
        while not self._over.is_set():
            image += 1
            blobs = [self._random.randbytes(self._pick_size()) for _ in range(self._random.randint(1, 4))]
            self._push_until_done(blobs, f"v{image}")

    def _push_until_done(self, blobs: list[bytes], tag: str) -> None:
        registry = self._connect()
        while True:
            try:
                return self._push(registry, blobs, tag)
            except (OSError, http.client.HTTPException):
                registry = self._connect(after=self._pid)
                self._record.add("again", self._repository, tag)

    def _push(self, registry: Registry, blobs: list[bytes], tag: str) -> None:
        for data in blobs:
            digest = digest_of(data)
            self._record.add("begin", self._repository, digest)
            registry.push_blob(self._repository, data, chunk_size=self._random.choice(CHUNKS))
            self._record.add("blob", self._repository, digest)
        descriptors = [
            {"mediaType": LAYER if position else CONFIG, "digest": digest_of(data), "size": len(data)}
            for position, data in enumerate(blobs)
        ]
        manifest = format_json(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptors[0], "layers": descriptors[1:]}
        )
        digest = registry.push_manifest(self._repository, tag, manifest, MANIFEST)
        self._record.add("manifest", self._repository, digest, tag)

    def _connect(self, after: int = 0) -> Registry:
        """The registry, once another process than `after` serves it."""
        for _ in range(RESTART_S * 100):
            ready = json.loads(self._ready.read_bytes())
            if ready["pid"] != after:
                self._pid = ready["pid"]
                return Registry(ready["registry"], self._credential)
            self._pause.wait(0.01)
        raise TimeoutError(f"no emulator came after process {after}")

    def _pick_size(self) -> int:
        return self._random.choices(SIZES, WEIGHTS)[0]


def main(ready: str, key: str, record: str, seed: str) -> int:
    """Push from several threads; 1 when the registry refused something that it must not."""
    over = threading.Event()
    facts = Record(Path(record))
    failures = []

    def work(number: int) -> None:
        try:
            Pusher(number, Path(ready), Path(key).read_text(), facts, seed, over).run()
        except Exception as failure:  # noqa: BLE001 - told to the test, whatever it is
            failures.append(failure)
            facts.add("failed", f"{type(failure).__name__}: {failure}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
