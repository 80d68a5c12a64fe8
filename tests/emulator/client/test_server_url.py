"""Host of a server for clients: localhost if that name resolves to it, else its address."""

import json
import os
import socket
import subprocess
import sys

import pytest

from docker_credential_gcr.emulator.client.server_url import find_loopback_name, format_registry

COMMAND = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]
BOTH, IPV4, IPV6 = ("127.0.0.1", "::1"), ("127.0.0.1",), ("::1",)


def resolver(localhost):
    """Returns a getaddrinfo(3) with those addresses for localhost; an address is itself."""

    def resolve(host, _port, type):
        if host == "localhost" and not localhost:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, type, 0, "", (address, 0)) for address in (localhost if host == "localhost" else [host])]

    return resolve


@pytest.mark.parametrize(
    ("host", "localhost", "name"),
    [
        ("localhost", BOTH, "localhost"),
        ("127.0.0.1", BOTH, "localhost"),
        ("127.0.0.1", IPV4, "localhost"),
        ("127.0.0.1", IPV6, "127.0.0.1"),
        ("127.0.0.1", (), "127.0.0.1"),
        ("127.0.0.2", BOTH, "127.0.0.2"),
        ("::1", BOTH, "localhost"),
        ("::1", IPV6, "localhost"),
        ("::1", IPV4, "::1"),
    ],
    ids=lambda value: f"H-Z56-{value}" if isinstance(value, str) else "+".join(value) or "no-localhost",
)
def test_localhost_is_said_where_it_leads_to_the_address(host, localhost, name):
    assert find_loopback_name(host, resolve=resolver(localhost)) == name


@pytest.mark.parametrize("port", ["", ":5000"])
def test_h_z56_registry_of_an_address_that_localhost_does_not_lead_to_is_at_the_address(port):
    assert format_registry(f"http://127.0.0.2{port}") == f"127.0.0.2{port}"
    assert format_registry(f"http://gcr.io.localhost{port}") == f"localhost{port}"


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


NEEDS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="::1 is off: sysctl net.ipv6.conf.lo.disable_ipv6=0")


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address of Linux's loopback alone")
@pytest.mark.parametrize("tls", [(), ("--tls",)], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "host",
    [
        pytest.param("127.0.0.2", id="H-Z56-127.0.0.2"),
        pytest.param("::1", marks=NEEDS_IPV6, id="H-Z56-::1"),
        pytest.param("[::1]", marks=NEEDS_IPV6, id="H-Z56-[::1]"),
    ],
)
def test_url_that_a_server_announces_is_one_at_which_commands_find_it(tmp_path, host, tls):
    environ = {"PATH": os.environ["PATH"], "GCR_EMULATOR_READY_FILE": str(tmp_path / "ready")}
    serve = [*COMMAND, "serve", "--host", host, "--port", "0", "--project", "my-project", *tls]
    serve += ["--data", str(tmp_path / "data"), "--ready-file", str(tmp_path / "ready")]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            url = json.loads(server.stdout.readline())["url"]
            listed = run("project", "list", "--json", "--server", url, environ=environ)
            key = run("key", "create", "--project", "my-project", "--account", "ci", "--output", "-",
                      "--server", url, environ=environ)  # fmt: skip
            variables = run("env", "--server", url, environ=environ)
        finally:
            server.terminate()
    assert json.loads(listed)["projects"][0]["projectId"] == "my-project"
    assert json.loads(key)["token_uri"] == f"{url}/token"
    assert f"export GCR_EMULATOR_URL='{url}'\n" in variables


def run(*arguments, environ):
    done = subprocess.run(
        [*COMMAND, *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    return done.stdout
