"""The client of an upstream against real registries: Debian's docker-registry, an emulator, TLS."""

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import uvloop
from clients.logins.foreign_registry import registry as run_registry
from support.registry_client import RegistryClient
from support.servers.loopback import serving
from support.servers.scripted_upstream import Image, make_image
from support.servers.tls_proxy import TlsProxy

from docker_credential_gcr.emulator.oci.media_types import OCI_MANIFEST
from docker_credential_gcr.emulator.outgoing.rule import OutgoingRule
from docker_credential_gcr.emulator.upstream.blobs import verify
from docker_credential_gcr.emulator.upstream.client import UpstreamClient
from docker_credential_gcr.emulator.upstream.errors import (
    UpstreamDenied,
    UpstreamNotFound,
    UpstreamUnreachable,
)
from docker_credential_gcr.emulator.upstream.registries import parse_upstream
from docker_credential_gcr.emulator.upstream.tokens import UpstreamCredentials

IMAGE = make_image(os.urandom(1024 * 1024))
NAME = "team/app"
LOGIN = ("user", "word")
Use = Callable[[UpstreamClient], Coroutine[Any, Any, None]]


def use(
    url: str, work: Use, credentials: UpstreamCredentials | None = None, environ: dict[str, str] | None = None
) -> None:
    """Runs work with a client of an upstream."""

    async def find() -> UpstreamCredentials | None:
        return credentials

    async def run() -> None:
        upstream = parse_upstream(url)
        client = UpstreamClient(
            upstream, OutgoingRule(True), now=lambda: 0.0, find_credentials=find, environ=environ or {}
        )
        try:
            await work(client)
        finally:
            await client.close()

    uvloop.run(run())


async def pull(client: UpstreamClient) -> None:
    """Pulls the image as a mirror would: HEAD, manifest, layer; the layer again from its middle."""
    head = await client.head_manifest(NAME, "v1")
    assert head == (OCI_MANIFEST, IMAGE.digest, len(IMAGE.manifest))
    manifest = await client.get_manifest(NAME, head.digest or "")
    assert manifest.data == IMAGE.manifest
    (layer,) = manifest.parsed.layers
    for offset in (0, 1000, layer.size - 1):
        stream = await client.open_blob(NAME, layer.digest, offset, size=layer.size)
        hasher = hashlib.sha256(IMAGE.layer[:offset])
        got = b"".join([chunk async for chunk in verify(stream, "", layer.digest, hasher)])
        assert got == IMAGE.layer[offset:]
    assert await client.list_referrers(NAME, IMAGE.digest) == []
    for lookup in (client.head_manifest(NAME, "v2"), client.open_blob(NAME, "sha256:" + "0" * 64)):
        with pytest.raises(UpstreamNotFound):
            await lookup


async def pull_twenty_times(client: UpstreamClient) -> None:
    await asyncio.gather(*(pull(client) for _ in range(20)))


def push(url: str, image: Image, auth: tuple[str, str] | None = None) -> None:
    """Pushes the image to a registry that takes Basic or nothing."""
    with requests.Session() as session:
        session.trust_env, session.auth = False, auth
        location = session.post(f"{url}/v2/{NAME}/blobs/uploads/", timeout=60).headers["Location"]
        done = session.put(location, params={"digest": image.layer_digest}, data=image.layer, timeout=60)
        assert done.status_code == 201, done.text
        headers = {"Content-Type": OCI_MANIFEST}
        done = session.put(f"{url}/v2/{NAME}/manifests/v1", data=image.manifest, headers=headers, timeout=60)
        assert done.status_code == 201, done.text


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    """Creates a file with one user."""
    path = tmp_path / "passwords"
    path.write_bytes(subprocess.check_output(["/usr/bin/env", "htpasswd", "-Bbn", *LOGIN]))
    return path


@pytest.mark.needs("docker-registry")
def test_an_image_is_read_from_debians_registry(tmp_path: Path) -> None:
    with run_registry(tmp_path / "registry") as host:
        push(f"http://{host}", IMAGE)
        use(f"http://{host}", pull)
        use(f"http://{host}", pull_twenty_times)


@pytest.mark.needs("docker-registry", "htpasswd")
def test_an_image_is_read_from_debians_registry_with_a_password(tmp_path: Path, passwords: Path) -> None:
    async def be_denied(client: UpstreamClient) -> None:
        with pytest.raises(UpstreamDenied):
            await client.get_manifest(NAME, "v1")

    with run_registry(tmp_path / "registry", passwords=passwords) as host:
        push(f"http://{host}", IMAGE, LOGIN)
        use(f"http://{host}", pull, UpstreamCredentials(*LOGIN))
        use(f"http://{host}", be_denied)
        use(f"http://{host}", be_denied, UpstreamCredentials("user", "wrong"))


@pytest.fixture
def pushed(gcr_emulator: Any) -> tuple[str, UpstreamCredentials]:
    """Pushes the image to a project of an emulator; returns the project's URL and a key that may pull."""
    project = gcr_emulator.project("upstream-project")
    client = RegistryClient(
        gcr_emulator.url, ("_json_key", gcr_emulator.key("roles/editor", project=project).read_text())
    )
    client.push_blob(f"{project}/{NAME}", IMAGE.layer)
    assert client.put_manifest(f"{project}/{NAME}", "v1", IMAGE.manifest).status_code == 201
    key = gcr_emulator.key("roles/viewer", project=project, account="puller")
    return f"{gcr_emulator.url}/{project}", UpstreamCredentials("_json_key", key.read_text())


def test_an_image_is_read_from_an_emulator_with_its_tokens(pushed: tuple[str, UpstreamCredentials]) -> None:
    url, credentials = pushed
    use(url, pull, credentials)
    use(url, pull_twenty_times, credentials)


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[TlsProxy]:
    """Starts a proxy that ends TLS."""
    with serving(TlsProxy(tmp_path)) as server:
        yield server


@pytest.mark.needs("docker-registry")
def test_tls_is_verified_against_the_usual_variables(tmp_path: Path, proxy: TlsProxy) -> None:
    async def be_refused(client: UpstreamClient) -> None:
        with pytest.raises(UpstreamUnreachable, match="SSL_CERT_FILE"):
            await client.get_manifest(NAME, "v1")

    with run_registry(tmp_path / "registry") as host:
        push(f"http://{host}", IMAGE)
        proxy.target = host
        use(proxy.url, pull, environ={"SSL_CERT_FILE": str(proxy.ca)})
        use(proxy.url, be_refused)
        use(proxy.url.replace("localhost", "127.0.0.1"), be_refused, environ={"SSL_CERT_FILE": str(proxy.ca)})
