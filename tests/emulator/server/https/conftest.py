"""A server with TLS in this process, and connections to it."""

import socket
import ssl

import pytest

from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    settings = Settings(port=0, data=tmp_path_factory.mktemp("data"), projects=("my-project",), tls=True)
    with InThread(settings) as ready:
        yield ready


@pytest.fixture
def context(ready):
    return ssl.create_default_context(cafile=ready.ca)


@pytest.fixture
def connect(ready, context):
    """Opens a connection to the server under a name, with the context as the test has set it."""

    def make(host="localhost"):
        port = int(ready.url.rpartition(":")[2])
        raw = socket.create_connection(("127.0.0.1", port), timeout=60)
        return context.wrap_socket(raw, server_hostname=host)

    return make
