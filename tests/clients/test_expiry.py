"""Registry tokens expire while a client is at work, and keys are deleted meanwhile.

A client computes the expiry from `issued_at` and `expires_in` of the token's response, by the machine's
clock. So the emulator's clock is set back by nearly the lifetime of a token: for the client, its tokens
expire after two seconds, and one request is held for longer than that.
"""

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from docker_credential_gcr.pytest_plugin import GcrEmulator

TOKEN_LIFETIME_S = 300
LEFT_S = 2
HOLD_S = LEFT_S + 0.5

UPLOAD = {"method": "PATCH", "path": "/v2/*/blobs/uploads/*"}
MANIFEST = {"method": "GET", "path": "/v2/*/manifests/sha256:*"}
BLOB = {"method": "GET", "path": "/v2/*/blobs/*"}


@pytest.fixture
def pushes(
    one_docker, podman, skopeo, gcr_emulator: GcrEmulator, place: Path, layer: Path, image_maker: ModuleType
) -> dict[str, Callable[[], object]]:
    """Starts the push of an image that is new to the registry, for each client."""
    image_maker.make_layout(place / "layout", os.urandom(99))
    names = {name: f"{gcr_emulator.registry}/my-project/{name}:1" for name in ("docker", "podman", "skopeo")}
    one_docker.succeed("import", layer, names["docker"])
    podman.succeed("import", layer, names["podman"])
    to = ["--dest-tls-verify=false", f"oci:{place / 'layout'}", f"docker://{names['skopeo']}"]
    return {
        "docker": lambda: one_docker.start("push", names["docker"]),
        "podman": lambda: podman.start("push", "--tls-verify=false", names["podman"]),
        "skopeo": lambda: skopeo.start("copy", *to),
    }


@pytest.fixture
def pulls(
    pushes, one_docker, podman, skopeo, gcr_emulator: GcrEmulator, place: Path
) -> dict[str, Callable[[], object]]:
    """Starts the pull of an image that is new to the client, for each client."""
    for push in pushes.values():
        with push() as process:
            process.communicate()
    names = {name: f"{gcr_emulator.registry}/my-project/{name}:1" for name in pushes}
    one_docker.succeed("image", "rm", names["docker"])
    podman.succeed("rmi", names["podman"])
    from_ = ["--src-tls-verify=false", f"docker://{names['skopeo']}", f"oci:{place / 'pulled'}"]
    return {
        "docker": lambda: one_docker.start("pull", names["docker"]),
        "podman": lambda: podman.start("pull", "--tls-verify=false", names["podman"]),
        "skopeo": lambda: skopeo.start("copy", *from_),
    }


@pytest.mark.parametrize("client", ["docker", "podman", "skopeo"])
def test_a_push_continues_with_a_new_token(client: str, pushes, gcr_emulator: GcrEmulator) -> None:
    assert run_past_expiry(pushes[client], UPLOAD, gcr_emulator) == ("", True, [])


@pytest.mark.parametrize("client", ["docker", "podman", "skopeo"])
def test_a_pull_continues_with_a_new_token(client: str, pulls, gcr_emulator: GcrEmulator) -> None:
    # The last request that docker sends while no other is in progress: it fetches blobs concurrently.
    held = MANIFEST if client == "docker" else BLOB

    assert run_past_expiry(pulls[client], held, gcr_emulator) == ("", True, [])


@pytest.mark.parametrize("client", ["docker", "podman", "skopeo"])
def test_a_key_that_is_deleted_stops_a_push_at_its_next_request(
    client: str, pushes, gcr_emulator: GcrEmulator, revoke
) -> None:
    key = gcr_emulator.key(account="gone")
    gcr_emulator.configure_docker(key)
    gcr_emulator.faults.set({**UPLOAD, "delay_s": 60, "times": 1})

    with pushes[client]() as process:
        await_upload(process, gcr_emulator)
        revoke(key)
        gcr_emulator.faults.clear()
        _, errors = process.communicate()

    assert process.returncode != 0
    assert "unauthorized: " in errors
    assert [r for r in gcr_emulator.journal() if r["method"] == "PUT" and r["status"] == 201] == []


def run_past_expiry(
    start: Callable[[], object], held: dict[str, object], gcr_emulator: GcrEmulator
) -> tuple[str, bool, list[object]]:
    """Holds one request until the token has expired.

    Returns the client's errors, whether it fetched another token, and the requests that got 401.
    A client that waits long for a processor fetches a third: its second token expires as early.
    """
    before = len(gcr_emulator.journal())
    gcr_emulator.clock.shift(LEFT_S - TOKEN_LIFETIME_S)
    gcr_emulator.faults.set({**held, "delay_s": HOLD_S, "times": 1})

    with start() as process:
        _, errors = process.communicate()

    seen = gcr_emulator.journal()[before:]
    tokens = [r for r in seen if (r["path"], r["status"]) == ("/v2/token", 200)]
    # Each client begins with a request to /v2/, whose 401 names the token endpoint.
    refused = [r for r in seen if r["status"] == 401 and r["path"] != "/v2/"]
    return (errors if process.returncode else ""), len(tokens) > 1, refused


def await_upload(process, gcr_emulator: GcrEmulator) -> None:
    """Waits until an upload has started, whose next request is held.

    A journal in the database does not show the held request: it has no response yet.
    """
    while not any((r["method"], r["status"]) == ("POST", 202) for r in gcr_emulator.journal()):
        assert process.poll() is None, process.communicate()
