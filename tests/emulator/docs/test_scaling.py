"""docs/scaling.md tells the truth: two servers that start by its commands share keys, rows and bytes."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import obstore
import pytest
from _emulator_process import emulator
from obstore.store import S3Store
from support.checkout import DOCS
from support.child_processes import LIMIT_S
from support.pages import read_blocks, read_commands, read_table
from support.registry_client import RegistryClient
from support.servers import postgresql
from support.servers import seaweedfs as stores
from support.servers.seaweedfs import SeaweedFs

pytestmark = pytest.mark.in_turn

PROGRAMS = Path(sys.executable).parent
PAGE, UPKEEP = DOCS / "scaling.md", DOCS / "scaling-upkeep.md"
BUCKET = "registry-images"
# More than a row holds.
LAYER = bytes(range(256)) * 400


@pytest.fixture
def variables(tmp_path: Path, database_url: str, seaweedfs: SeaweedFs) -> dict[str, str]:
    """Returns the variables that the page sets, with the values of the test's services."""
    seaweedfs.create_bucket(BUCKET)
    (tmp_path / "operator-token").write_text("the-token-of-all-servers")
    return {
        "GCR_EMULATOR_DATABASE": database_url,
        "GCR_EMULATOR_OPERATOR_TOKEN_FILE": str(tmp_path / "operator-token"),
        "GCR_EMULATOR_STORAGE": f"s3://{BUCKET}/{tmp_path.name}",
        "PGPASSFILE": str(tmp_path / "pgpass"),
        **seaweedfs.environ,
    }


@pytest.fixture
def environ(variables: dict[str, str], seaweedfs: SeaweedFs) -> dict[str, str]:
    """Returns the environment of the page's commands."""
    return {"PATH": f"{PROGRAMS}:{os.defpath}", "AWS_ENDPOINT_URL": seaweedfs.url, **variables}


@pytest.fixture
def urls(tmp_path: Path, environ: dict[str, str]) -> Iterator[list[str]]:
    """Yields the URLs of two servers that run the page's command."""
    (command,) = find_commands(PAGE, "gcr-emulator serve --host ")
    command = command.replace("--host 0.0.0.0", "--host 127.0.0.1 --port 0")
    shell = ["sh", "-euc", f"exec {command}"]
    with (
        emulator(shell, environ=environ, log=tmp_path / "first.log") as first,
        emulator(shell, environ=environ, log=tmp_path / "second.log") as second,
    ):
        yield [first["url"], second["url"]]


@pytest.fixture
def client(urls: list[str], environ: dict[str, str]) -> RegistryClient:
    """Returns a client of the first server with a key that its operator created."""
    create = ["key", "create", "--server", urls[0], "--project", "my-project", "--account", "ci"]
    token_file = environ["GCR_EMULATOR_OPERATOR_TOKEN_FILE"]
    created = subprocess.run(
        [PROGRAMS / "gcr-emulator", *create, "--role", "roles/editor", "--output", "-"],
        env={"GCR_EMULATOR_TOKEN_FILE": token_file},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert created.returncode == 0, created.stderr
    return RegistryClient(urls[0], ("_json_key", created.stdout))


@postgresql.NEEDS
@stores.NEEDS
def test_the_page_sets_the_variables_that_the_test_replaces(variables: dict[str, str]) -> None:
    words = [word for command in find_commands(PAGE, "export ") for word in shlex.split(command)[1:]]

    assert {word.partition("=")[0] for word in words} == set(variables)


@postgresql.NEEDS
@stores.NEEDS
def test_two_servers_of_the_page_share_keys_rows_and_bytes(
    urls: list[str], client: RegistryClient, seaweedfs: SeaweedFs, variables: dict[str, str]
) -> None:
    other = RegistryClient(urls[1], client.auth)

    client.push_image("my-project/app", "v1", LAYER)
    manifest = other.get("/v2/my-project/app/manifests/v1")
    (layer,) = manifest.json()["layers"]
    blob = other.get(f"/v2/my-project/app/blobs/{layer['digest']}")
    challenge = other.call("GET", "/v2/")

    assert (manifest.status_code, blob.status_code, blob.content == LAYER) == (200, 200, True)
    assert 'realm="https://registry.example.com/v2/token"' in challenge.headers["WWW-Authenticate"]
    assert list_sizes(seaweedfs, variables["GCR_EMULATOR_STORAGE"]) == [len(LAYER)]


@postgresql.NEEDS
@stores.NEEDS
def test_the_maintenance_of_the_page_runs_next_to_servers(
    client: RegistryClient, environ: dict[str, str]
) -> None:
    client.push_image("my-project/app", "v1", LAYER)
    (block,) = [each for each in read_blocks(UPKEEP, "console") if "$ gcr-emulator fsck" in each]

    shown = [
        record(command, environ) for command in find_commands(UPKEEP, "gcr-emulator ") if command in block
    ]

    assert [status for status, _ in shown] == [0, 0]
    assert shown[-1] == (0, block.splitlines()[-1])


def record(command: str, environ: dict[str, str]) -> tuple[int, str]:
    """Returns the exit status of a command, and the last line that it prints."""
    done = subprocess.run(
        ["sh", "-euc", command],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
    )
    return done.returncode, done.stdout.splitlines()[-1]


def test_the_metrics_to_watch_are_those_that_there_are() -> None:
    known = {name for name, *_ in read_table((DOCS / "operations.md").read_text("utf-8"), "metric")}
    watched = re.findall(r"`(gcr_emulator_\w+)`", UPKEEP.read_text("utf-8"))

    assert watched
    assert set(watched) - known == set()


def find_commands(page: Path, start: str) -> list[str]:
    """Returns the page's commands that start so."""
    return [command for command in read_commands(page) if command.startswith(start)]


def list_sizes(seaweedfs: SeaweedFs, url: str) -> list[int]:
    """Returns the sizes of the pieces in a folder of the store."""
    store = S3Store.from_url(
        url,
        access_key_id=stores.ACCESS_KEY,
        secret_access_key=stores.SECRET_KEY,
        region="us-east-1",
        endpoint=seaweedfs.url,
        client_options={"allow_http": True},
    )
    return [piece["size"] for page in obstore.list(store, "pieces/") for piece in page]
