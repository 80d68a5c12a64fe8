"""Load: threads that push, mount, delete, pull and collect through all servers.

They record what the registry acknowledges. A request that is answered 503, or broken off by a server's end,
is repeated, as docker does. What must not happen is a violation:

    500            any status that no client expects
    retry-after    a 503 without Retry-After
    lost           an image that was acknowledged, and was not deleted, cannot be pulled
    wrong          other bytes than those that were pushed
    unknown        404 for an upload at the Location of its last response; a crash of PostgreSQL may cost it
"""

import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from _image import CONFIG, LAYER, MANIFEST, digest_of, format_json
from _registry_client import Answer, Refused
from emulator.crash.pusher import delete_manifest, mount_blob
from support.child_processes import LIMIT_S

from .deployment import PROJECT, Balanced, Deployment

KIB = 1024
# Small blobs are rows, larger ones objects; the largest is sent in two parts.
SIZES = (1, KIB, 4 * KIB, 64 * KIB, 64 * KIB + 1, 300 * KIB, 1100 * KIB, 5300 * KIB)
WEIGHTS = (2, 8, 6, 2, 3, 4, 2, 1)
# Bytes of a PATCH; None sends all in one, and 0 in the PUT.
CHUNKS = (None, None, 0, 40 * KIB, 200 * KIB, 1500 * KIB)
# Blobs of this many newest images are mounted; older images may be deleted.
REMEMBERED = 8
MOUNTING, DELETING = 0.3, 0.9
PAUSE_S = 0.1
# Between two images or pulls of a thread, at most: the failures shall have most of the machine's time.
REST_S = 0.4
BROKEN = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Image:
    """An image that was acknowledged under its tag: its digest, and those of its blobs."""

    repository: str
    tag: str
    digest: str
    blobs: tuple[str, ...]


