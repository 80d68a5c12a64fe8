"""google-api-python-client and gRPC at Google's names: httplib2 has its own variable for the CA.

Its documents of the APIs are in the package, so it asks for none.
https://github.com/googleapis/google-api-python-client/blob/main/docs/start.md
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clients.emulator_run import GCR_EMULATOR, Inside, waiting_run

PLATFORM = "https://www.googleapis.com/auth/cloud-platform"
SIGN_IN = f"""
import json, sys
from google.oauth2 import service_account
credentials = service_account.Credentials.from_service_account_file(sys.argv[1], scopes=["{PLATFORM}"])
"""
DISCOVERY = f"""{SIGN_IN}
from googleapiclient.discovery import build
def api(name, version):
    return build(name, version, credentials=credentials)
project = api("cloudresourcemanager", "v3").projects().get(name="projects/my-project").execute()
repositories = api("artifactregistry", "v1").projects().locations().repositories()
parent = "projects/my-project/locations/us"
made = repositories.create(parent=parent, repositoryId="images", body={{"format": "DOCKER"}}).execute()
listed = repositories.list(parent=parent).execute()["repositories"]
accounts = api("iam", "v1").projects().serviceAccounts().list(name="projects/my-project").execute()
buckets = api("storage", "v1").buckets().list(project="my-project").execute()
print(json.dumps([
    project["projectId"], made["done"], [each["name"] for each in listed],
    [each["email"] for each in accounts["accounts"]], buckets["kind"],
]))
"""
GRPC = f"""{SIGN_IN}
from google.api_core import exceptions
from google.cloud import artifactregistry_v1, resourcemanager_v3
for call in (
    lambda: artifactregistry_v1.ArtifactRegistryClient(credentials=credentials).get_repository(
        name="projects/my-project/locations/us/repositories/images"),
    lambda: resourcemanager_v3.ProjectsClient(credentials=credentials).get_project(
        name="projects/my-project"),
):
    try:
        call()
    except exceptions.MethodNotImplemented as error:
        print(error.message)
"""


@pytest.fixture(scope="module")
def inside(isolate: Callable[[Path], dict[str, str]]) -> Iterator[tuple[Inside, Path]]:
    """Yields a sandbox in which Google's names lead to the emulator, and an owner's key."""
    if os.geteuid() != 0:
        pytest.skip("entering the namespaces of another process needs root")
    with tempfile.TemporaryDirectory(prefix="gcr-", dir="/tmp") as directory:
        # In the sandbox, the emulator's CA replaces what the machine has set for its own authorities.
        environ = {**isolate(Path(directory)), "HTTPLIB2_CA_CERTS": "/etc/ssl/certs/ca-certificates.crt"}
        with waiting_run(["--project", "my-project"], environ) as inside:
            key = Path(directory, "key.json")
            account = ("--project", "my-project", "--account", "ci", "--role", "roles/owner")
            made = inside.call(
                {}, *GCR_EMULATOR, "key", "create", *account, "--token-uri", "google", "--output", key
            )
            assert made.status == 0, made
            yield inside, key


def test_h_z53_google_api_python_client_works_without_being_told(inside: tuple[Inside, Path]) -> None:
    at, key = inside

    done = at.call({}, sys.executable, "-c", DISCOVERY, key)

    assert (done.status, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [
        "my-project",
        True,
        ["projects/my-project/locations/us/repositories/images"],
        ["ci@my-project.iam.gserviceaccount.com"],
        "storage#buckets",
    ]


def test_h_z54_default_transport_says_that_rest_is_served(inside: tuple[Inside, Path]) -> None:
    at, key = inside

    done = at.call({}, sys.executable, "-c", GRPC, key)

    message = (
        "gcr-emulator does not serve gRPC: create the client with its REST transport, "
        'transport="rest" in Python, fallback: true in Node, NewRESTClient in Go'
    )
    assert (done.status, done.stdout, done.stderr) == (0, f"{message}\n" * 2, "")
