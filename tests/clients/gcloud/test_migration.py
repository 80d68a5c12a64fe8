"""`gcloud artifacts docker upgrade migrate`: images and rights come to Artifact Registry.

Each test is a long story, because gcloud takes seconds to start.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from clients.emulator_run import GCR_EMULATOR, own_engine, waiting_run
from clients.gcloud.google_cloud import GoogleCloud, skip_without_google_cloud
from support.checkout import DOCS, SCRIPTS, TESTS
from support.pages import read_commands

pytestmark = pytest.mark.in_turn

STORY_S = 600
OLD, GONE, SOURCE, TARGET = "old-project", "gone-project", "source-project", "target-project"
PRINT_RIGHTS = ("gcloud", "beta", "artifacts", "docker", "upgrade", "print-iam-policy", "gcr.io")
# The page's commands, which the stories run with names of projects and places of their own.
DESCRIBE, WRITE_RIGHTS, CANARY, COMPLETE, USAGE, COPY_ELSEWHERE = (
    command.replace("\\\n", " ")
    for command in read_commands(DOCS / "transition.md")
    if command.startswith("gcloud ")
)
SETTINGS = ("gcloud", "artifacts", "settings")
REPOSITORIES = ("gcloud", "artifacts", "repositories")
CONTAINER_IMAGES = ("gcloud", "container", "images")
DOCKER_IMAGES = ("gcloud", "artifacts", "docker", "images")
HOSTS = ("gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io")
PUSHER = f"serviceAccount:pusher@{OLD}.iam.gserviceaccount.com"
REGISTRY_ROLE = "roles/artifactregistry"
READER, WRITER, ADMIN = (f"{REGISTRY_ROLE}.{role}" for role in ("reader", "writer", "repoAdmin"))
SHUT_DOWN = (
    "Container Registry is deprecated and shutting down, please use the auto migration tool to migrate to "
    f"Artifact Registry (gcloud artifacts docker upgrade migrate --projects='{GONE}'). For more details see: "
    "https://cloud.google.com/artifact-registry/docs/transition/auto-migrate-gcr-ar"
)
STATUS_412 = "invalid status code from registry 412 (Precondition Failed)"


@pytest.fixture(scope="module")
def cloud(
    isolate: Callable[[Path], dict[str, str]], require_program: Callable[[str], str]
) -> Iterator[GoogleCloud]:
    """Yields Google's names over TLS, with a Docker Engine and the projects of the stories."""
    skip_without_google_cloud()
    for program in ("docker", "dockerd", "podman", "skopeo"):
        require_program(program)
    with tempfile.TemporaryDirectory(prefix="gcr-", dir="/tmp") as directory:
        place = Path(directory)
        environ = isolate(place) | {"PYTHONPATH": os.pathsep.join(map(str, (TESTS, SCRIPTS)))}
        projects = [word for project in (OLD, GONE, SOURCE, TARGET) for word in ("--project", project)]
        with waiting_run(projects, environ, own_engine(place / "engine")) as inside:
            yield GoogleCloud(place, inside)


def read(cloud: GoogleCloud, who: str, command: str, project: str) -> Any:
    """Returns what one of the page's commands prints as JSON, for a project."""
    return cloud.load(who, *command.replace("my-project", project).split())


def describe_settings(cloud: GoogleCloud, who: str, project: str) -> dict[str, Any]:
    found: dict[str, Any] = read(cloud, who, DESCRIBE, project)
    assert found.pop("name") == f"projects/{project}/projectSettings"
    return found


def state(name: str, **others: Any) -> dict[str, Any]:
    """Returns the settings that a project then has."""
    return {"legacyRedirectionState": f"REDIRECTION_FROM_GCR_IO_{name}", **others}


def migrate(cloud: GoogleCloud, who: str, command: str, *flags: str) -> str:
    """Runs a migration; returns what gcloud reports."""
    outcome = cloud(who, *command.split(), *flags)
    assert outcome.status == 0, outcome
    return outcome.stderr


def take_digests(pulled: dict[str, tuple[str, bool]]) -> dict[str, str]:
    return {reference: digest for reference, (digest, _) in pulled.items()}


