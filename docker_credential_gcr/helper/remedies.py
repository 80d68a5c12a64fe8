"""The command that mends a failure, by what the failure says. A table, asked from its top."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from docker_credential_gcr.helper import PROGRAM, registries, repository_name

SET_CLOCK = "sudo timedatectl set-ntp true"
LOGIN = f"{PROGRAM} login"
MORE_TIME = "export DOCKER_CREDENTIAL_GCR_TIMEOUT=60"
Values = dict[str, str]


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


def find_command(text: str, case: Case) -> tuple[str, str | None]:
    """What a failure is called, and the command that mends it; None where none on this machine can."""
    for pattern, name, template in REMEDIES:
        match = re.search(pattern, text)
        if match:
            values = {key: shlex.quote(value) for key, value in match.groupdict().items()}
            return name, template(case, values) if callable(template) else _fill(template, case, values)
    return "credential", None


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


def _fill(template: str, case: Case, values: dict[str, str]) -> str:
    """The template with what it asks for."""
    new_key = make_key(case) if case.key_path else f"{make_key(case)} && {make_login(case)}"
    known = {"registry": case.registry, "new_key": new_key}
    return template.format_map({**known, **values})


# action -> (Container Registry's role, Artifact Registry's)
# https://cloud.google.com/container-registry/docs/access-control
ROLES = {
    "pull": ("roles/storage.objectViewer", "roles/artifactregistry.reader"),
    "push": ("roles/storage.admin", "roles/artifactregistry.writer"),
}

GIVE_SOURCE = f"{PROGRAM} config --registry {{registry}} --token-source file:KEY.json"


def _set_clock(case: Case, _: Values) -> str:
    """An emulator's clock can be shifted, and runs as this machine's again with an offset of 0."""
    if case.is_emulated:
        return f"curl -sS -X PUT -d '{{\"offset_s\": 0}}' {case.url}/_emulator/clock"
    return SET_CLOCK


def _use_other_source(case: Case, values: Values) -> str:
    """Another token source for the registry: only a key serves an emulator."""
    default = f"{PROGRAM} config --registry {case.registry} --token-source store,env"
    return _fill(GIVE_SOURCE, case, values) if case.is_emulated else default


def _start_endpoint(case: Case, values: Values) -> str | None:
    """A token endpoint at which nothing listens: an emulator's own, or one that is at another port by now."""
    if not registries.is_loopback(values["host"]):
        return None
    if values["host"] == case.registry or not case.is_emulated:
        return f"gcr-emulator serve --port {values['host'].rpartition(':')[2]}"
    return _fill("{new_key}", case, values)


# What the text says, what that is called, and what mends it: nothing where no command on this machine does.
REMEDIES: list[tuple[str, str, str | Callable[[Case, Values], str | None]]] = [
    (r"reasonable timeframe|iat and exp", "clock", _set_clock),
    (r"an expired access token", "clock", _set_clock),
    (r"invalid_rapt", "login ended", LOGIN),
    (r"has expired and holds no refresh token", "login ended", LOGIN),
    (r"store: \S+ answered 40[01]: invalid_(grant|client)", "login ended", LOGIN),
    (r"answered 40[01]: invalid_(grant|client)", "key refused", "{new_key}"),
    (r"GOOGLE_APPLICATION_CREDENTIALS: cannot read", "variable", "unset GOOGLE_APPLICATION_CREDENTIALS"),
    (r"(?P<variable>[A-Z][A-Z_]+) holds [^;]+, not ", "variable", "unset {variable}"),
    (r"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: cannot read", "variable",
     "unset CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"),
    (r"cannot read key file '(?P<path>[^']+)': Permission denied", "key file",
     'sudo chown "$(id -un)" {path}'),
    (r"cannot read key file|key file '[^']*' is not a file", "key file", GIVE_SOURCE),
    (r"no token of it goes to", "key of another world", GIVE_SOURCE),
    (r"token endpoint http://(?P<host>\S+) is not encrypted", "token endpoint",
     "export DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS={host}"),
    (r"key file '[^']*'", "key file", "{new_key}"),
    (r"'(?P<path>[^']+)' is malformed", "store", "mv {path} {path}.broken"),
    (r"gcloud is not on PATH", "gcloud missing", _use_other_source),
    (r"gcloud is not logged in", "gcloud login", "gcloud auth login"),
    (r"gcloud did not", "gcloud", MORE_TIME),
    (r"gcloud (failed|answered)", "gcloud", "gcloud auth login"),
    (r"token file '(?P<path>[^']+)'", "token file", GIVE_SOURCE),
    (r"iam\.serviceAccounts\.getAccessToken|:generateAccessToken", "impersonation",
     "gcloud iam service-accounts add-iam-policy-binding ACCOUNT --member=user:YOU "
     "--role=roles/iam.serviceAccountTokenCreator"),
    (r"metadata: ", "metadata server", _use_other_source),
    (r"keyring", "keyring", "export DOCKER_CREDENTIAL_GCR_KEYRING=file"),
    (r"cannot reach (?P<host>[^\s:]+(:\d+)?): Connection refused", "token endpoint", _start_endpoint),
    (r"cannot reach ", "token endpoint", lambda _, __: None),
    (r"did not answer in time", "token endpoint", MORE_TIME),
]  # fmt: skip