class Facts:
    """What the registry has acknowledged, what it did wrong, and how often something happened."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.images: dict[str, Image] = {}
        self.deleted: list[Image] = []
        self.violations: list[str] = []
        self.counts: Counter[str] = Counter()

    def count(self, *names: str) -> None:
        """Counts that something happened."""
        with self._changed:
            self.counts.update(names)
            self._changed.notify_all()

    def violate(self, kind: str, detail: object) -> None:
        """Records what must not happen."""
        with self._changed:
            self.violations.append(f"{kind}: {detail}")
            self._changed.notify_all()

    def add(self, image: Image) -> None:
        """Records an image whose push was acknowledged."""
        self.images[image.tag] = image
        self.count("images")

    def forget(self, image: Image) -> None:
        """Records that an image is about to be deleted: it may be there or not."""
        del self.images[image.tag]

    def await_images(self, count: int) -> None:
        """Waits until that many further images were acknowledged, or something is wrong."""
        with self._changed:
            wanted = self.counts["images"] + count
            is_there = self._changed.wait_for(
                lambda: self.counts["images"] >= wanted or self.violations, LIMIT_S
            )
        assert is_there, f"no {count} images in {LIMIT_S} s: {self.counts}"


class Patient(Balanced):
    """A client that repeats what is answered 503 or broken off; `uncertain` counts the repetitions."""

    def __init__(self, deployment: Deployment, key: str, facts: Facts, *, first: int = 0) -> None:
        super().__init__(deployment, key, first=first)
        self._facts = facts
        self._pause = threading.Event()
        self.uncertain = 0

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        for _ in range(round(LIMIT_S / PAUSE_S)):
            try:
                answer = super()._send(method, path, headers, body)
            except ConnectionRefusedError:
                self._facts.count("refused connections")
            except BROKEN:
                self.uncertain += 1
                self._facts.count("broken off")
            else:
                if answer.status != 503:
                    self._check(answer, method, path)
                    return answer
                self.uncertain += 1
                self._facts.count("503")
                if answer.headers.get("retry-after") != "1":
                    self._facts.violate("retry-after", f"{method} {path}: {answer.headers}")
            self._pause.wait(PAUSE_S)
        raise TimeoutError(f"{method} {path} was not answered in {LIMIT_S} s")

    def _check(self, answer: Answer, method: str, path: str) -> None:
        if answer.status >= 500:
            logs = self._deployment.read_logs()
            self._facts.violate(str(answer.status), f"{method} {path}: {answer.body[:300]!r}\n{logs}")


class Pusher:
    """Pushes images to a repository of its own, mounts blobs of others, and deletes some of its images."""

    def __init__(self, name: str, client: Patient, load: "Load", *, seed: str) -> None:
        self._name = name
        self._client = client
        self._load = load
        self._facts = load.facts
        self._random = random.Random(f"{seed} {name}")
        self._repository = f"{PROJECT}/image-{name}"
        self._own: list[Image] = []

    def run_once(self, number: int) -> None:
        """Pushes an image, and may delete an older one."""
        blobs = [self._random.randbytes(self._pick_size()) for _ in range(self._random.randint(1, 3))]
        shared = self._load.shared
        if shared and self._random.random() < MOUNTING:
            blobs.append(self._random.choice(shared)[1])
        image = self._push(blobs, f"{self._name}-{number}")
        self._own.append(image)
        self._facts.add(image)
        self._load.shared = [*shared, (self._repository, blobs[-1])][-REMEMBERED:]
        if len(self._own) > REMEMBERED and self._random.random() < DELETING:
            self._delete(self._own.pop(0))

    def _pick_size(self) -> int:
        return self._random.choices(self._load.sizes, WEIGHTS[: len(self._load.sizes)])[0]

    def _push(self, blobs: list[bytes], tag: str) -> Image:
        while True:
            descriptors = []
            for position, data in enumerate(blobs):
                self._push_blob(data)
                media_type = LAYER if position else CONFIG
                descriptors.append({"mediaType": media_type, "digest": digest_of(data), "size": len(data)})
            document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptors[0]}
            manifest = format_json({**document, "layers": descriptors[1:], "annotations": {"tag": tag}})
            try:
                digest = self._client.push_manifest(self._repository, tag, manifest, MANIFEST)
            except Refused as refusal:
                # The blob was collected: its manifest came later than the delay of the collection.
                if not str(refusal).startswith("manifest_blob_unknown"):
                    raise
                self._facts.count("blobs that were collected before their manifest")
            else:
                return Image(self._repository, tag, digest, tuple(map(digest_of, blobs)))

    def _push_blob(self, data: bytes) -> None:
        digest = digest_of(data)
        sources = [repository for repository, known in self._load.shared if known == data]
        if sources and mount_blob(self._client, self._repository, digest, sources[0]):
            return self._facts.count("mounts")
        while True:
            crashes, uncertain = self._load.crashes, self._client.uncertain
            try:
                self._upload(data, self._random.choice(CHUNKS))
            except Refused as refusal:
                if refusal.status != 404:
                    raise
                # Its last request, or the crash, may have ended the upload: the client begins again.
                self._facts.count("uploads that began again")
                if (crashes, uncertain) == (self._load.crashes, self._client.uncertain):
                    self._facts.violate("unknown", f"{digest} of {len(data)} bytes: {refusal}")
            else:
                return self._facts.count("blobs")

    def _upload(self, data: bytes, chunk_size: int | None) -> None:
        if chunk_size == 0:
            self._client.push_at_once(self._repository, data)
        else:
            self._client.push_blob(self._repository, data, chunk_size=chunk_size)

    def _delete(self, image: Image) -> None:
        self._facts.forget(image)
        delete_manifest(self._client, image.repository, image.tag)
        delete_manifest(self._client, image.repository, image.digest)
        self._facts.deleted.append(image)
        self._facts.count("deletions")


class Puller:
    """Pulls images that were acknowledged, and checks their bytes."""

    def __init__(self, client: Patient, facts: Facts, *, seed: str) -> None:
        self._client = client
        self._facts = facts
        self._random = random.Random(seed)

    def run_once(self, _number: int) -> None:
        """Pulls an image, by its tag and completely."""
        images = list(self._facts.images.values())
        if not images:
            return self._facts.await_images(1)
        image = self._random.choice(images)
        try:
            check_image(self._client, image)
        except Refused as refusal:
            if image.tag in self._facts.images:
                self._facts.violate("wrong" if refusal.status == 200 else "lost", f"{image}: {refusal}")
        else:
            self._facts.count("pulls")


def check_image(client: Balanced, image: Image) -> None:
    """Pulls an image by its tag, all its blobs too. Raises Refused, with status 200 for other bytes."""
    data, _ = client.pull_manifest(image.repository, image.tag)
    if digest_of(data) != image.digest:
        raise Refused(200, f"the tag is {digest_of(data)}")
    document = json.loads(data)
    for descriptor in (document["config"], *document["layers"]):
        size = len(client.pull_blob(image.repository, descriptor["digest"]))
        if size != descriptor["size"]:
            raise Refused(200, f"{descriptor} has {size} bytes")


class Load:
    """Runs pushers, pullers and collections in threads, until the end of the block."""

    def __init__(self, deployment: Deployment, *, seed: str, sizes: tuple[int, ...] = SIZES) -> None:
        self.facts = Facts()
        self.sizes = sizes
        # (repository, bytes) of blobs that can be mounted.
        self.shared: list[tuple[str, bytes]] = []
        # How often PostgreSQL was crashed.
        self.crashes = 0
        self._deployment = deployment
        self._seed = seed
        self._key = deployment.make_key("pusher")
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, *, pushers: int, pullers: int, collects: bool = True) -> None:
        """Starts the threads."""
        for number in range(pushers):
            self._start(Pusher(str(number), self.connect(number), self, seed=self._seed).run_once)
        for number in range(pullers):
            seed = f"{self._seed} puller {number}"
            self._start(Puller(self.connect(number), self.facts, seed=seed).run_once)
        if collects:
            client = self.connect(0)
            self._start(lambda _: self._collect(client))

    def connect(self, first: int) -> Patient:
        """Returns a client whose first request goes to that server."""
        return Patient(self._deployment, self._key, self.facts, first=first)

    def stop(self) -> None:
        """Ends the threads after what they do now."""
        self._is_over.set()
        for thread in self._threads:
            thread.join(2 * LIMIT_S)

    def _start(self, run_once: Callable[[int], None]) -> None:
        rests = random.Random(f"{self._seed} {len(self._threads)}")

        def run() -> None:
            number = 0
            try:
                while not self._is_over.is_set():
                    number += 1
                    run_once(number)
                    self._is_over.wait(rests.uniform(0, REST_S))
            except Exception as error:  # noqa: BLE001 - told to the test, whatever it is
                self.facts.violate(type(error).__name__, error)

        thread = threading.Thread(target=run)
        self._threads.append(thread)
        thread.start()

    def _collect(self, client: Patient) -> None:
        collect(client)
        self.facts.count("collections")
        self._is_over.wait(0.5)


def collect(client: Balanced, **options: object) -> None:
    """Collects garbage at one of the servers, unless it already does."""
    client.ask("POST", "/_emulator/gc", "", 200, 409, body=format_json(options))