@pytest.mark.timeout(STORY_S)
def test_a19_a_project_is_migrated_with_its_rights_after_canary_reads(cloud: GoogleCloud) -> None:
    cloud.make_person("old", "roles/owner", project=OLD)
    cloud.make_person("pusher", "roles/storage.admin", project=OLD)
    pushed = cloud.transfer("old", "push", f"gcr.io/{OLD}", 20)
    cloud.set_bucket_policy(
        f"artifacts.{OLD}.appspot.com",
        {"role": "roles/storage.objectViewer", "members": ["allUsers"]},
        {"role": "roles/storage.objectCreator", "members": ["user:ada@example.com"]},
    )
    assert describe_settings(cloud, "old", OLD) == state("DISABLED")
    assert read(cloud, "old", USAGE, OLD) == [{"repository": f"gcr.io/{OLD}", "usage": "ACTIVE"}]

    # The rights are written to files, which a person may change, and read from there.
    folder = cloud.place / "policies"
    write, canary, complete = (
        command.replace("my-project", OLD).replace("=policies", f"={folder}")
        for command in (WRITE_RIGHTS, CANARY, COMPLETE)
    )
    migrate(cloud, "old", write)

    written = {path.stem: yaml.safe_load(path.read_text()) for path in (folder / OLD).iterdir()}
    admin = {"role": ADMIN, "members": [PUSHER]}
    own = [
        {"role": READER, "members": ["allUsers"]},
        admin,
        {"role": WRITER, "members": ["user:ada@example.com"]},
    ]
    assert written == {host: {"bindings": own if host == "gcr.io" else [admin]} for host in HOSTS}
    owner = f"serviceAccount:old@{OLD}.iam.gserviceaccount.com"
    printed = cloud.load("old", *PRINT_RIGHTS, f"--project={OLD}")
    assert printed == {"bindings": [own[0], {"role": ADMIN, "members": [owner, PUSHER]}, own[2]]}
    assert describe_settings(cloud, "old", OLD) == state("DISABLED")

    started = migrate(cloud, "old", canary)

    assert f"50% of *gcr.io read traffic is now being served by Artifact Registry for {OLD}" in started
    assert describe_settings(cloud, "old", OLD) == state("PARTIAL_AND_COPYING", pullPercent=50)
    policy = cloud.load("old", *REPOSITORIES, "get-iam-policy", "gcr.io", "--location=us", f"--project={OLD}")
    assert policy["bindings"] == own
    # Of each hundred manifests, Artifact Registry answers fifty.
    shares = [
        redirected for _, redirected in cloud.transfer("old", "read", f"gcr.io/{OLD}", 100, "app-01:v1")
    ]
    assert abs(shares.count(True) - 50) <= 2
    assert take_digests(cloud.transfer("old", "pull", f"gcr.io/{OLD}", *pushed)) == pushed

    report = migrate(cloud, "old", complete, "--max-threads=4")

    assert f"The following projects are fully migrated: ['{OLD}']" in report
    assert describe_settings(cloud, "old", OLD) == state("ENABLED")
    check_redirected(cloud, "old", OLD, pushed)
    assert read(cloud, "old", USAGE, OLD) == [{"repository": f"gcr.io/{OLD}", "usage": "REDIRECTED"}]
    # The rights came along.
    assert take_digests(cloud.transfer("anyone", "pull", f"gcr.io/{OLD}", "app-01:v1")) == {
        "app-01:v1": pushed["app-01:v1"]
    }
    assert len(cloud.transfer("pusher", "push", f"gcr.io/{OLD}/more", 1)) == 3
    again = cloud("old", *complete.split())
    assert (again.status, "already handling all requests for *gcr.io repos" in again.stderr) == (1, True)


def check_redirected(cloud: GoogleCloud, who: str, project: str, pushed: dict[str, str]) -> None:
    """Asserts that Artifact Registry serves every image at both names, also to docker and podman."""
    names = (f"gcr.io/{project}", f"us-docker.pkg.dev/{project}/gcr.io")
    for name in names:
        pulled = cloud.transfer(who, "pull", name, *pushed)
        assert take_digests(pulled) == pushed
        assert {redirected for _, redirected in pulled.values()} == {name.startswith("gcr.io/")}
    images = {f"{name}/{image}": pushed[image] for name in names for image in ("app-01:v1", "team/app-00:v1")}
    for image, digest in images.items():
        assert f"Digest: {digest}" in cloud.succeed(who, "docker", "pull", image)
    cloud.succeed(who, "podman", "pull", *images)
    known = json.loads(cloud.succeed(who, "podman", "image", "inspect", *images))
    assert [
        digest in str(found["RepoDigests"]) for found, digest in zip(known, images.values(), strict=True)
    ] == [True] * 4


