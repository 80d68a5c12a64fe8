"""Attacks on the emulator's memory: one function each, and the table that names them."""

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from _image import MANIFEST, digest_of, format_json

from benchmarks.load import Connection, Endpoint

_HOLD_S = 5.0
# The number of reads of a slow reader, and the bytes of each.
_READS, _READ = 10, 16_384
_KIND = f"Content-Type: {MANIFEST}\r\n"
_BYTES = "Content-Type: application/octet-stream\r\n"
_LARGE = 4_190_000
_SUBJECT = digest_of(b"subject")


@dataclass(frozen=True)
class Target:
    """The server that is attacked; the attacker has an editor's token, and the operator's."""

    endpoint: Endpoint
    project: str
    operator_token: str

    def open(self) -> Connection:
        """Returns a new connection."""
        return Connection(self.endpoint)

    def call(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Returns the JSON answer to the operator's POST, or GET without a body."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.operator_token}"}
        request = Request(
            f"http://localhost:{self.endpoint.port}{path}",
            None if body is None else format_json(body),
            headers,
        )
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - our own
            return json.load(answer)


def push_blob(connection: Connection, repository: str, data: bytes) -> dict[str, object]:
    """Pushes a blob in one request; returns its descriptor."""
    path = f"/v2/{repository}/blobs/uploads/?digest={digest_of(data)}"
    connection.ask("POST", path, data, expected=201, headers=_BYTES)
    return {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(data), "size": len(data)}


def push_image(
    connection: Connection, repository: str, members: Mapping[str, object], tag: str = "latest"
) -> None:
    """Pushes a manifest with these members."""
    config = push_blob(connection, repository, b"{}")
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], **members}
    data = format_json(document)
    connection.ask("PUT", f"/v2/{repository}/manifests/{tag}", data, expected=201, headers=_KIND)


def _send_head(target: Target, head: bytes, count: int) -> None:
    """Sends requests in sequence; opens a new connection each time the server has closed the last one."""
    connection = None
    for number in range(count):
        connection = connection or socket.create_connection(("127.0.0.1", target.endpoint.port), timeout=60)
        try:
            connection.sendall(head % number)
            is_open = b"\r\nconnection: close" not in connection.recv(65_536)
        except OSError:
            is_open = False
        if not is_open:
            connection.close()
            connection = None


def _ask(target: Target, count: int, head: str) -> list[socket.socket]:
    """Sends the head on that many connections; returns them unread."""
    asked = []
    for _ in range(count):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", target.endpoint.port))
        connection.sendall(head.format(target=target).encode())
        asked.append(connection)
    return asked


def _hold(target: Target, count: int, head: str) -> None:
    """Sends the head on that many connections, and reads nothing."""
    asked = _ask(target, count, head)
    time.sleep(_HOLD_S)
    for connection in asked:
        connection.close()


def send_hosts(target: Target) -> None:
    """Sends long Host headers."""
    _send_head(target, b"GET /v2/ HTTP/1.1\r\nHost: %d" + b"a" * 400_000 + b"\r\n\r\n", 1000)


