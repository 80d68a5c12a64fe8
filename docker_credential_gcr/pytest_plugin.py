"""Pytest plugin: the fixture gcr_emulator, an emulator in the test process, empty for each test.

    def test_push(gcr_emulator):
        image = f"{gcr_emulator.registry}/{gcr_emulator.project()}/app:v1"
        environ = {**os.environ, "DOCKER_CONFIG": str(gcr_emulator.docker_config)}
        subprocess.run(["docker", "push", image], env=environ, check=True)

It needs the `emulator` extra; without it only a test that uses the fixture fails.
"""

import base64
import functools
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from docker_credential_gcr.pytest_controls import (
    EmulatorClock,
    EmulatorEvents,
    EmulatorFaults,
    EmulatorMetadata,
    parse,
)

if TYPE_CHECKING:
    import requests
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


class GcrEmulator(EmulatorEvents):
    """A running emulator, with its clock, faults and metadata server."""

    def __init__(self, session: "requests.Session", url: str, registry: str, directory: Path) -> None:
        super().__init__(session, url)
        self.url = url
        self.registry = registry
        self.clock = EmulatorClock(session, url)
        self.faults = EmulatorFaults(session, url)
        self.metadata = EmulatorMetadata(session, url)
        self._directory = directory

    def project(self, project_id: str = "my-project", *, registry: str | None = None) -> str:
        """Creates a project, unless it exists; returns its ID.

        `registry` is what serves its gcr.io names, also of one that exists: container-registry (the default
        of new ones), artifact-registry or shut-down.
        """
        response = self._session.post(f"{self.url}/v1/projects", json={"projectId": project_id}, timeout=30)
        if response.status_code != 409:
            parse(response)
        if registry is not None:
            self._call("PATCH", f"projects/{quote(project_id)}", {"registry": registry})
        return project_id

    def repository(
        self, location: str = "us", repository_id: str = "images", *, project: str = "my-project"
    ) -> str:
        """Creates a repository of Artifact Registry, unless it exists; returns the prefix of its images.

        The prefix is like localhost:PORT/us-docker.pkg.dev/my-project/images.
        Raises ValueError for a mistyped location, or a name that no repository can have.
        """
        from docker_credential_gcr.emulator.sites.locations import explain_location

        if (fault := explain_location(location)) is not None:
            raise ValueError(fault)
        parent = f"{self.url}/v1/projects/{quote(self.project(project))}/locations/{quote(location, safe='')}"
        query = {"repositoryId": repository_id}
        response = self._session.post(
            f"{parent}/repositories", params=query, json={"format": "DOCKER"}, timeout=30
        )
        if response.status_code != 409:
            parse(response)
        owner = project.replace(":", "/")
        return f"{self.registry}/{location}-docker.pkg.dev/{owner}/{repository_id}"

    def key(
        self, role: str | None = "roles/editor", *, project: str = "my-project", account: str = "ci"
    ) -> Path:
        """Creates a service account with a role on the project (None for no role) and a key.

        Returns the key's file. All keys of a test session have the same private key, and different IDs.
        """
        from docker_credential_gcr.emulator.identity import resource_names
        from docker_credential_gcr.emulator.identity.keys import encoding, service_account_keys

        resource = f"{self.url}/v1/projects/{quote(self.project(project))}/serviceAccounts"
        email = resource_names.format_email(account, project)
        account_response = self._session.post(resource, json={"accountId": account}, timeout=30)
        if account_response.status_code == 409:
            account_response = self._session.get(f"{resource}/{email}", timeout=30)
        if role is not None and account_response.ok:
            self.grant(role, f"serviceAccount:{email}", project=project)
        body = {"publicKeyData": _certify(_private_key())}
        uploaded = self._session.post(f"{resource}/{email}/keys:upload", json=body, timeout=30)
        account_id, key_id = parse(account_response)["uniqueId"], parse(uploaded)["name"].rpartition("/")[2]
        path = self._directory / f"{account}-{key_id[:8]}.json"
        path.touch(mode=0o600)
        pem = encoding.format_private(_private_key()).decode()
        path.write_text(
            service_account_keys.format_key_file(
                service_account_keys.ServiceAccountKey(key_id, pem, public_key=""),
                project_id=project,
                email=email,
                unique_id=account_id,
                token_uri=f"{self.url}/token",
            )
        )
        return path

    def grant(self, role: str, member: str, *, project: str = "my-project") -> None:
        """Grants the member the role on the project. Raises ValueError for a mistyped role or member."""
        from docker_credential_gcr.emulator.identity.suggestions import explain_member, explain_role

        is_custom = role.startswith(("projects/", "organizations/"))
        fault = explain_member(member) or (None if is_custom else explain_role(role))
        if fault is not None:
            raise ValueError(fault)
        resource = f"{self.url}/v1/projects/{quote(self.project(project))}"
        policy = parse(self._session.post(f"{resource}:getIamPolicy", json={}, timeout=30))
        policy.setdefault("bindings", []).append({"role": role, "members": [member]})
        parse(self._session.post(f"{resource}:setIamPolicy", json={"policy": policy}, timeout=30))

    @property
    def docker_config(self) -> Path:
        """Returns a DOCKER_CONFIG directory in which the helper answers for this emulator as an editor."""
        return self.configure_docker(self.key())

    def configure_docker(self, key: Path) -> Path:
        """Returns a DOCKER_CONFIG directory in which the helper answers for this emulator with the key."""
        directory = self._directory / "docker"
        program = shutil.which("docker-credential-gcr") or "docker-credential-gcr"
        arguments = ["configure-docker", "--registries", self.registry, "--token-source", f"file:{key}"]
        environ = {**os.environ, "DOCKER_CONFIG": str(directory)}
        subprocess.run([program, *arguments], env=environ, check=True, capture_output=True)
        return directory

    def journal(self) -> list[dict[str, Any]]:
        """Returns all requests, oldest first: {"time", "method", "host", "path", "query", "status"}."""
        requests: list[dict[str, Any]] = self._call("GET", "journal")["requests"]
        return requests

    def reset(self) -> None:
        """Removes all data of the emulator."""
        self._call("POST", "reset")


