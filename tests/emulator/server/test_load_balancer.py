"""Behind a load balancer that ends TLS and replaces Host: every URL that a client gets leads to it."""

import json
import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import jwt
import pytest
import requests
from support.images import OCI_MANIFEST, digest_of
from support.servers.loopback import serving
from support.servers.tls_proxy import TlsProxy

from docker_credential_gcr.emulator.identity.oauth.clients import CLIENTS
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.pytest_plugin import GcrEmulator

NAME = "my-project/app"
HIDDEN = re.compile(r'name="(\w+)" value="([^"]*)"')


@pytest.fixture
def balanced(tmp_path: Path) -> Iterator[tuple[TlsProxy, dict[str, str], str]]:
    """Yields the proxy, a key of an editor and the operator token."""
    with serving(TlsProxy(tmp_path)) as proxy:
        settings = Settings(port=0, external_url=proxy.url, trusted_proxies=("127.0.0.0/8",))
        with InThread(settings) as ready, requests.Session() as session:
            proxy.target = ready.registry
            operator = Path(ready.operator_token_file).read_text().strip()
            session.headers["Authorization"] = f"Bearer {operator}"
            emulator = GcrEmulator(session, ready.url, "", tmp_path)
            emulator.project("my-project")
            yield proxy, json.loads(emulator.key("roles/editor").read_text()), operator


class DockerClient:
    """Follows what the registry says: its realm and service, its Locations and Links."""

    def __init__(self, proxy: TlsProxy, key: dict[str, str]) -> None:
        self._url = proxy.url
        self._auth = ("_json_key", json.dumps(key))
        self._session = requests.Session()
        self._session.verify = str(proxy.ca)
        self.visited: set[str] = set()

    def __enter__(self) -> "DockerClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def send(self, method: str, url: str, **options: Any) -> requests.Response:
        """Sends a request; after a challenge again, with a token from its realm."""
        url = urljoin(self._url, url)
        answer = self._session.request(method, url, timeout=60, **options)
        self.visited.add(url.split("/v2/")[0])
        if answer.status_code == 401:
            fields = dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["WWW-Authenticate"]))
            self.visited.add(fields["realm"].removesuffix("/v2/token"))
            query = {"service": fields["service"], "scope": fields.get("scope", "")}
            token = self._session.get(fields["realm"], params=query, auth=self._auth, timeout=60)
            headers = {**options.pop("headers", {}), "Authorization": f"Bearer {token.json()['token']}"}
            answer = self._session.request(method, url, headers=headers, timeout=60, **options)
        assert answer.status_code < 300, (method, url, answer.text)
        return answer


def test_s3_push_and_pull_follow_every_url_that_the_registry_gives(balanced: Any) -> None:
    proxy, key, _ = balanced
    layer = b"x" * 100_000
    with DockerClient(proxy, key) as client:
        location = client.send("POST", f"/v2/{NAME}/blobs/uploads/").headers["Location"]
        location = client.send("PATCH", location, data=layer).headers["Location"]
        pushed = client.send("PUT", f"{location}?digest={digest_of(layer)}").headers["Location"]
        described = {"mediaType": "application/octet-stream", "digest": digest_of(layer), "size": len(layer)}
        manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": [described]}
        headers = {"Content-Type": OCI_MANIFEST}
        for tag in ("v1", "v2"):
            url = f"/v2/{NAME}/manifests/{tag}"
            client.send("PUT", url, data=json.dumps(manifest).encode(), headers=headers)
        pulled = client.send("GET", pushed).content
        tags = client.send("GET", f"/v2/{NAME}/tags/list?n=1")
        following = client.send("GET", tags.links["next"]["url"])

    assert pulled == layer
    assert [tags.json()["tags"], following.json()["tags"]] == [["v1"], ["v2"]]
    assert client.visited == {proxy.url}


def test_s3_assertion_for_the_balancers_url_gets_a_token(balanced: Any) -> None:
    # As Google's Go library: the audience is the URL that it posts to.
    proxy, key, _ = balanced
    now = int(time.time())
    claims = {"iss": key["client_email"], "aud": f"{proxy.url}/token", "scope": "email"}
    headers = {"kid": key["private_key_id"]}
    signed = jwt.encode({**claims, "iat": now, "exp": now + 600}, key["private_key"], "RS256", headers)
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed}

    answer = requests.post(f"{proxy.url}/token", data=form, verify=str(proxy.ca), timeout=60)

    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")


def test_s3_browser_signs_in_at_the_balancer(balanced: Any) -> None:
    proxy, _, operator = balanced
    query = {
        "client_id": next(iter(CLIENTS.values())).client_id,
        "redirect_uri": "http://127.0.0.1:8085/",
        "response_type": "code",
        "scope": "openid",
        "account": "ada@example.com",
    }
    url = f"{proxy.url}/signin/oauth/consent"
    page = requests.get(url, params=query, verify=str(proxy.ca), timeout=60)
    fields = {name: unescape(value) for name, value in HIDDEN.findall(page.text)}
    form = {**fields, "decision": "allow", "operator_token": operator}
    sent = {"Origin": proxy.url, "Cookie": page.headers["Set-Cookie"].partition(";")[0]}

    answer = requests.post(
        url, data=form, headers=sent, verify=str(proxy.ca), timeout=60, allow_redirects=False
    )

    assert "; Secure" in page.headers["Set-Cookie"]
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (
        303,
        "http://127.0.0.1:8085/",
    )
