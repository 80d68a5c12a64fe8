"""Google's own names over TLS: the clients have their defaults, and the helper as their only setting.

All of it happens in one `gcr-emulator run`, whose command owns a Docker Engine and waits.
"""

import json
import os
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from types import ModuleType

import pytest
from clients.command import nameable_directory
from clients.emulator_run import GCR_EMULATOR, Inside, own_engine, waiting_run
from clients.refusals import MAY_NOT_PUSH, NOT_AUTHORIZED
from support.checkout import TESTS
from support.child_processes import Outcome

# Other locations of Artifact Registry work alike; images of Artifact Registry are in repositories.
REPOSITORIES = {
    "gcr.io": "my-project",
    "eu.gcr.io": "my-project",
    "us-docker.pkg.dev": "my-project/images",
}
# Only one test uses this host: it makes the host's bucket public for a while.
PUBLIC = "asia.gcr.io"
HOSTS = [f"{place}gcr.io" for place in ("", "us.", "eu.", "asia.")]
HOSTS += [f"{location}-docker.pkg.dev" for location in ("us", "europe", "asia")]
ROLES = {"editor": "roles/editor", "viewer": "roles/viewer", "stranger": None}
KINDS = {"redirected": "artifact-registry", "shut-down": "shut-down"}
# Users of a project whose gcr.io names are Artifact Registry's.
REDIRECTED_ROLES = {
    f"redirected-{name}": f"roles/artifactregistry.{role}"
    for name, role in (("creator", "createOnPushWriter"), ("writer", "writer"), ("reader", "reader"))
}

# Texts of the registries, on Container Registry's hosts and on Artifact Registry's.
IN_ARTIFACT_REGISTRY = (
    'permission "artifactregistry.repositories.{}" {}on resource '
    '"projects/my-project/locations/us/repositories/images" (or it may not exist)'
)
DENIED = "denied: P" + IN_ARTIFACT_REGISTRY[1:].replace("{}on", "denied on")
UNAUTHENTICATED = (
    "denied: Unauthenticated request. Unauthenticated requests do not have "
    + IN_ARTIFACT_REGISTRY.replace("{}on", "on")
)
DOWNLOAD, UPLOAD = "downloadArtifacts", "uploadArtifacts"
CONTAINER_REGISTRY_SAYS = {
    ("viewer", "push"): MAY_NOT_PUSH,
    ("stranger", "pull"): "denied: Access denied.",
    ("stranger", "push"): MAY_NOT_PUSH,
    ("anonymous", "pull"): NOT_AUTHORIZED,
    ("anonymous", "push"): NOT_AUTHORIZED,
}
ARTIFACT_REGISTRY_SAYS = {
    ("viewer", "push"): DENIED.format(UPLOAD),
    ("stranger", "pull"): DENIED.format(DOWNLOAD),
    ("stranger", "push"): DENIED.format(UPLOAD),
    ("anonymous", "pull"): UNAUTHENTICATED.format(DOWNLOAD),
    ("anonymous", "push"): UNAUTHENTICATED.format(UPLOAD),
}
# podman, buildah and skopeo show the registry's own text for a 401, and for others the status.
BAD_STATUS = "Requesting bearer token: invalid status code from registry {}"
FORBIDDEN = BAD_STATUS.format("403 (Forbidden)")
SHUT_DOWN = (
    "Container Registry is deprecated and shutting down, please use the auto migration tool to migrate to "
    "Artifact Registry (gcloud artifacts docker upgrade migrate --projects='shut-down'). For more details "
    "see: https://cloud.google.com/artifact-registry/docs/transition/auto-migrate-gcr-ar"
)
MAY_NOT_CREATE = (
    "denied: {} repo does not exist. Creating on push requires the "
    "artifactregistry.repositories.createOnPush permission"
)


