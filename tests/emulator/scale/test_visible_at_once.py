"""What one server has acknowledged, every other server shows at once: no answer from a cache is older.

Each round changes something at one server, and asks another one as soon as the answer has come. The servers
are asked all the time, so that they have it in their caches. 500 pushes in an ordinary run, and 100 rounds of
each other change; `GCR_TEST_ROUNDS=10000 scripts/test tests/emulator/scale` makes twenty times as many.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import datetime, timezone
from typing import Any

import pytest
from _image import CONFIG, MANIFEST, digest_of, format_json
from support.servers.postgresql import Cluster
from support.servers.seaweedfs import SeaweedFs

from .deployment import NEEDS, PROJECT, SERVERS, Deployment, Server, running_deployment

PUSHES = int(os.environ.get("GCR_TEST_ROUNDS", "500"))
ROUNDS = PUSHES // 5
pytestmark = [NEEDS, pytest.mark.in_turn(__name__), pytest.mark.timeout(120 + ROUNDS)]
# Tags that are pushed at the same time, each by its own client.
CLIENTS = 4
CONFIG_BYTES = b"{}"

# Changes something at the first server and returns what the second one shows, and what it should show.
Change = Callable[[Server, Server, int], tuple[object, object]]


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, postgresql: Cluster, seaweedfs: SeaweedFs
) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    with running_deployment(folder, cluster=postgresql, seaweedfs=seaweedfs) as deployment:
        yield deployment


@pytest.fixture(scope="module")
def editor(deployment: Deployment) -> str:
    return deployment.make_key("editor")


@pytest.fixture
def servers(deployment: Deployment) -> Iterator[list[Server]]:
    with ExitStack() as opened:
        yield [opened.enter_context(closing(deployment.connect(number))) for number in range(SERVERS)]


def repeat(servers: list[Server], change: Change, rounds: int = ROUNDS) -> list[tuple[int, object, object]]:
    """Returns the rounds in which the second server showed something else than the first had acknowledged."""
    stale = []
    for number in range(rounds):
        first, second = servers[number % SERVERS], servers[(number * 2 + 1 + number // SERVERS) % SERVERS]
        if first is second:
            second = servers[(number + 1) % SERVERS]
        shown, expected = change(first, second, number)
        if shown != expected:
            stale.append((number, shown, expected))
    return stale


def find_token(server: Server, key: str, repository: str, actions: str) -> str:
    """Returns a registry token."""
    scope = f"repository:{repository}:{actions}"
    pair = base64.b64encode(f"_json_key:{key}".encode()).decode()
    found = server.get("GET", f"/v2/token?scope={scope}", Authorization=f"Basic {pair}")
    return f"Bearer {found['token']}"


class Pushes:
    """Pushes of one client to a tag of its own."""

    def __init__(self, repository: str, tag: str, token: Callable[[Server], str]) -> None:
        self._repository = repository
        self._tag = tag
        self._token = token

    def path(self, reference: str) -> str:
        return f"/v2/{self._repository}/manifests/{reference}"

    def prepare(self, server: Server) -> None:
        """Pushes the configuration that all manifests name."""
        path = f"/v2/{self._repository}/blobs/uploads/?digest={digest_of(CONFIG_BYTES)}"
        server.get("POST", path, CONFIG_BYTES, Authorization=self._token(server))

    def push(self, server: Server, number: int) -> str:
        """Moves the tag to another manifest; returns its digest."""
        descriptor = {"mediaType": CONFIG, "digest": digest_of(CONFIG_BYTES), "size": len(CONFIG_BYTES)}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptor, "layers": []}
        data = format_json({**document, "annotations": {"number": f"{self._tag} {number}"}})
        headers = {"Authorization": self._token(server), "Content_Type": MANIFEST}
        server.get("PUT", self.path(self._tag), data, **headers)
        return digest_of(data)

    def pull(self, server: Server, reference: str = "") -> str | int:
        """Returns the digest of the tag's bytes, or the status of a refusal."""
        answer = server.ask(
            "GET", self.path(reference or self._tag), Accept=MANIFEST, Authorization=self._token(server)
        )
        return digest_of(answer.body) if answer.status == 200 else answer.status

    def delete(self, server: Server, reference: str) -> int:
        """Deletes a tag or a manifest; returns the status."""
        return server.ask("DELETE", self.path(reference), Authorization=self._token(server)).status


@pytest.fixture
def tokens(editor: str) -> Callable[[str], Callable[[Server], str]]:
    """Creates the source of a repository's tokens, which asks for another one every thousand requests."""

    def make(repository: str) -> Callable[[Server], str]:
        kept = {"uses": 0, "token": ""}

        def find(server: Server) -> str:
            if kept["uses"] % 1000 == 0:
                kept["token"] = find_token(server, editor, repository, "pull,push,delete")
            kept["uses"] += 1
            return str(kept["token"])

        return find

    return make


