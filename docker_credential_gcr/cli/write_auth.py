"""`write-auth`: short-lived credentials for clients that read a file and run no helper."""

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
    "--format", "format_", required=True, type=click.Choice(auth_file.FORMATS), help="Whose file it is."
)
@click.option("--registries", metavar="A,B", type=REGISTRIES, help="Default: all that are configured.")
@click.option("--output", metavar="FILE", help="Default: where its clients look; - is stdout.")
@click.option("--watch", "is_watching", is_flag=True, help="Stay, and renew them before they expire.")
@click.option(
    "--name", default="gcr-pull-secret", show_default=True, help="The name of the Kubernetes secret."
)
@click.option("--namespace", help="Its namespace.")
def write_auth(
    format_: str,
    registries: str | None,
    output: str | None,
    is_watching: bool,
    name: str,
    namespace: str | None,
) -> None:
    """Write access tokens where a client reads them that cannot run a helper.

    docker merges them into `auths` of Docker's config.json, containers into the auth.json of Podman, Buildah
    and Skopeo; kubernetes prints an imagePullSecret. They are good for an hour at most: --watch renews them.

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
    """Docker does not look into `auths` where it has a helper to ask."""
    helpers = docker_config.load(os.environ).helpers
    for host in hosts:
        if helpers.get(host):
            told = "this program" if helpers[host] == SUFFIX else f"docker-credential-{helpers[host]}"
            terminal.warn(f"{host}: docker asks {told} for it, and not this file")
