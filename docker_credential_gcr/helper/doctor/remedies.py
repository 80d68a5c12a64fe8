"""Writes out the command that mends a failure, for a registry and for the account that asks it."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from docker_credential_gcr.errors import CLOCK, KEY_SOURCE, LOGIN, NEW_KEY, OTHER_SOURCE, Error
from docker_credential_gcr.helper import PROGRAM, registries
from docker_credential_gcr.helper.google_auth import connection_faults

from . import repository_name

SET_CLOCK = "sudo timedatectl set-ntp true"


@dataclass(frozen=True)
class Case:
    """What a command may need to know: the registry, the image in it, and who asks with which key file."""

    registry: str
    repository: str | None = None
    account: str | None = None
    key_path: str | None = None
    scheme: str = "http"  # of an emulator
    server: str | None = None  # the root of the emulator that is at Google's names: in `gcr-emulator run`

    @property
    def url(self) -> str:
        """The root of an emulator."""
        return self.server or f"{self.scheme}://{self.registry}"

    @property
    def has_emulator(self) -> bool:
        """Whether an emulator's commands change what the registry allows."""
        return self.is_emulated or self.server is not None

    @property
    def is_emulated(self) -> bool:
        """Whether the registry is an emulator's."""
        return registries.is_loopback(self.registry)

    @property
    def site(self) -> str:
        """The registry that answers: an emulator's paths may begin with the host of one of Google's."""
        first = (self.repository or "").partition("/")[0]
        return first if self.is_emulated and registries.is_google(first) else self.registry

    @property
    def path(self) -> str:
        """The repository as its registry has it."""
        return (self.repository or "").removeprefix(f"{self.site}/")

    @property
    def is_artifact_registry(self) -> bool:
        """Whether images are in repositories that somebody has to make first."""
        return self.site.endswith("pkg.dev")

    @property
    def place(self) -> str:
        """The repository of Artifact Registry that the image is in, as the registry is asked for it."""
        components = self.path.split("/")
        given = "" if self.site == self.registry else f"{self.site}/"
        return given + "/".join(components[: 3 if "." in components[0] else 2])

    def find_name_fault(self) -> str | None:
        """Why there can be no repository of this name, and the right form; None without a fault."""
        if self.repository is None:
            return None
        fault = repository_name.find_fault(self.path, is_artifact_registry=self.is_artifact_registry)
        if fault is None:
            return None
        before = self.registry if self.site == self.registry else f"{self.registry}/{self.site}"
        return f"{self.repository!r} cannot be a repository: {fault[0]}: write {before}/{fault[1]}"

    @property
    def project(self) -> str:
        """The project that the image is in. https://cloud.google.com/container-registry/docs/overview"""
        first, _, rest = (self.path or "PROJECT").partition("/")
        return f"{first}:{rest.partition('/')[0]}" if "." in first else first


def find_remedy(error: Error, case: Case) -> tuple[str, str | None]:
    """Returns what a failure is called, and the command that mends it; None where no command here does."""
    while error.check == Error.check and isinstance(error.__cause__, Error):
        error = error.__cause__
    serve = connection_faults.SERVE
    if case.is_emulated and error.command.startswith(serve):
        # At another port than the registry's: the key is of an emulator that was there before.
        is_there = error.command == serve + case.registry.rpartition(":")[2]
        return error.check, error.command if is_there else make_new_key(case)
    make = MAKERS.get(error.command)
    return error.check, make(case) if make else error.command or None


def make_grant(case: Case, action: str) -> str:
    """The command that grants the right to pull or push in the image's project."""
    role = ROLES[action][case.is_artifact_registry]
    account = case.account or "ACCOUNT"
    kind = "user" if case.account and not account.endswith("gserviceaccount.com") else "serviceAccount"
    if case.has_emulator:
        return (
            f"gcr-emulator iam grant --server {case.url} --project {case.project} "
            f"--member {kind}:{account} --role {role}"
        )
    return f"gcloud projects add-iam-policy-binding {case.project} --member={kind}:{account} --role={role}"


def make_key(case: Case) -> str:
    """The command that makes another key for the account in the place of its file."""
    path, account = shlex.quote(case.key_path or "KEY.json"), case.account or "ACCOUNT"
    if not case.has_emulator:
        return f"gcloud iam service-accounts keys create {path} --iam-account={account}"
    name, _, domain = account.partition("@")
    project = domain.partition(".")[0] or "PROJECT"
    return (
        f"gcr-emulator key create --server {case.url} --project {project} --account {name} "
        f"--output {path} --force{' --token-uri google' if case.server else ''}"
    )


def make_project(case: Case) -> str:
    """The command that creates the image's project in an emulator."""
    return f"gcr-emulator project create --server {case.url} {case.project}"


def make_repository(case: Case) -> str:
    """The command that creates the image's repository in Artifact Registry."""
    name = case.place.rpartition("/")[2]
    location = case.site.removesuffix("-docker.pkg.dev").removeprefix("docker.").removesuffix(".rep.pkg.dev")
    if case.has_emulator:
        return (
            f"gcr-emulator repository create {name} --location {location} --project {case.project} "
            f"--server {case.url}"
        )
    return (
        f"gcloud artifacts repositories create {name} --repository-format=docker "
        f"--location={location} --project={case.project}"
    )


def make_enabling(case: Case, service: str) -> str:
    """The command that enables an API in the image's project."""
    if case.has_emulator:
        url = f"{case.url}/v1/projects/{case.project}/services/{service}:enable"
        return f"curl -sS -X POST -d '{{}}' {url}"
    return f"gcloud services enable {service} --project {case.project}"


def make_login(case: Case) -> str:
    """The command that gives the helper a credential where it has none."""
    return f"{LOGIN} --key-file KEY.json --registries {case.registry}" if case.is_emulated else LOGIN


def make_new_key(case: Case) -> str:
    """Returns the command that makes another key; one that was handed over is handed over again."""
    return make_key(case) if case.key_path else f"{make_key(case)} && {make_login(case)}"


def set_clock(case: Case) -> str:
    """Returns the command that sets the clock; an emulator's runs as this machine's with an offset of 0."""
    if case.is_emulated:
        return f"curl -sS -X PUT -d '{{\"offset_s\": 0}}' {case.url}/_emulator/clock"
    return SET_CLOCK


def make_key_source(case: Case) -> str:
    """Returns the command that makes a key file the registry's token source."""
    return f"{PROGRAM} config --registry {case.registry} --token-source file:KEY.json"


def make_other_source(case: Case) -> str:
    """Returns the command that sets another token source for the registry: only a key serves an emulator."""
    default = f"{PROGRAM} config --registry {case.registry} --token-source store,env"
    return make_key_source(case) if case.is_emulated else default


# action -> (Container Registry's role, Artifact Registry's)
# https://cloud.google.com/container-registry/docs/access-control
ROLES = {
    "pull": ("roles/storage.objectViewer", "roles/artifactregistry.reader"),
    "push": ("roles/storage.admin", "roles/artifactregistry.writer"),
}

MAKERS: dict[str, Callable[[Case], str]] = {
    NEW_KEY: make_new_key,
    KEY_SOURCE: make_key_source,
    OTHER_SOURCE: make_other_source,
    CLOCK: set_clock,
}
