"""gcr-emulator hosts prints a hosts file for the names that the emulator serves."""

from collections.abc import Callable

import pytest

from docker_credential_gcr.emulator.sites.hosts import (
    GOOGLE_APIS,
    PUBLIC_REGISTRIES,
    REGISTRIES,
)
from docker_credential_gcr.emulator.sites.locations import LOCATIONS
from docker_credential_gcr.emulator.sites.served_names import list_served_names
from docker_credential_gcr.helper.configure import registry_hosts

Run = Callable[..., tuple[int, str, str]]

OTHERS = {"console.cloud.google.com", "metadata.google.internal"}


def test_hosts_names_every_host_of_google_that_is_served(run: Run) -> None:
    code, out, err = run("hosts")

    lines = [line.split(" ") for line in out.splitlines()]
    artifact = {"asia-docker.pkg.dev", "europe-docker.pkg.dev", "us-docker.pkg.dev"}
    assert (code, {address for address, _ in lines}, err) == (0, {"127.0.0.1"}, "")
    registries = {*REGISTRIES} | PUBLIC_REGISTRIES | artifact
    assert sorted(name for _, name in lines) == sorted(registries | GOOGLE_APIS | OTHERS)


def test_h_z57_every_registry_that_the_helper_knows_is_served() -> None:
    assert set(registry_hosts.ALL) - set(list_served_names(LOCATIONS)) == set()


def test_hosts_takes_another_address_other_locations_and_names_below_localhost(run: Run) -> None:
    _, out, _ = run(
        "hosts", "--address", "::1", "--location", "us-central1", "--location", "us", "--localhost"
    )

    artifact = {name for _, name in map(str.split, out.splitlines()) if "pkg.dev" in name}
    assert artifact == {
        "us-central1-docker.pkg.dev.localhost",
        "us-docker.pkg.dev.localhost",
        "docker.us-central1.rep.pkg.dev.localhost",
    }
    assert "::1 gcr.io.localhost\n" in out
    assert "::1 gcr.io\n" not in out


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--address", "localhost", "'localhost' is not an address, such as 127.0.0.1"),
        ("--location", "moon", "'moon' is not one of 'asia', "),
    ],
)
def test_hosts_refuses_what_names_nothing(run: Run, option: str, value: str, complaint: str) -> None:
    code, out, err = run("hosts", option, value)

    assert (code, out, complaint in err) == (2, "", True)
