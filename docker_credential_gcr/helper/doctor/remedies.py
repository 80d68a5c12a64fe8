"""Commands that mend a failure, written out for a registry and for the account that asks it."""

import shlex
from collections.abc import Callable

from docker_credential_gcr.errors import CLOCK, KEY_SOURCE, LOGIN, NEW_KEY, OTHER_SOURCE, Error
from docker_credential_gcr.helper import PROGRAM
from docker_credential_gcr.helper.google_auth import connection_faults

from .access import RegistryAccess

SET_CLOCK = "sudo timedatectl set-ntp true"


def find_remedy(error: Error, access: RegistryAccess) -> tuple[str, str | None]:
    """Returns the name of a failure, and the command that mends it; None where no command here does."""
    while error.check == Error.check and isinstance(error.__cause__, Error):
        error = error.__cause__
    serve = connection_faults.SERVE
    if access.is_emulated and error.command.startswith(serve):
        # At another port than the registry's: the key is of an emulator that was there before.
        is_there = error.command == serve + access.registry.rpartition(":")[2]
        return error.check, error.command if is_there else format_new_key_command(access)
    format_command = FORMATTERS.get(error.command)
    return error.check, format_command(access) if format_command else error.command or None


def format_grant_command(access: RegistryAccess, action: str) -> str:
    """Returns the command that grants the right to pull or push in the image's project."""
    role = ROLES[action][access.is_artifact_registry]
    account = access.account or "ACCOUNT"
    kind = "user" if access.account and not account.endswith("gserviceaccount.com") else "serviceAccount"
    if access.has_emulator:
        return (
            f"gcr-emulator iam grant --server {access.emulator_url} --project {access.project} "
            f"--member {kind}:{account} --role {role}"
        )
    return f"gcloud projects add-iam-policy-binding {access.project} --member={kind}:{account} --role={role}"


def format_key_command(access: RegistryAccess) -> str:
    """Returns the command that creates another key for the account, and replaces its file."""
    path, account = shlex.quote(access.key_path or "KEY.json"), access.account or "ACCOUNT"
    if not access.has_emulator:
        return f"gcloud iam service-accounts keys create {path} --iam-account={account}"
    name, _, domain = account.partition("@")
    project = domain.partition(".")[0] or "PROJECT"
    return (
        f"gcr-emulator key create --server {access.emulator_url} --project {project} --account {name} "
        f"--output {path} --force{' --token-uri google' if access.server else ''}"
    )


def format_project_command(access: RegistryAccess) -> str:
    """Returns the command that creates the image's project in an emulator."""
    return f"gcr-emulator project create --server {access.emulator_url} {access.project}"


def format_repository_command(access: RegistryAccess) -> str:
    """Returns the command that creates the image's repository in Artifact Registry."""
    name = access.artifact_repository.rpartition("/")[2]
    location = (
        access.site.removesuffix("-docker.pkg.dev").removeprefix("docker.").removesuffix(".rep.pkg.dev")
    )
    if access.has_emulator:
        return (
            f"gcr-emulator repository create {name} --location {location} --project {access.project} "
            f"--server {access.emulator_url}"
        )
    return (
        f"gcloud artifacts repositories create {name} --repository-format=docker "
        f"--location={location} --project={access.project}"
    )


def format_enable_command(access: RegistryAccess, service: str) -> str:
    """Returns the command that enables an API in the image's project."""
    if access.has_emulator:
        url = f"{access.emulator_url}/v1/projects/{access.project}/services/{service}:enable"
        return f"curl -sS -X POST -d '{{}}' {url}"
    return f"gcloud services enable {service} --project {access.project}"


def format_login_command(access: RegistryAccess) -> str:
    """Returns the command that gives the helper a credential where it has none."""
    return f"{LOGIN} --key-file KEY.json --registries {access.registry}" if access.is_emulated else LOGIN


def format_new_key_command(access: RegistryAccess) -> str:
    """Returns the command that creates another key, and logs in with it where the key is in no file."""
    create = format_key_command(access)
    return create if access.key_path else f"{create} && {format_login_command(access)}"


def format_clock_command(access: RegistryAccess) -> str:
    """Returns the command that sets the clock; offset 0 gives an emulator the time of this machine."""
    if access.is_emulated:
        return f"curl -sS -X PUT -d '{{\"offset_s\": 0}}' {access.emulator_url}/_emulator/clock"
    return SET_CLOCK


def format_key_source_command(access: RegistryAccess) -> str:
    """Returns the command that sets a key file as the registry's token source."""
    return f"{PROGRAM} config --registry {access.registry} --token-source file:KEY.json"


def format_other_source_command(access: RegistryAccess) -> str:
    """Returns the command that sets another token source for the registry; an emulator takes only a key."""
    default = f"{PROGRAM} config --registry {access.registry} --token-source store,env"
    return format_key_source_command(access) if access.is_emulated else default


# action -> (Container Registry's role, Artifact Registry's)
# https://cloud.google.com/container-registry/docs/access-control
ROLES = {
    "pull": ("roles/storage.objectViewer", "roles/artifactregistry.reader"),
    "push": ("roles/storage.admin", "roles/artifactregistry.writer"),
}

FORMATTERS: dict[str, Callable[[RegistryAccess], str]] = {
    NEW_KEY: format_new_key_command,
    KEY_SOURCE: format_key_source_command,
    OTHER_SOURCE: format_other_source_command,
    CLOCK: format_clock_command,
}
