"""Probes: threads that send one request to all servers again and again, and record what is answered."""

import base64
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from _image import CONFIG, LAYER, MANIFEST, digest_of, format_json
from support.child_processes import LIMIT_S

from .deployment import HOST, PROJECT, SERVERS, Balanced, Deployment

REPOSITORY = f"{PROJECT}/probed"
SMALL, LARGE = b"small blob", b"large blob, which is an object" * 10_000
METADATA = {"Metadata-Flavor": "Google"}


@dataclass(frozen=True)
class Probe:
    """A request, its expected status, and the form of its errors, a key of FORMS; `body` may be JSON."""

    method: str
    path: str
    expected: int
    form: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A response that was whole: its status, whether the form of its error is right, and how long it took."""

    status: int
    is_formed: bool
    took_s: float


def is_registry_error(_: http.client.HTTPMessage, body: bytes) -> bool:
    return [error["code"] for error in json.loads(body)["errors"]] == ["UNAVAILABLE"]


def is_google_error(_: http.client.HTTPMessage, body: bytes) -> bool:
    error = json.loads(body)["error"]
    return (error["code"], error["status"]) == (503, "UNAVAILABLE")


def is_control_error(_: http.client.HTTPMessage, body: bytes) -> bool:
    return isinstance(json.loads(body)["error"], str)


def is_metadata_error(headers: http.client.HTTPMessage, body: bytes) -> bool:
    return headers["Metadata-Flavor"] == "Google" and body.startswith(b"<!DOCTYPE html>")


FORMS = {
    "registry": is_registry_error,
    "google": is_google_error,
    "control": is_control_error,
    "metadata": is_metadata_error,
}


def make_probes(deployment: Deployment) -> dict[str, Probe]:
    """Pushes an image, and returns requests to each API that read and write."""
    key = deployment.make_key("prober")
    client = Balanced(deployment, key)
    blobs = [client.push_blob(REPOSITORY, data) for data in (SMALL, LARGE)]
    described = [
        {"mediaType": kind, "digest": digest, "size": len(data)}
        for kind, digest, data in zip((CONFIG, LAYER), blobs, (SMALL, LARGE), strict=True)
    ]
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
    manifest = format_json(document)
    client.push_manifest(REPOSITORY, "latest", manifest, MANIFEST)
    scope = f"repository:{REPOSITORY}:pull,push"
    bearer = {"Authorization": f"Bearer {client.tokens[scope]}"}
    pair = base64.b64encode(f"_json_key:{key}".encode()).decode()
    path, project = f"/v2/{REPOSITORY}", f"/v1/projects/{PROJECT}"
    policy = deployment.connect(0).get_once("POST", f"{project}:getIamPolicy", {})
    account = "/computeMetadata/v1/instance/service-accounts/default"
    uploaded = f"{path}/blobs/uploads/?digest={digest_of(LARGE)}"
    return {
        "pull a tag": Probe("GET", f"{path}/manifests/latest", 200, "registry", headers=bearer),
        "pull a small blob": Probe("GET", f"{path}/blobs/{blobs[0]}", 200, "registry", headers=bearer),
        "pull a large blob": Probe("GET", f"{path}/blobs/{blobs[1]}", 200, "registry", headers=bearer),
        "push a large blob": Probe("POST", uploaded, 201, "registry", LARGE, bearer),
        "push a tag": Probe(
            "PUT", f"{path}/manifests/pushed", 201, "registry", manifest, {**bearer, "Content-Type": MANIFEST}
        ),
        "get a token": Probe(
            "GET", f"/v2/token?scope={scope}", 200, "registry", headers={"Authorization": f"Basic {pair}"}
        ),
        "read a policy": Probe("POST", f"{project}:getIamPolicy", 200, "google", {}),
        "write a policy": Probe(
            "POST", f"{project}:setIamPolicy", 200, "google", {"policy": {"bindings": policy["bindings"]}}
        ),
        "set the clock": Probe("PUT", "/_emulator/clock", 200, "control", {"offset_s": 0}),
        "metadata": Probe("GET", f"{account}/email", 200, "metadata", headers=METADATA),
        "metadata's token": Probe("GET", f"{account}/token", 200, "metadata", headers=METADATA),
    }


class Probing:
    """Runs probes, each in a thread of its own; a request that gets no response in `limit_s` is a fault."""

    def __init__(self, deployment: Deployment, probes: dict[str, Probe], *, limit_s: float) -> None:
        self._deployment = deployment
        self._probes = probes
        self._limit_s = limit_s
        self._changed = threading.Condition()
        self._is_over = False
        self.seen: dict[str, list[Seen]] = {name: [] for name in probes}
        self.faults: list[str] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Probes during the block."""
        threads = [threading.Thread(target=self._run, args=(name,)) for name in self._probes]
        for thread in threads:
            thread.start()
        try:
            self.await_successes()
            yield
        finally:
            self._is_over = True
            for thread in threads:
                thread.join(2 * LIMIT_S)

    def await_successes(self) -> float:
        """Waits until each probe has succeeded at each server again; returns how long that took."""
        began = time.monotonic()
        starts = {name: len(seen) for name, seen in self.seen.items()}

        def have_succeeded() -> bool:
            recent = {name: seen[starts[name] :][-SERVERS:] for name, seen in self.seen.items()}
            return bool(self.faults) or all(
                [each.status for each in recent[name]] == [probe.expected] * SERVERS
                for name, probe in self._probes.items()
            )

        with self._changed:
            assert self._changed.wait_for(have_succeeded, LIMIT_S), f"no recovery in {LIMIT_S} s: {self.seen}"
        return time.monotonic() - began

    def await_refusals(self, names: list[str]) -> None:
        """Waits until each of the probes was refused, or something is wrong."""

        def were_refused() -> bool:
            return bool(self.faults) or all(
                any(each.status == 503 for each in self.seen[name]) for name in names
            )

        with self._changed:
            assert self._changed.wait_for(were_refused, LIMIT_S), f"no refusal in {LIMIT_S} s: {self.seen}"

    def _run(self, name: str) -> None:
        number = 0
        while not self._is_over:
            number += 1
            try:
                self._ask(name, number)
            except Exception as error:  # noqa: BLE001 - told to the test, whatever it is
                self._tell(f"{name}: {type(error).__name__}: {error}")

    def _ask(self, name: str, number: int) -> None:
        probe = self._probes[name]
        port = self._deployment.port(number)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=self._limit_s)
        began = time.monotonic()
        try:
            data = probe.body if isinstance(probe.body, bytes | None) else json.dumps(probe.body).encode()
            connection.request(probe.method, probe.path, data, {"Host": HOST, **probe.headers})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        is_formed = answer.status != 503 or (
            answer.getheader("Retry-After") == "1" and FORMS[probe.form](answer.headers, body)
        )
        with self._changed:
            self.seen[name].append(Seen(answer.status, is_formed, time.monotonic() - began))
            self._changed.notify_all()
        if answer.status not in (probe.expected, 503) or not is_formed:
            self._tell(f"{name}: {answer.status} {answer.headers.items()} {body[:200]!r}")

    def _tell(self, fault: str) -> None:
        with self._changed:
            self.faults.append(fault)
            self._changed.notify_all()

    def describe(self) -> str:
        """Returns the number of responses by status, and the longest time of a refusal and of a success."""
        lines = []
        for name, seen in self.seen.items():
            refused = [each.took_s for each in seen if each.status == 503]
            others = [each.took_s for each in seen if each.status != 503]
            lines.append(
                f"{name:20} {len(others):5} answered, longest {max(others, default=0):5.2f} s; "
                f"{len(refused):5} refused, longest {max(refused, default=0):5.2f} s"
            )
        return "\n".join(lines)
