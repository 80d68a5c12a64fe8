"""The command `write-auth`: write short-lived credentials for clients that cannot run a helper."""

import os

import click

from docker_credential_gcr.errors import UsageError
from docker_credential_gcr.helper import SUFFIX, auth_file
from docker_credential_gcr.helper.config import load_config
from docker_credential_gcr.helper.configure import arguments, docker_config

from . import terminal
from .registry_names import REGISTRIES


@click.command("write-auth")
@click.option(
    "--format", "format_", required=True, type=click.Choice(auth_file.FORMATS), help="The format of the file."
)
@click.option(
    "--registries", metavar="A,B", type=REGISTRIES, help="The registries. Default: all configured ones."
)
@click.option(
    "--output",
    metavar="FILE",
    help="The file to write; - is stdout. Default: the file that the clients read.",
)
@click.option(
    "--watch", "is_watching", is_flag=True, help="Keep running, and renew the tokens before they expire."
)
@click.option(
    "--name", default="gcr-pull-secret", show_default=True, help="The name of the Kubernetes secret."
)
@click.option("--namespace", help="The namespace of the Kubernetes secret.")
def write_auth(
    format_: str,
    registries: str | None,
    output: str | None,
    is_watching: bool,
    name: str,
    namespace: str | None,
) -> None:
    """Write access tokens into a file, for clients that cannot run a helper.

    The format docker writes into `auths` of config.json, containers into the auth.json of Podman, Buildah and
    Skopeo; kubernetes prints an imagePullSecret. Tokens are valid for an hour at most: --watch renews them.

    \b
    Examples:
      docker-credential-gcr write-auth --format containers \\
        --registries us-docker.pkg.dev
      docker-credential-gcr write-auth --format docker --watch \\
        --output /kaniko/.docker/config.json
      docker-credential-gcr write-auth --format kubernetes --namespace ci |
        kubectl apply -f -
    """
    path = output or auth_file.find_path(format_, os.environ)
    if is_watching and path == auth_file.STDOUT:
        raise UsageError("--watch needs a file to renew: name it with --output")
    hosts = auth_file.find_hosts(os.environ) if registries is None else arguments.parse_hosts(registries)
    secret = auth_file.Secret(name, namespace)

    def renew() -> float:
        tokens = auth_file.get_tokens(hosts, os.environ)
        if path == auth_file.STDOUT:
            click.echo(auth_file.format_document(format_, tokens, secret), nl=False)
        else:
            auth_file.write(format_, path, tokens, secret)
            click.echo(f"{path}: {', '.join(hosts)}", err=True)
        return auth_file.find_due(tokens, load_config(os.environ).min_ttl_s)

    if format_ == auth_file.DOCKER and output is None:
        _warn_of_helpers(hosts)
    if is_watching:
        auth_file.watch(renew, tell=terminal.warn)
    renew()


def _warn_of_helpers(hosts: tuple[str, ...]) -> None:
    """Warns of hosts for which docker asks a helper, and ignores `auths`."""
    helpers = docker_config.load(os.environ).helpers
    for host in hosts:
        if helpers.get(host):
            asked = "this program" if helpers[host] == SUFFIX else f"docker-credential-{helpers[host]}"
            terminal.warn(f"{host}: docker asks {asked} for it, and ignores this file")