def test_a_push_is_pulled_from_another_server_at_once(deployment: Deployment, tokens: Any) -> None:
    def run(client: int) -> list[object]:
        repository = f"{PROJECT}/pushed-{client % 2}"
        pushes = Pushes(repository, f"tag-{client}", tokens(repository))
        with ExitStack() as opened:
            servers = [opened.enter_context(closing(deployment.connect(number))) for number in range(SERVERS)]
            pushes.prepare(servers[0])

            def change(first: Server, second: Server, number: int) -> tuple[object, object]:
                expected = pushes.push(first, number)
                return pushes.pull(second), expected

            return [f"client {client}: {found}" for found in repeat(servers, change, PUSHES // CLIENTS)]

    with ThreadPoolExecutor(CLIENTS) as threads:
        assert [found for stale in threads.map(run, range(CLIENTS)) for found in stale] == []


def test_a_deletion_is_seen_by_another_server_at_once(servers: list[Server], tokens: Any) -> None:
    repository = f"{PROJECT}/deleted"
    pushes = Pushes(repository, "latest", tokens(repository))
    pushes.prepare(servers[0])

    def change(first: Server, second: Server, number: int) -> tuple[object, object]:
        digest = pushes.push(second, number)
        before = pushes.pull(second), pushes.pull(second, digest)
        deleted = pushes.delete(first, "latest"), pushes.delete(first, digest)
        after = pushes.pull(second), pushes.pull(second, digest)
        return (before, deleted, after), ((digest, digest), (202, 202), (404, 404))

    assert repeat(servers, change) == []


def test_a_role_is_granted_and_revoked_at_every_server_at_once(
    deployment: Deployment, servers: list[Server], tokens: Any
) -> None:
    repository = f"{PROJECT}/guarded"
    pushes = Pushes(repository, "latest", tokens(repository))
    pushes.prepare(servers[0])
    digest = pushes.push(servers[0], 0)
    visitor = deployment.make_key("visitor", "roles/viewer")
    email = json.loads(visitor)["client_email"]
    token = find_token(servers[0], visitor, repository, "pull")
    visits = Pushes(repository, "latest", lambda _: token)
    path = f"/v1/projects/{PROJECT}"

    def set_role(server: Server, *, is_granted: bool) -> None:
        policy = server.get("POST", f"{path}:getIamPolicy", {})
        bindings = [each for each in policy["bindings"] if each["role"] != "roles/viewer"]
        added = [{"role": "roles/viewer", "members": [f"serviceAccount:{email}"]}] if is_granted else []
        server.get("POST", f"{path}:setIamPolicy", {"policy": {**policy, "bindings": bindings + added}})

    def change(first: Server, second: Server, _number: int) -> tuple[object, object]:
        set_role(first, is_granted=False)
        refused = visits.pull(second)
        set_role(first, is_granted=True)
        return (refused, visits.pull(second)), (403, digest)

    assert repeat(servers, change) == []


def test_the_clock_is_set_at_every_server_at_once(servers: list[Server], editor: str) -> None:
    pair = base64.b64encode(f"_json_key:{editor}".encode()).decode()

    def show(server: Server) -> object:
        return server.get("GET", "/v2/token", Authorization=f"Basic {pair}")["issued_at"]

    def change(first: Server, second: Server, number: int) -> tuple[object, object]:
        now = 2_000_000_000 + number
        first.get("PUT", "/_emulator/clock", {"now": now})
        instant = datetime.fromtimestamp(now, timezone.utc)
        return datetime.fromisoformat(str(show(second)).replace("Z", "+00:00")), instant

    try:
        assert repeat(servers, change) == []
    finally:
        servers[0].get("PUT", "/_emulator/clock", {"offset_s": 0})


def test_a_fault_is_set_and_lifted_at_every_server_at_once(servers: list[Server]) -> None:
    def change(first: Server, second: Server, number: int) -> tuple[object, object]:
        fault = {"method": "GET", "path": "/v2/", "status": 418, "body": str(number)}
        first.get("PUT", "/_emulator/faults", {"faults": [fault]})
        faulty = second.ask("GET", "/v2/")
        first.get("DELETE", "/_emulator/faults")
        lifted = second.ask("GET", "/v2/").status
        return (faulty.status, faulty.body, lifted), (418, str(number).encode(), 401)

    assert repeat(servers, change) == []


def test_a_fault_with_a_number_of_times_is_met_that_often_by_all_servers_together(
    servers: list[Server],
) -> None:
    def change(first: Server, second: Server, _number: int) -> tuple[object, object]:
        first.get("PUT", "/_emulator/faults", {"faults": [{"path": "/v2/", "status": 418, "times": 2}]})
        return [server.ask("GET", "/v2/").status for server in (second, first, second)], [418, 418, 401]

    assert repeat(servers, change) == []


def test_a_repository_is_created_and_deleted_at_every_server_at_once(servers: list[Server]) -> None:
    parent = f"/v1/projects/{PROJECT}/locations/us/repositories"

    def change(first: Server, second: Server, number: int) -> tuple[object, object]:
        name = f"repository-{number}"
        first.get("POST", f"{parent}?repositoryId={name}", {"format": "DOCKER"})
        created = second.ask("GET", f"{parent}/{name}").status
        first.get("DELETE", f"{parent}/{name}")
        return (created, second.ask("GET", f"{parent}/{name}").status), (200, 404)

    assert repeat(servers, change) == []


def test_a_key_is_created_and_deleted_at_every_server_at_once(servers: list[Server], editor: str) -> None:
    email = json.loads(editor)["client_email"]
    keys = f"/v1/projects/{PROJECT}/serviceAccounts/{email}/keys"

    def change(first: Server, second: Server, _number: int) -> tuple[object, object]:
        made = first.get("POST", keys, {})
        pair = base64.b64encode(b"_json_key_base64:" + made["privateKeyData"].encode()).decode()

        def show() -> int:
            return second.ask("GET", "/v2/token", Authorization=f"Basic {pair}").status

        created = show()
        first.get("DELETE", f"/v1/{made['name']}")
        return (created, show()), (200, 401)

    assert repeat(servers, change) == []
