"""A deployment: three servers on one PostgreSQL database and one object store, parts of which can fail.

with running_deployment(folder, "--gc-delay", "4s") as deployment:
    deployment.replicas.kill(0); deployment.replicas.start(0)
    deployment.cluster.crash(); deployment.cluster.start()
    deployment.seaweedfs.pause(); deployment.seaweedfs.resume()
    registry = Balanced(deployment, deployment.credential)    # each request goes to the next server
"""

import http.client
import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from _image import digest_of
from _registry_client import Answer, Refused, Registry
from support.child_processes import LIMIT_S
from support.servers.emulators import Replicas, running_replicas
from support.servers.postgresql import Cluster, running_cluster
from support.servers.seaweedfs import SeaweedFs, running_seaweedfs

from docker_credential_gcr.pytest_plugin import GcrEmulator

NEEDS = pytest.mark.needs("postgres", "weed", "setpriv")
SERVERS = 3
PROJECT = "scale-project"
# The name in every Host header, as behind a load balancer: Locations and realms lead to it.
HOST = "localhost:5000"


@dataclass(frozen=True)
class Deployment:
    """The parts of a deployment; `bucket` is that of the images, `database` the URL of the database."""

    cluster: Cluster
    database: str
    seaweedfs: SeaweedFs
    bucket: str
    replicas: Replicas
    folder: Path

    @property
    def database_name(self) -> str:
        """Returns the name in the database's URL."""
        return urlsplit(self.database).path.removeprefix("/")

    @property
    def storage_arguments(self) -> list[str]:
        """Returns the options of a command that name database and store."""
        store = ["--storage", f"s3://{self.bucket}", "--storage-endpoint", self.seaweedfs.url]
        return ["--database", self.database, *store]

    def port(self, number: int) -> int:
        """Returns the port of a server, the last one if it does not run."""
        return int(self.replicas.programs[number % SERVERS].ready["registry"].rpartition(":")[2])

    def read_logs(self) -> str:
        """Returns the last lines on stderr of each server, since its last start."""
        logs = sorted(self.folder.glob("replica-*.stderr"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-3000:]}" for log in logs)

    def make_key(self, account: str, role: str | None = "roles/editor", *, project: str = PROJECT) -> str:
        """Creates a key of a service account, with the role in the project; returns its JSON."""
        with requests.Session() as session:
            session.trust_env = False
            url = self.replicas.programs[0].ready["url"]
            made = GcrEmulator(session, url, "", self.folder).key(role, project=project, account=account)
        return made.read_text()

    def connect(self, number: int) -> "Server":
        """Returns a connection to one of the servers."""
        return Server(self.port(number))


class Server:
    """A persistent connection to one server."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Sends a request, with bytes or with JSON; an underscore in a header's name stands for a hyphen."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, data, {"Host": HOST, **named})
        response = self._connection.getresponse()
        lower = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, lower, response.read())

    def get(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Returns the JSON of a response, which must be a success. Raises Refused."""
        answer = self.ask(method, path, body, **headers)
        if answer.status // 100 != 2:
            raise Refused(answer.status, f"{method} {path}: {answer.status} {answer.body[:300]!r}")
        return json.loads(answer.body) if answer.body else None

    def get_once(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """Returns what `get` does, and closes the connection."""
        try:
            return self.get(method, path, body, **headers)
        finally:
            self.close()

    def close(self) -> None:
        self._connection.close()


class Balanced(Registry):
    """A registry client whose requests go to the servers in turn; one that refuses is passed over.

    OSError and HTTPException mean that a server died within the request, whose outcome is unknown.
    """

    def __init__(self, deployment: Deployment, key: str | None, *, first: int = 0) -> None:
        super().__init__(HOST, None if key is None else ("_json_key", key))
        self._deployment = deployment
        self._next = first

    def push_at_once(self, repository: str, data: bytes) -> None:
        """Uploads the bytes with the last request of the upload."""
        scope = f"repository:{repository}:pull,push"
        answer = self.ask("POST", f"/v2/{repository}/blobs/uploads/", scope, 202)
        location = f"{self._location(answer)}?{urlencode({'digest': digest_of(data)})}"
        self.ask("PUT", location, scope, 201, body=data)

    def _send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        connection = self._connect()
        try:
            connection.request(method, path, body or None, {"Host": self.host, **headers})
            response = connection.getresponse()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, response.read())
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        for _ in range(SERVERS):
            self._next += 1
            port = self._deployment.port(self._next)
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
            try:
                connection.connect()
            except OSError as error:
                refusal = error
            else:
                return connection
        raise refusal


@contextmanager
def running_deployment(
    folder: Path,
    *arguments: object,
    cluster: Cluster | None = None,
    seaweedfs: SeaweedFs | None = None,
    environ: dict[str, str] | None = None,
) -> Iterator[Deployment]:
    """Runs servers with these arguments of `serve` for the block, with services of their own by default."""
    with ExitStack() as running:
        cluster = cluster or running.enter_context(running_cluster())
        seaweedfs = seaweedfs or running.enter_context(running_seaweedfs(folder / "seaweedfs"))
        bucket = f"images-{secrets.token_hex(4)}"
        seaweedfs.create_bucket(bucket)
        database = cluster.create_database()
        replicas = running.enter_context(
            running_replicas(
                SERVERS,
                folder,
                *("--database", database, "--storage", f"s3://{bucket}"),
                *("--storage-endpoint", seaweedfs.url, "--project", PROJECT, *arguments),
                environ={**seaweedfs.environ, **(environ or {})},
            )
        )
        yield Deployment(cluster, database, seaweedfs, bucket, replicas, folder)