@dataclass(frozen=True)
class Sandbox:
    """A machine on which Google is the emulator; `who` is editor, viewer, stranger or anonymous."""

    place: Path
    inside: Inside

    def __call__(self, who: str, *command: object) -> Outcome:
        """Runs a command as a user."""
        return self.inside.call(self.settings(who), *command)

    def succeed(self, who: str, *command: object) -> str:
        """Returns the command's output. Raises AssertionError when it fails."""
        outcome = self(who, *command)
        assert outcome.status == 0, (command, outcome)
        return outcome.stdout

    def settings(self, who: str) -> dict[str, str]:
        """Returns the variables with which the helper answers for a user."""
        home = self.place / who
        return {
            "DOCKER_HOST": self.inside.words[0],
            "DOCKER_CONFIG": str(home),
            "DOCKER_CREDENTIAL_GCR_CONFIG": str(home / "helper.json"),
            "DOCKER_CREDENTIAL_GCR_CACHE_DIR": str(home / "cache"),
        }

    def make_person(self, who: str, role: str | None, project: str = "my-project") -> None:
        """Creates an account and its key, whose token endpoint is Google's; configures the helper with it."""
        key = self.place / f"{who}.json"
        account = ("--project", project, "--account", who, *(("--role", role) if role else ()))
        self.succeed(who, *GCR_EMULATOR, "key", "create", *account, "--token-uri", "google", "--output", key)
        hosts = ("--registries", ",".join(HOSTS), "--token-source", f"file:{key}")
        (self.place / who).mkdir()
        self.succeed(who, "docker-credential-gcr", "configure-docker", *hosts)


@pytest.fixture(scope="module")
def sandbox(
    isolate: Callable[[Path], dict[str, str]],
    require_program: Callable[[str], str],
    image_maker: ModuleType,
) -> Iterator[Sandbox]:
    """Yields the sandbox, with an engine and a user of each role; it ends with the stdin of `run`."""
    for program in ("docker", "dockerd", "podman", "buildah", "skopeo"):
        require_program(program)
    if os.geteuid() != 0:
        pytest.skip("a Docker Engine needs root")
    programs = sysconfig.get_path("scripts")
    with nameable_directory() as place:
        (place / "bin").mkdir()
        (place / "bin" / "docker-credential-gcr").symlink_to(f"{programs}/docker-credential-gcr")
        (place / "layer.tar").write_bytes(image_maker.make_layer(place.name.encode()))
        (place / "Dockerfile").write_text("FROM scratch\nADD layer.tar /\n")
        image_maker.make_layout(place / "layout", place.name.encode())
        image_maker.make_layout(place / "newer", b"newer")
        environ = isolate(place) | {"PYTHONPATH": str(TESTS)}
        options = ("--project", "my-project", "--create-on-push")
        with waiting_run(options, environ, own_engine(place / "engine")) as inside:
            sandbox = Sandbox(place, inside)
            make_anonymous(place / "anonymous")
            for who, role in ROLES.items():
                sandbox.make_person(who, role)
            for project, kind in KINDS.items():
                create = ("project", "create", project, "--registry", kind)
                sandbox.succeed("editor", *GCR_EMULATOR, *create)
            for who, role in REDIRECTED_ROLES.items():
                sandbox.make_person(who, role, "redirected")
            yield sandbox


def make_anonymous(home: Path) -> None:
    """Creates a user with no credentials."""
    home.mkdir()
    (home / "config.json").write_text("{}")


@dataclass(frozen=True)
class Shipper:
    """A client's commands that create an image, push, remove and pull it, and print its digest."""

    make: tuple[str, ...]
    push: tuple[str, ...]
    forget: tuple[str, ...]
    pull: tuple[str, ...]


# $IMAGE is HOST/…:TAG. skopeo keeps no images: it copies to and from a directory.
SHIPPERS = {
    "docker": Shipper(
        make=("docker", "import", "$PLACE/layer.tar", "$IMAGE"),
        push=("docker", "push", "$IMAGE"),
        forget=("docker", "image", "rm", "$IMAGE"),
        pull=("docker", "pull", "$IMAGE"),
    ),
    "podman": Shipper(
        make=("podman", "import", "$PLACE/layer.tar", "$IMAGE"),
        push=("podman", "push", "$IMAGE"),
        forget=("podman", "rmi", "$IMAGE"),
        pull=("podman", "pull", "$IMAGE"),
    ),
    "buildah": Shipper(
        make=("buildah", "build", "--tag", "$IMAGE", "$PLACE"),
        push=("buildah", "push", "$IMAGE"),
        forget=("buildah", "rmi", "$IMAGE"),
        # By default, buildah does not ask the registry for an image that it has.
        pull=("buildah", "pull", "--policy=always", "$IMAGE"),
    ),
    "skopeo": Shipper(
        make=("skopeo", "inspect", "oci:$PLACE/layout"),
        push=("skopeo", "copy", "oci:$PLACE/layout", "docker://$IMAGE"),
        forget=("rm", "-rf", "$PLACE/pulled"),
        pull=("skopeo", "copy", "docker://$IMAGE", "oci:$PLACE/pulled"),
    ),
}