def send_methods(target: Target) -> None:
    """Sends long methods."""
    _send_head(target, b"M" * 300_000 + b"%d /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000)


def set_policies(target: Target) -> None:
    """Sets a policy of 1,400 members on each of many projects, and opens the page to sign in."""
    for number in range(50):
        project = f"project-{number:03}"
        target.call("/v1/projects", {"projectId": project})
        members = [f"user:user{member}-of-{number}@example.com" for member in range(1400)]
        policy = {"bindings": [{"role": "roles/viewer", "members": members}]}
        target.call(f"/v1/projects/{project}:setIamPolicy", {"policy": policy})
    query = {"client_id": "32555940559.apps.googleusercontent.com", "redirect_uri": "http://localhost:1/"}
    path = "/o/oauth2/v2/auth?" + urlencode({**query, "response_type": "code", "scope": "openid"})
    for _ in range(20):
        target.open().ask("GET", path, expected=200)


def list_referrers(target: Target) -> None:
    """Pushes referrers with large annotations, and lists them on several connections."""
    connection, repository = target.open(), target.endpoint.repository
    subject = {"mediaType": MANIFEST, "digest": _SUBJECT, "size": 7}
    for number in range(50):
        annotations = {"text": str(number) + "z" * _LARGE}
        push_image(connection, repository, {"subject": subject, "annotations": annotations}, f"v{number}")
    for _ in range(4):
        connection.ask("GET", f"/v2/{repository}/referrers/{_SUBJECT}", expected=200)
    _hold(target, 100, _format_get(f"referrers/{_SUBJECT}"))


def read_nothing(target: Target) -> None:
    """Asks for a large manifest on many connections, and reads nothing."""
    push_image(target.open(), target.endpoint.repository, {"annotations": {"text": "z" * _LARGE}})
    _hold(target, 1000, _format_get("manifests/latest"))


def read_no_ranges(target: Target) -> None:
    """Asks for a range of a blob on many connections, and reads nothing."""
    data = os.urandom(8_000_000)
    push_blob(target.open(), target.endpoint.repository, data)
    _hold(target, 1000, _format_get(f"blobs/{digest_of(data)}", "Range: bytes=1-7999998\r\n"))


def read_no_blob(target: Target) -> None:
    """Asks for a blob on many connections, and reads nothing."""
    data = os.urandom(8_000_000)
    push_blob(target.open(), target.endpoint.repository, data)
    _hold(target, 1000, _format_get(f"blobs/{digest_of(data)}"))


def read_slowly(target: Target) -> None:
    """Asks for a blob of 100 MiB on many connections, and reads a little of each at intervals."""
    data = os.urandom(100 * 1024 * 1024)
    push_blob(target.open(), target.endpoint.repository, data)
    asked = _ask(target, 1000, _format_get(f"blobs/{digest_of(data)}"))
    for number in range(_READS):
        for connection in asked:
            received = connection.recv(_READ)
            if not received or (number == 0 and not received.startswith(b"HTTP/1.1 200 ")):
                raise EOFError(f"a slow reader was not served: {received[:99]!r}")
        time.sleep(_HOLD_S / _READS)


def send_silent_bodies(target: Target) -> None:
    """Announces bodies of the token endpoint without a credential, and sends none."""
    kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n"
    _hold(target, 1100, f"POST /token HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n")


def send_half_manifests(target: Target) -> None:
    """Sends half of a manifest on many connections."""
    head = _format_get("manifests/half", f"{_KIND}Content-Length: {2 * 1024 * 1024}\r\n")
    _hold(target, 300, head.replace("GET", "PUT", 1) + "z" * 1024 * 1024)


def filter_projects(target: Target) -> None:
    """Lists projects with a filter of 4,000 letters."""
    with suppress(HTTPError):  # a refusal
        target.call("/v1/projects?" + urlencode({"filter": "a" * 4000}))


def evaluate(target: Target) -> None:
    """Exchanges a token with a condition that creates a string of a million characters."""
    pools = f"/v1/projects/{target.project}/locations/global/workloadIdentityPools"
    issuer, split = "https://issuer.example", 'assertion.a.split("a").join('
    target.call(f"{pools}?workloadIdentityPoolId=pool", {})
    provider = {
        "oidc": {"issuerUri": issuer},
        "attributeMapping": {"google.subject": "assertion.sub"},
        "attributeCondition": f"{split}{split}assertion.y)).size() > 0",
    }
    made = target.call(f"{pools}/pool/providers?workloadIdentityPoolProviderId=prov", provider)
    audience = "//iam.googleapis.com/" + made["response"]["name"]
    claims = {"iss": issuer, "a": "a" * 999, "y": "y" * 700}
    asked = {"subject": "x", "audience": f"https:{audience}", "claims": claims}
    token = target.call("/_emulator/issuer/tokens", asked)["token"]
    words = "urn:ietf:params:oauth"
    form = {
        "grant_type": f"{words}:grant-type:token-exchange",
        "audience": audience,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "subject_token": token,
        "subject_token_type": f"{words}:token-type:jwt",
        "requested_token_type": f"{words}:token-type:access_token",
    }
    body = urlencode(form).encode()
    kind = "Content-Type: application/x-www-form-urlencoded\r\n"
    target.open().ask("POST", "/v1/token", body, expected=400, headers=kind)


def _format_get(path: str, headers: str = "") -> str:
    """Returns a GET below the attacked repository; `_ask` fills in the placeholders of the target."""
    line = f"GET /v2/{{target.endpoint.repository}}/{path} HTTP/1.1\r\nHost: localhost\r\n"
    return f"{line}Authorization: {{target.endpoint.authorization}}\r\n{headers}\r\n"


ATTACKS: dict[str, Callable[[Target], None]] = {
    "1,000 hosts of 400 KB": send_hosts,
    "1,000 methods of 300 KB": send_methods,
    "a condition that makes a text of a million letters": evaluate,
    "50 referrers of 4 MiB, and 100 that do not read them": list_referrers,
    "1,000 that do not read a manifest of 4 MiB": read_nothing,
    "1,000 that do not read a range of 8 MB": read_no_ranges,
    "1,000 that do not read a blob of 8 MB": read_no_blob,
    "1,000 slow readers of a blob of 100 MiB": read_slowly,
    "1,100 that send no body": send_silent_bodies,
    "300 that send half of a manifest": send_half_manifests,
    "70,000 members, and 20 pages to sign in": set_policies,
    "a filter of 4,000 letters": filter_projects,
}