@pytest.mark.timeout(STORY_S)
def test_a17_a_shut_down_project_is_served_again_when_it_is_migrated(cloud: GoogleCloud) -> None:
    cloud.make_person("gone", "roles/owner", project=GONE)
    pushed = cloud.transfer("gone", "push", f"gcr.io/{GONE}", 6)
    cloud.succeed("gone", *GCR_EMULATOR, "project", "update", GONE, "--registry", "shut-down")
    image = f"gcr.io/{GONE}/app-01:v1"

    answer = cloud.succeed(
        "gone", "curl", "-sS", "-w", "%{http_code}", f"https://gcr.io/v2/{GONE}/app-01/manifests/v1"
    )
    refused = {client: cloud("gone", client, "pull", image) for client in ("docker", "podman")}
    refused["skopeo"] = cloud("gone", "skopeo", "inspect", f"docker://{image}")

    assert answer == f"{SHUT_DOWN}412"
    assert all(outcome.status != 0 for outcome in refused.values())
    assert SHUT_DOWN in refused["docker"].stderr
    assert STATUS_412 in refused["podman"].stderr
    assert STATUS_412 in refused["skopeo"].stderr
    assert describe_settings(cloud, "gone", GONE) == state("DISABLED")

    # First the images, then the names. Google has a role for all that a migration asks for.
    cloud.make_person("migrator", f"{REGISTRY_ROLE}.containerRegistryMigrationAdmin", project=GONE)
    place = (f"--project={GONE}", "--location=us")
    cloud.succeed("migrator", *REPOSITORIES, "create", "gcr.io", "--repository-format=docker", *place)
    complete = COMPLETE.replace("my-project", GONE)
    copied = migrate(cloud, "migrator", complete, "--copy-only", "--recent-images=30")
    migrate(cloud, "migrator", complete, "--canary-reads=0", "--skip-iam-update", "--skip-pre-copy")
    assert describe_settings(cloud, "gone", GONE) == state("PARTIAL_AND_COPYING")
    assert cloud("gone", "docker", "pull", image).status != 0
    report = migrate(cloud, "migrator", complete, "--max-threads=1")

    assert f"{GONE}: Successfully copied 12 additional tags and" in copied
    assert f"The following projects are fully migrated: ['{GONE}']" in report
    assert describe_settings(cloud, "gone", GONE) == state("ENABLED")
    check_redirected(cloud, "gone", GONE, pushed)
    check_container_images(cloud, "gone", GONE, pushed)
    check_settings(cloud, "gone", GONE)


def check_container_images(cloud: GoogleCloud, who: str, project: str, pushed: dict[str, str]) -> None:
    """Asserts that `gcloud container images` works as before on a project that is redirected."""
    app, digest = f"gcr.io/{project}/app-01", pushed["app-01:v1"]
    listed = cloud.load(who, *CONTAINER_IMAGES, "list", f"--repository=gcr.io/{project}")
    assert {"name": app} in listed
    assert cloud.load(who, *CONTAINER_IMAGES, "describe", f"{app}:v1")["image_summary"] == {
        "digest": digest,
        "fully_qualified_digest": f"{app}@{digest}",
        "registry": "gcr.io",
        "repository": f"{project}/app-01",
    }
    cloud.succeed(who, *CONTAINER_IMAGES, "add-tag", f"{app}:v1", f"{app}:v2")
    tags = {entry["digest"]: entry["tags"] for entry in cloud.load(who, *CONTAINER_IMAGES, "list-tags", app)}
    assert tags[digest] == ["latest", "v1", "v2"]
    cloud.succeed(who, *CONTAINER_IMAGES, "untag", f"{app}:v2")
    described = cloud.load(who, *DOCKER_IMAGES, "describe", f"{app}:latest")["image_summary"]
    assert described["fully_qualified_digest"] == f"us-docker.pkg.dev/{project}/gcr.io/app-01@{digest}"
    cloud.succeed(who, *CONTAINER_IMAGES, "delete", f"{app}@{digest}", "--force-delete-tags")
    left = cloud.load(who, *CONTAINER_IMAGES, "list-tags", app)
    assert [entry["digest"] for entry in left] == [
        digest for name, digest in pushed.items() if name.startswith("app-01@")
    ]


