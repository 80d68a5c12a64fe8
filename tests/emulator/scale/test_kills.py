"""Kills of three servers, crashes of PostgreSQL and stalls of the object store, under load (T20).

Each request goes to another server than the one before: the chunks of an upload, its end, the manifest.
Twelve kills in an ordinary run; `GCR_TEST_KILLS=200 scripts/test tests/emulator/scale` makes it two hundred.
"""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from _registry_client import Refused
from support.child_processes import LIMIT_S
from support.registry_client import RegistryClient
from support.told_events import find_differences as find_event_differences
from support.told_events import list_events

from .deployment import NEEDS, SERVERS, Balanced, Deployment, running_deployment
from .load import Image, Load, check_image, collect
from .pieces import find_differences, list_objects, read_rows

pytestmark = [NEEDS, pytest.mark.in_turn]

KILLS = int(os.environ.get("GCR_TEST_KILLS", "12"))
SEED = os.environ.get("GCR_TEST_SEED", "a")
PUSHERS, PULLERS = 6, 2
POSTGRESQL_CRASHES, STORE_STOPS, INSPECTED, CHECKED = 9, 7, 5, 12
STOP_S = 1.5
UPLOAD_LIFETIME_S = 60
ARGUMENTS = (
    *("--gc-interval", "1s", "--gc-delay", "4s"),
    *("--limit", f"upload_lifetime_s={UPLOAD_LIFETIME_S}"),
)


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with running_deployment(tmp_path, *ARGUMENTS) as deployment:
        yield deployment


@pytest.mark.timeout(120 + 5 * KILLS)
def test_t20_failures_of_all_parts_lose_nothing_acknowledged_and_leave_nothing_behind(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    load = Load(deployment, seed=SEED)
    load.start(pushers=PUSHERS, pullers=PULLERS)
    try:
        failures = Failures(deployment, load)
        for kill in range(1, KILLS + 1):
            failures.inflict(kill)
            differences = find_differences(deployment) if kill % INSPECTED == 0 else []
            differences += run_fsck(deployment) if kill % CHECKED == 0 else []
            assert load.facts.violations + differences == [], f"seed {SEED}, kill {kill}: {load.facts.counts}"
        failures.await_starts(*range(SERVERS))
    finally:
        load.stop()
    with capsys.disabled():
        print(f"\nseed {SEED}, {KILLS} kills: {dict(sorted(load.facts.counts.items()))}")  # noqa: T201
    client = load.connect(0)
    end_uploads(deployment, client)
    assert find_differences(deployment) + run_fsck(deployment) == []
    assert list_objects(deployment) - read_rows(deployment).of_blobs == set()
    assert find_losses(load) == []
    assert find_wrong_events(deployment, load) == []
    assert load.facts.violations == []


class Failures:
    """Kills a server in each round; in some it also crashes PostgreSQL, or stops the store for a while."""

    def __init__(self, deployment: Deployment, load: Load) -> None:
        self._deployment = deployment
        self._load = load
        self._random = random.Random(SEED)
        self._threads = ThreadPoolExecutor(SERVERS)
        self._starts: dict[int, Future[None]] = {}

    def inflict(self, kill: int) -> None:
        """Lets a few images be pushed, then fails; the server starts again while the load goes on."""
        self._load.facts.await_images(self._random.randint(1, 8))
        victim = self._random.randrange(SERVERS)
        crashes, stops = kill % POSTGRESQL_CRASHES == 0, kill % STORE_STOPS == 0
        # A server does not start without its services.
        self.await_starts(*(range(SERVERS) if crashes or stops else [victim]))
        threading.Event().wait(self._random.uniform(0, 0.02))
        self._deployment.replicas.kill(victim)
        if crashes:
            self._crash_postgresql()
        if stops:
            self._stop_store()
        self._starts[victim] = self._threads.submit(self._deployment.replicas.start, victim)

    def await_starts(self, *numbers: int) -> None:
        """Waits until those servers have started."""
        for number in numbers:
            if number in self._starts:
                self._starts.pop(number).result()

    def _crash_postgresql(self) -> None:
        self._load.crashes += 1
        self._deployment.cluster.crash()
        self._deployment.cluster.start()

    def _stop_store(self) -> None:
        self._deployment.seaweedfs.pause()
        threading.Event().wait(STOP_S)
        self._deployment.seaweedfs.resume()


def run_fsck(deployment: Deployment) -> list[str]:
    """Returns what fsck finds while the servers serve."""
    program = Path(sys.executable).with_name("gcr-emulator")
    environ = {**os.environ, **deployment.seaweedfs.environ}
    command = [program, "fsck", *deployment.storage_arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


def find_losses(load: Load) -> list[str]:
    """Returns the differences between what was acknowledged and what can be pulled."""
    kept, deleted = list(load.facts.images.values()), load.facts.deleted

    def check(first: int) -> list[str]:
        client = load.connect(first)
        losses = [loss for image in kept[first::SERVERS] for loss in find_loss(client, image)]
        return losses + [f"undead: {image}" for image in deleted[first::SERVERS] if is_there(client, image)]

    with ThreadPoolExecutor(SERVERS) as threads:
        return [loss for losses in threads.map(check, range(SERVERS)) for loss in losses]


def find_wrong_events(deployment: Deployment, load: Load) -> list[str]:
    """Returns the images without an event, and where the replay of all events differs from the registry."""
    client = RegistryClient(
        deployment.replicas.programs[0].ready["url"], ("_json_key", deployment.make_key("watcher"))
    )
    events = list_events(client.url)
    told = {(event["action"], event["repository"], event.get("tag")) for event in events}
    kept = [("INSERT", image) for image in load.facts.images.values()]
    gone = [(action, image) for image in load.facts.deleted for action in ("INSERT", "DELETE")]
    untold = [
        f"untold: {action} {image}"
        for action, image in (*kept, *gone)
        if (action, f"gcr.io/{image.repository}", image.tag) not in told
    ]
    names = {repository.removeprefix("gcr.io/") for _, repository, _ in told}
    return untold + find_event_differences(client, sorted(names))


def find_loss(client: Balanced, image: Image) -> list[str]:
    """Returns why an image cannot be pulled; nothing if it can."""
    try:
        check_image(client, image)
    except Refused as refusal:
        return [f"{image}: {refusal}"]
    return []


def is_there(client: Balanced, image: Image) -> bool:
    """Returns whether a manifest is there, by its tag or its digest."""
    scope = f"repository:{image.repository}:pull"
    return any(
        client.ask("HEAD", f"/v2/{image.repository}/manifests/{reference}", scope, 200, 404).status == 200
        for reference in (image.tag, image.digest)
    )


def end_uploads(deployment: Deployment, client: Balanced) -> None:
    """Collects garbage after the lifetime of all uploads, until nothing is doomed."""
    with closing(deployment.connect(0)) as server:
        server.get("PUT", "/_emulator/clock", {"offset_s": 2 * UPLOAD_LIFETIME_S})
    for _ in range(10):
        collect(client)
        if not read_rows(deployment).doomed:
            break
    rows = read_rows(deployment)
    assert (rows.doomed, rows.of_uploads) == (set(), set())