def words(sandbox: Sandbox, command: tuple[str, ...], image: str) -> list[str]:
    return [Template(word).substitute(PLACE=sandbox.place, IMAGE=image) for word in command]


@pytest.fixture(params=SHIPPERS)
def shipper(request: pytest.FixtureRequest) -> Shipper:
    return SHIPPERS[request.param]


@pytest.fixture(params=REPOSITORIES)
def image(request: pytest.FixtureRequest, shipper: Shipper) -> str:
    """Returns the name of the client's own image, without a tag."""
    return f"{request.param}/{REPOSITORIES[request.param]}/{shipper.push[0]}"


def find_digest(sandbox: Sandbox, image: str, who: str = "editor") -> str:
    digest: str = json.loads(sandbox.succeed(who, "skopeo", "inspect", f"docker://{image}"))["Digest"]
    return digest


def test_image_is_pushed_listed_pulled_and_deleted(sandbox: Sandbox, shipper: Shipper, image: str) -> None:
    tagged = f"{image}:v1"
    for command in (shipper.make, shipper.push, shipper.forget, shipper.pull):
        sandbox.succeed("editor", *words(sandbox, command, tagged))
    digest = find_digest(sandbox, tagged)

    listed = json.loads(sandbox.succeed("editor", "skopeo", "list-tags", f"docker://{image}"))
    searched = sandbox.succeed("editor", "podman", "search", "--list-tags", image).split()
    # A tagged image cannot be deleted, so the tag is moved to another image.
    sandbox.succeed("editor", "skopeo", "copy", f"oci:{sandbox.place}/newer", f"docker://{tagged}")
    sandbox.succeed("editor", "skopeo", "delete", f"docker://{image}@{digest}")
    gone = sandbox("editor", "skopeo", "inspect", f"docker://{image}@{digest}")

    assert (listed, searched) == ({"Repository": image, "Tags": ["v1"]}, ["NAME", "TAG", image, "v1"])
    assert (gone.status, "manifest unknown" in gone.stderr) == (1, True)


@pytest.fixture(scope="module")
def published(sandbox: Sandbox) -> str:
    """Pushes an image to every host; returns its name without the host."""
    for host, repository in REPOSITORIES.items():
        source, target = f"oci:{sandbox.place}/layout", f"docker://{host}/{repository}/published:v1"
        sandbox.succeed("editor", "skopeo", "copy", source, target)
    return "published:v1"


@pytest.mark.parametrize("host", REPOSITORIES)
def test_viewer_pulls_and_all_else_is_refused_with_the_registrys_words(
    sandbox: Sandbox, shipper: Shipper, host: str, published: str
) -> None:
    image = f"{host}/{REPOSITORIES[host]}/{published}"
    commands = {"pull": words(sandbox, shipper.pull, image), "push": words(sandbox, shipper.push, image)}
    table = CONTAINER_REGISTRY_SAYS if host.endswith("gcr.io") else ARTIFACT_REGISTRY_SAYS
    expected = {case: find_shown(shipper, reason) for case, reason in table.items()}

    sandbox.succeed("viewer", *commands["pull"])
    refused = {(who, verb): sandbox(who, *commands[verb]) for who, verb in table}

    assert all(outcome.status != 0 for outcome in refused.values())
    assert {case: find_end(outcome, expected[case]) for case, outcome in refused.items()} == expected


def find_shown(shipper: Shipper, reason: str) -> str:
    """Returns the text that the client shows for a registry's reason."""
    return reason if shipper is SHIPPERS["docker"] or reason == NOT_AUTHORIZED else FORBIDDEN