@functools.cache
def _private_key() -> "RSAPrivateKey":
    # Cached: a key takes 0.1 s.
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certify(key: "RSAPrivateKey") -> str:
    """Returns the base64 of a new certificate, for keys:upload; each serial number gives another key ID."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "unused")])
    begin = datetime(2000, 1, 1, tzinfo=timezone.utc)
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
    number = x509.random_serial_number()
    builder = x509.CertificateBuilder(name, name, key.public_key(), number, begin, end)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(certificate).decode()


@pytest.fixture(scope="session")
def _gcr_emulator_server() -> Iterator[Any]:
    from docker_credential_gcr.emulator.extra import check_late, explain_missing

    missing = None
    try:
        from docker_credential_gcr.emulator.server.in_thread import InThread
        from docker_credential_gcr.emulator.settings import Settings

        check_late()
    except ModuleNotFoundError as error:
        missing = explain_missing(error)
        if missing is None:
            raise
    if missing is not None:  # not in the except clause: pytest would show its error as well
        pytest.fail(f"the fixture gcr_emulator cannot be used: {missing}", pytrace=False)

    with InThread(Settings(port=0)) as ready:
        yield ready


@pytest.fixture
def gcr_emulator(
    _gcr_emulator_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GcrEmulator]:
    """Yields an emulator without projects and faults, with the right clock.

    Programs that the test starts find this environment's helper, whose files are in the test's directory.
    """
    import requests

    ready = _gcr_emulator_server
    directory = tmp_path / "gcr-emulator"
    directory.mkdir()
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    monkeypatch.setenv("DOCKER_CREDENTIAL_GCR_CONFIG", str(directory / "helper.json"))
    monkeypatch.setenv("DOCKER_CREDENTIAL_GCR_CACHE_DIR", str(directory / "cache"))
    with requests.Session() as session:
        # The proxy variables are ignored: localhost is another machine for a proxy.
        session.trust_env = False
        emulator = GcrEmulator(session, ready.url, ready.registry, directory)
        emulator.reset()
        yield emulator
