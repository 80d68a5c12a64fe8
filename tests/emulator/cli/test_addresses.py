"""Every option that takes a host, a name or an address refuses any other text in one line, with exit 2."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.malformed_hosts import MALFORMED

from docker_credential_gcr.emulator.client.server_url import is_host
from docker_credential_gcr.emulator.server.listener import CannotListen, is_loopback

Run = Callable[..., tuple[int, str, str]]

# Not a directory: a server that accepts the address after all ends at once.
SERVE = ("serve", "--port", "0", "--data", "FILE")
OPTIONS: dict[str, tuple[str, ...]] = {
    "--host": (*SERVE, "--host", "HOST"),
    "--tls-name": (*SERVE, "--tls", "--tls-name", "HOST"),
    "--tls-name, a wildcard": (*SERVE, "--tls", "--tls-name", "*.HOST"),
    "--site": (*SERVE, "--site", "HOST=5001"),
    "--site, a registry's": (*SERVE, "--site", "HOST-docker.pkg.dev=5001"),
    "--server": ("project", "list", "--server", "http://HOST"),
    "--server, with a port": ("project", "list", "--server", "https://HOST:5000"),
    "hosts --address": ("hosts", "--address", "HOST"),
    "trust --host": ("trust", "--host", "HOST"),
    "trust --host, with a port": ("trust", "--host", "HOST:5000"),
}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: f"K-Z69-{option}")
@pytest.mark.parametrize("name", [*MALFORMED, "a slash"])
def test_z69_a_text_that_is_not_a_host_is_a_usage_error(
    run: Run, tmp_path: Path, option: str, name: str
) -> None:
    (tmp_path / "file").write_text("")
    words = [word.replace("FILE", str(tmp_path / "file")) for word in OPTIONS[option]]
    words = [word.replace("HOST", MALFORMED.get(name, "a/b")) for word in words]

    code, out, err = run(*words)

    errors = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert (code, out, len(errors), err.count("Traceback")) == (2, "", 1, 0)


@pytest.mark.parametrize(
    "host",
    ["localhost", "my_service", "127.0.0.1", "::1", "fe80::1%eth0", "a" * 63, "xn--bcher-kva.Example"],
)
def test_a_name_that_a_resolver_takes_and_an_address_are_hosts(host: str) -> None:
    assert is_host(host)


def test_z69_a_host_that_idna_refuses_cannot_be_listened_on() -> None:
    with pytest.raises(CannotListen) as caught:
        is_loopback("a" * 64)

    assert str(caught.value).startswith(f"cannot listen on {'a' * 64}: ")
