"""gcr-emulator env: prints the variables that lead Google's clients to the emulator."""

from pathlib import Path
from urllib.parse import urlsplit

import click

from docker_credential_gcr.emulator.ca_variables import CA_VARIABLES, OVER_GCLOUD
from docker_credential_gcr.emulator.cli.options import with_ca
from docker_credential_gcr.emulator.cli.resources.key import format_token_url
from docker_credential_gcr.emulator.client.server_url import (
    format_metadata_address,
    format_registry,
    is_loopback,
)

# gcloud's word for each API that its commands for images, projects and accounts use; what the emulator does
# not serve it refuses, so that no question of theirs goes to Google.
# https://cloud.google.com/sdk/gcloud/reference/config
_APIS = (
    "ARTIFACTREGISTRY",
    "CLOUDASSET",
    "CLOUDRESOURCEMANAGER",
    "CONTAINERANALYSIS",
    "IAM",
    "IAMCREDENTIALS",
    "PUBSUB",
    "SERVICEUSAGE",
    "STS",
)
# What else gcloud would ask Google on its own, and the registries that its helper for docker answers for.
_GCLOUD = {
    "CLOUDSDK_ARTIFACTS_ALLOW_UNRECOGNIZED_REGISTRY": "true",
    "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
    "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
}


def _quote_posix(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _quote_fish(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quote_powershell(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_SHELLS = {
    "posix": ("export {}={}", "unset {}", _quote_posix),
    "fish": ("set -gx {} {}", "set -e {}", _quote_fish),
    "powershell": ("$Env:{} = {}", "Remove-Item Env:{} -ErrorAction SilentlyContinue", _quote_powershell),
}

_INSECURE = "DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS"


@click.command()
@click.option("--shell", type=click.Choice(list(_SHELLS)), default="posix", show_default=True)
@with_ca
def env(url: str, ca: Path | None, shell: str) -> None:
    """Print the variables that lead Google's clients to the emulator.

    \b
    eval "$(gcr-emulator env)"
    gcr-emulator env --shell fish | source
    gcr-emulator env --shell powershell | Out-String | Invoke-Expression
    """
    export, unset, quote = _SHELLS[shell]
    for name, value in format_environment(url, ca).items():
        click.echo(unset.format(name) if value is None else export.format(name, quote(value)))


def format_environment(url: str, ca: Path | None = None) -> dict[str, str | None]:
    """The variables and their values, for an emulator at that URL; None is a variable to unset.

    `ca` is the file of the authority that signs for it.
    """
    registry = format_registry(url)
    root = f"{urlsplit(url).scheme}://{registry}"
    return {
        "GCR_EMULATOR_URL": root,
        "GCR_EMULATOR_REGISTRY": registry,
        "CLOUDSDK_AUTH_AUTH_HOST": f"{root}/o/oauth2/auth",
        "CLOUDSDK_AUTH_TOKEN_HOST": format_token_url(url),
        "CLOUDSDK_AUTH_TOKEN_INTROSPECTION_ENDPOINT": f"{root}/v1/introspect",
        **{f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api}": f"{root}/" for api in _APIS},
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{root}/storage/v1/",
        **_GCLOUD,
        # What Google's own storage libraries read.
        "STORAGE_EMULATOR_HOST": root,
        # Never the metadata server of the machine: the emulator's, if it is one, which answers a ping then.
        # No client speaks TLS to one.
        "GCE_METADATA_HOST": registry,
        "GCE_METADATA_IP": format_metadata_address(url),
        "GCE_METADATA_ROOT": registry,
        "METADATA_SERVER_DETECTION": "none" if root.startswith("https:") else "ping-only",
        # The helper sends no key to a plain http token endpoint of another machine, unless it is told so.
        **({} if root.startswith("https:") or is_loopback(url) else {_INSECURE: registry}),
        **(_trust(ca.absolute()) if ca and url.startswith("https:") else {}),
    }


def _trust(ca: Path) -> dict[str, str | None]:
    # An inherited one that gcloud would prefer does not hold the emulator's authority.
    return {name: None if name in OVER_GCLOUD else str(ca) for name in CA_VARIABLES}
