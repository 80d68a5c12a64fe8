"""Conformance to the specification with two workers, TLS, HTTP/2, and a connection for each request."""

import importlib.util
import signal
import ssl

import httpx
import pytest
import requests
from support.checkout import TESTS

from docker_credential_gcr.pytest_plugin import GcrEmulator

# The specification's test and the fixtures that it needs, run with the fixtures of this file.
_path = TESTS / "emulator" / "registry" / "test_specification.py"
_spec = importlib.util.spec_from_file_location("specification", _path)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
globals().update({name: value for name, value in vars(_module).items() if not name.startswith("_")})
pytestmark = pytest.mark.in_turn


class Http2Session:
    """The interface of requests over HTTP/2; any worker may accept the connection."""

    def __init__(self, ca):
        self._context = ssl.create_default_context(cafile=ca)

    def request(self, method, url, *, data=None, allow_redirects=False, **options):
        with httpx.Client(http2=True, verify=self._context, trust_env=False) as client:
            answer = client.request(method, url, content=data, follow_redirects=allow_redirects, **options)
        assert answer.http_version == "HTTP/2"
        return answer

    def get(self, url, **options):
        return self.request("GET", url, **options)

    def delete(self, url, **options):
        return self.request("DELETE", url, **options)


@pytest.fixture(scope="module")
def https_workers(tmp_path_factory, start_workers):
    server = start_workers("--tls", "--workers", "2", "--data", tmp_path_factory.mktemp("data"))
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def gcr_emulator(https_workers, tmp_path):
    with requests.Session() as session:
        session.trust_env = False
        session.verify = https_workers.ready["ca"]
        emulator = GcrEmulator(session, https_workers.ready["url"], https_workers.ready["registry"], tmp_path)
        emulator.reset()
        yield emulator


@pytest.fixture
def connect(connect, https_workers):
    def make(*arguments, **options):
        client = connect(*arguments, **options)
        client.session = Http2Session(https_workers.ready["ca"])
        return client

    return make


@pytest.fixture
def editor(connect):
    return connect("roles/editor", account="editor")
