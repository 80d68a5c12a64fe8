"""Fixtures of the plugin's tests: the program as the kubelet runs it, Google's STS, the kubelet's types."""

import fnmatch
import json
import os
import re
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from support.child_processes import Outcome
from support.servers.loopback import LoopbackHandler, LoopbackServer, serving

PROGRAM = Path(sysconfig.get_path("scripts"), "gcr-credential-provider")
V1 = "credentialprovider.kubelet.k8s.io/v1"
# The form that Go's time.ParseDuration parses: https://pkg.go.dev/time#ParseDuration
DURATION = re.compile(r"[-+]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))+)")


@dataclass(frozen=True)
class PluginOutcome(Outcome):
    """The exit status and the output of a run of the plugin."""

    @property
    def response(self) -> Any:
        """Returns the response; only a successful run has one."""
        assert (self.status, self.stderr, self.stdout.count("\n")) == (0, "", 1), self
        return json.loads(self.stdout)


class Plugin:
    """gcr-credential-provider, in the small environment of a node's service."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "config.json"
        self.cache = directory / "cache"
        self.environ = {
            "PATH": os.defpath,
            "DOCKER_CREDENTIAL_GCR_CONFIG": str(self.config),
            "DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(self.cache),
            "CLOUDSDK_CONFIG": str(directory / "gcloud"),
            "NO_GCE_CHECK": "true",
        }

    def __call__(self, stdin: bytes, *arguments: str, **environ: str) -> PluginOutcome:
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=stdin,
            capture_output=True,
            env=self.environ | environ,
            cwd=self.directory,
            timeout=60,
        )
        return PluginOutcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ask(self, image: str, *arguments: str, version: str = "v1", **fields: object) -> PluginOutcome:
        """Requests the credential for an image, as the kubelet does."""
        api_version = V1.removesuffix("v1") + version
        request = {"kind": "CredentialProviderRequest", "apiVersion": api_version, "image": image} | fields
        return self(json.dumps(request).encode(), *arguments)

    def configure(self, **members: object) -> None:
        """Writes the helper's configuration."""
        self.config.write_text(json.dumps(members))

    def use_token(self, token: str = "ya29.node") -> None:
        """Configures this access token for all hosts."""
        (self.directory / "token").write_text(token)
        self.configure(TokenSources=[f"token-file:{self.directory / 'token'}"])


class SecurityTokenService(LoopbackServer):
    """Google's STS and impersonation API: records the requests, and answers as configured."""

    def __init__(self) -> None:
        super().__init__(StsHandler)
        self.url += "/"
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        self.answers: dict[str, dict[str, object]] = {
            "/v1/token": {
                "access_token": "ya29.federated",
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "token_type": "Bearer",
                "expires_in": 3600,
            }
        }


class StsHandler(LoopbackHandler):
    server: SecurityTokenService

    def do_POST(self) -> None:
        body = self.read_body().decode()
        is_form = self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        self.server.requests.append((self.path, dict(parse_qsl(body)) if is_form else json.loads(body)))
        answer = json.dumps(self.server.answers[self.path]).encode()
        self.end(self.server.status, answer, Content_Type="application/json")


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


@pytest.fixture
def sts() -> Iterator[SecurityTokenService]:
    with serving(SecurityTokenService()) as server:
        yield server


@pytest.fixture
def check() -> Callable[[Any, str, str], None]:
    """Checks a response as the kubelet does for an image in a version.

    https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/kubelet/pkg/apis/credentialprovider/v1/types.go
    """

    def check(response: Any, image: str, api_version: str = V1) -> None:
        assert set(response) <= {"kind", "apiVersion", "cacheKeyType", "cacheDuration", "auth"}
        assert (response["kind"], response["apiVersion"]) == ("CredentialProviderResponse", api_version)
        assert response["cacheKeyType"] in ("Image", "Registry", "Global")
        assert DURATION.fullmatch(response["cacheDuration"])
        for pattern, auth in (response["auth"] or {}).items():
            assert matches(pattern, image)
            assert set(auth) == {"username", "password"}
            assert all(isinstance(value, str) for value in auth.values())

    return check


def matches(pattern: str, image: str) -> bool:
    """Returns whether the kubelet tries a key of `auth`, or of `matchImages`, for an image.

    The same number of labels, each of which matches; the same port, if there is one; a prefix of the path.
    """
    host, _, path = image.partition("/")
    wanted_host, _, wanted_path = pattern.partition("/")
    (name, _, port), (wanted, _, wanted_port) = host.partition(":"), wanted_host.partition(":")
    labels, patterns = name.split("."), wanted.split(".")
    return (
        len(labels) == len(patterns)
        and all(map(fnmatch.fnmatchcase, labels, patterns))
        and (not wanted_port or port == wanted_port)
        and path.startswith(wanted_path)
    )


@pytest.fixture
def is_matched() -> Callable[[str, str], bool]:
    return matches