def check_settings(cloud: GoogleCloud, who: str, project: str) -> None:
    """Asserts that the redirection is switched off and on until it is final, and what depends on it."""
    chosen = f"--project={project}"
    describe = (*DOCKER_IMAGES, "describe", f"gcr.io/{project}/app-02:v1")
    cloud.succeed(who, *SETTINGS, "disable-upgrade-redirection", chosen)
    (refused,) = cloud.refuse(who, *describe)
    cloud.succeed(who, *SETTINGS, "enable-upgrade-redirection", "--dry-run", chosen)
    assert describe_settings(cloud, who, project) == state("DISABLED")
    assert refused.endswith(
        "This command only supports Artifact Registry. You can enable redirection to use gcr.io repositories "
        "in Artifact Registry."
    )
    enabled = cloud.load(who, *SETTINGS, "enable-upgrade-redirection", chosen)
    assert enabled["legacyRedirectionState"] == "REDIRECTION_FROM_GCR_IO_ENABLED"
    cloud.succeed(who, *describe)

    path = f"v1/projects/{project}/projectSettings?updateMask=legacyRedirectionState"
    cloud.operate("PATCH", path, state("FINALIZED"))
    final = cloud(who, *SETTINGS, "disable-upgrade-redirection", chosen)
    assert f"FAIL: Redirection has already been finalized for project {project}." in final.stderr
    assert describe_settings(cloud, who, project) == state("FINALIZED")


@pytest.mark.timeout(STORY_S)
def test_images_are_copied_to_a_repository_of_another_project(cloud: GoogleCloud) -> None:
    cloud.make_person("source", "roles/owner", project=SOURCE)
    cloud.make_person("target", "roles/owner", project=TARGET)
    member = f"serviceAccount:target@{TARGET}.iam.gserviceaccount.com"
    pushed = cloud.transfer("source", "push", f"gcr.io/{SOURCE}", 3)
    move = {"destinationParent": "folders/12"}
    cloud.operate("POST", f"v3/projects/{SOURCE}:move", move)
    place = ("--location=europe-west1", f"--project={TARGET}")
    cloud.succeed("target", *REPOSITORIES, "create", "images", "--repository-format=docker", *place)
    copying = COPY_ELSEWHERE.replace("my-project", SOURCE).replace("other-project", TARGET)

    refused = migrate(cloud, "target", copying, "--copy-only")
    grant = ("gcloud", "projects", "add-iam-policy-binding", SOURCE, f"--member={member}")
    cloud.succeed("source", *grant, "--role=roles/storage.objectViewer")
    newest = migrate(cloud, "target", copying, "--copy-only", "--last-uploaded-versions=1")

    assert (
        f"add-iam-policy-binding {SOURCE} --member='{member}' --role='roles/storage.objectViewer'" in refused
    )
    # Of each image the manifest that was pushed last: an index comes with its two images.
    assert "Successfully copied 6 additional tags and 5 additional manifests" in newest

    cloud.succeed("source", *grant, "--role=roles/owner")
    by_roles = f"{copying} --no-use-analyze-iam"
    folder = cloud.place / "policies"
    migrate(cloud, "target", by_roles, f"--output-iam-policy-dir={folder}")
    written = (folder / TARGET / "images.yaml").read_text()
    # At a terminal, gcloud shows the rights and asks what to do with them: 1 applies them.
    terminal = ("script", "--quiet", "--return", "--command", by_roles, "/dev/null")
    report = cloud.succeed("target", *terminal, stdin="1\n", CLOUDSDK_CORE_DISABLE_PROMPTS="0")

    owner = f"serviceAccount:source@{SOURCE}.iam.gserviceaccount.com"
    bindings = [{"role": ADMIN, "members": [owner]}]
    assert yaml.safe_load(written) == {"bindings": bindings}
    # The policy of a folder is for the operator of the emulator alone.
    assert "# See https://cloud.google.com/policy-intelligence/docs/analyze-iam-policies" in written
    assert "following resources: ['folders/12']" in written
    assert "Successfully copied 0 additional tags and 2 additional manifests" in report
    assert f"still need to be updated to reference europe-west1-docker.pkg.dev/{TARGET}/images" in report
    assert cloud.load("target", *REPOSITORIES, "get-iam-policy", "images", *place)["bindings"] == bindings
    pulled = cloud.transfer("source", "pull", f"europe-west1-docker.pkg.dev/{TARGET}/images", *pushed)
    assert take_digests(pulled) == pushed
