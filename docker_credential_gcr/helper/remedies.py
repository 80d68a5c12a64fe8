"""The command that mends a failure, by what the failure says. A table, asked from its top."""

import re
import shlex
from dataclasses import dataclass

from docker_credential_gcr.helper import PROGRAM, registries

SET_CLOCK = "sudo timedatectl set-ntp true"
LOGIN = f"{PROGRAM} login"
DEFAULT_SOURCES = f"{PROGRAM} config --token-source store,env"


@dataclass(frozen=True)
class Case:
    """What a command may need to know: the registry, the image in it, and who asks with which key file."""

    registry: str
    repository: str | None = None
    account: str | None = None
    key_path: str | None = None

    @property
    def is_emulated(self) -> bool:
        """Whether the registry is an emulator's."""
        return registries.is_loopback(self.registry)

    @property
    def project(self) -> str:
        """The project that the image is in. https://cloud.google.com/container-registry/docs/overview"""
        first, _, rest = (self.repository or "PROJECT").partition("/")
        return f"{first}:{rest.partition('/')[0]}" if "." in first else first


def find_command(text: str, case: Case) -> tuple[str, str]:
    """What a failure is called, and the command that mends it, or that tells more."""
    for pattern, name, template in REMEDIES:
        match = re.search(pattern, text)
        if match:
            values = {key: shlex.quote(value) for key, value in match.groupdict().items()}
            values["scheme"] = "http" if registries.is_loopback(values.get("host", "")) else "https"
            return name, _fill(template, case, values)
    return "credential", _fill(f"{PROGRAM} status", case, {})


def make_grant(case: Case, action: str) -> str:
    """The command that grants the right to pull or push in the image's project."""
    is_artifact_registry = case.registry.endswith("pkg.dev")
    role = ROLES[action][is_artifact_registry]
    account = case.account or "ACCOUNT"
    kind = "user" if case.account and not account.endswith("gserviceaccount.com") else "serviceAccount"
    if case.is_emulated:
        return (
            f"gcr-emulator iam grant --server http://{case.registry} --project {case.project} "
            f"--member {kind}:{account} --role {role}"
        )
    return f"gcloud projects add-iam-policy-binding {case.project} --member={kind}:{account} --role={role}"


def make_key(case: Case) -> str:
    """The command that makes another key for the account in the place of its file."""
    path, account = shlex.quote(case.key_path or "KEY.json"), case.account or "ACCOUNT"
    if not case.is_emulated:
        return f"gcloud iam service-accounts keys create {path} --iam-account={account}"
    name, _, domain = account.partition("@")
    project = domain.partition(".")[0] or "PROJECT"
    return (
        f"gcr-emulator key create --server http://{case.registry} --project {project} --account {name} "
        f"--output {path} --force"
    )


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

PROBE = "curl -sS -o /dev/null {scheme}://{host}/"
GIVE_SOURCE = f"{PROGRAM} config --registry {{registry}} --token-source file:KEY.json"
# What the text says, what that is called, and what mends it.
REMEDIES: list[tuple[str, str, str]] = [
    (r"reasonable timeframe|iat and exp", "clock", SET_CLOCK),
    (r"an expired access token", "clock", SET_CLOCK),
    (r"invalid_rapt", "login ended", LOGIN),
    (r"has expired and holds no refresh token", "login ended", LOGIN),
    (r"store: \S+ answered 40[01]: invalid_(grant|client)", "login ended", LOGIN),
    (r"answered 40[01]: invalid_(grant|client)", "key refused", "{new_key}"),
    (r"GOOGLE_APPLICATION_CREDENTIALS: cannot read", "variable", "unset GOOGLE_APPLICATION_CREDENTIALS"),
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
    (r"gcloud is not on PATH", "gcloud missing", DEFAULT_SOURCES),
    (r"gcloud is not logged in", "gcloud login", "gcloud auth login"),
    (r"gcloud (failed|answered|did not)", "gcloud", "gcloud auth list"),
    (r"token file '(?P<path>[^']+)'", "token file", GIVE_SOURCE),
    (r"iam\.serviceAccounts\.getAccessToken|:generateAccessToken", "impersonation",
     "gcloud iam service-accounts add-iam-policy-binding ACCOUNT --member=user:YOU "
     "--role=roles/iam.serviceAccountTokenCreator"),
    (r"metadata: ", "metadata server", DEFAULT_SOURCES),
    (r"keyring", "keyring", "export DOCKER_CREDENTIAL_GCR_KEYRING=file"),
    (r"cannot reach (?P<host>[^\s:]+(:\d+)?)", "token endpoint", PROBE),
    (r"(?P<host>[^\s:]+(:\d+)?) did not answer in time", "token endpoint", PROBE),
]  # fmt: skip