def find_end(outcome: Outcome, reason: str) -> str:
    """Returns the reason, if the client's last line ends with it, else the line. skopeo quotes it."""
    line = outcome.lines[-1].removesuffix('"')
    return reason if line.endswith(reason) else line


# Each client has the repository of one host to itself.
REDIRECTED = dict(zip(SHIPPERS, ("gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io"), strict=True))


@pytest.mark.parametrize(("program", "host"), REDIRECTED.items(), ids=REDIRECTED)
def test_a05_the_first_push_needs_create_on_push_and_then_a_reader_pulls(
    sandbox: Sandbox, program: str, host: str
) -> None:
    shipper, image = SHIPPERS[program], f"{host}/redirected/dir/app:v1"
    make, push, forget, pull = (
        words(sandbox, command, image)
        for command in (shipper.make, shipper.push, shipper.forget, shipper.pull)
    )
    sandbox.succeed("redirected-writer", *make)

    refused = sandbox("redirected-writer", *push)
    sandbox.succeed("redirected-creator", *push)
    again = sandbox("redirected-writer", *push)
    sandbox.succeed("redirected-reader", *forget)
    pulled = sandbox("redirected-reader", *pull)

    expected = find_shown(shipper, MAY_NOT_CREATE.format(host))
    assert (refused.status != 0, find_end(refused, expected)) == (True, expected)
    assert (again.status, pulled.status) == (0, 0), (again, pulled)
    location = {"eu.gcr.io": "europe", "asia.gcr.io": "asia"}.get(host, "us")
    same = f"{location}-docker.pkg.dev/redirected/{host}/dir/app:v1"
    assert find_digest(sandbox, same, "redirected-reader") == find_digest(sandbox, image, "redirected-reader")


def test_a03_a_shut_down_project_is_412_with_googles_text(sandbox: Sandbox, shipper: Shipper) -> None:
    image = "gcr.io/shut-down/app:v1"
    sandbox.succeed("editor", *words(sandbox, shipper.make, image))

    refused = [sandbox("editor", *words(sandbox, verb, image)) for verb in (shipper.pull, shipper.push)]

    is_docker = shipper is SHIPPERS["docker"]
    reason = SHUT_DOWN if is_docker else BAD_STATUS.format("412 (Precondition Failed)")
    assert [(outcome.status != 0, find_end(outcome, reason)) for outcome in refused] == [(True, reason)] * 2


def test_image_in_a_bucket_of_all_users_is_pulled_by_anyone(sandbox: Sandbox, shipper: Shipper) -> None:
    image = f"{PUBLIC}/my-project/{shipper.push[0]}:v1"
    for command in (shipper.make, shipper.push, shipper.forget):
        sandbox.succeed("editor", *words(sandbox, command, image))
    pull = words(sandbox, shipper.pull, image)

    before = sandbox("anonymous", *pull)
    set_bindings(sandbox, [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}])
    pulled = [sandbox(who, *pull) for who in ("anonymous", "stranger")]
    set_bindings(sandbox, [])

    assert (before.status != 0, [outcome.status for outcome in pulled]) == (True, [0, 0]), pulled


def set_bindings(sandbox: Sandbox, bindings: list[dict[str, object]]) -> None:
    """Grants those roles on the bucket of PUBLIC, in addition to those of the project."""
    bucket = "asia.artifacts.my-project.appspot.com"
    url = f"{sandbox.inside.environ['GCR_EMULATOR_URL']}/storage/v1/b/{bucket}/iam"
    put = ("--request", "PUT", "--header", "Content-Type: application/json")
    sandbox.succeed(
        "editor", "curl", "-sS", "--fail", *put, "--data", json.dumps({"bindings": bindings}), url
    )


@pytest.mark.parametrize(
    ("url", "status", "complaint"),
    [
        ("https://www.google.com/", 6, "Could not resolve host: www.google.com"),
        ("https://192.0.2.1/", 7, "Couldn't connect to server"),
    ],
)
def test_nothing_but_the_emulator_can_be_reached(
    sandbox: Sandbox, url: str, status: int, complaint: str
) -> None:
    other = sandbox("editor", "curl", "-sS", url)

    assert (other.status, complaint in other.stderr) == (status, True), other
