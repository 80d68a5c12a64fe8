"""The command `configure-docker`: make this program the credential helper of registries in config.json."""

import os

import click

from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.configure import (
    arguments,
    config_edit,
    configure,
    docker_config,
    environment,
)
from docker_credential_gcr.helper.tokens import NAMES

from . import terminal
from .registry_names import REGISTRIES


@click.command("configure-docker")
@click.option(
    "--registries",
    metavar="A,B",
    type=REGISTRIES,
    help=f"Registries to configure. Default: {', '.join(registries.DEFAULT_HOSTS)}.",
)
@click.option(
    "--include-artifact-registry", is_flag=True, help="The default registries, and all of Artifact Registry."
)
@click.option("--all-registries", is_flag=True, help="All Google registries.")
@click.option(
    "--token-source",
    metavar="S",
    help=f"Their token sources, comma-separated, asked in order: {NAMES}.",
)
@click.option(
    "--creds-store", is_flag=True, help="Make this helper docker's credential store for all registries."
)
@click.option(
    "--config", "directory", metavar="DIR", help="Docker's configuration directory. Default: $DOCKER_CONFIG."
)
@click.option(
    "--authfile",
    metavar="FILE",
    help="Configure a containers-auth.json instead, for Podman, Buildah and Skopeo.",
)
@click.option("--overwrite", is_flag=True, help="Also replace other helpers.")
@click.option("--yes", is_flag=True, help="Replace other helpers without a question at the terminal.")
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
def configure_docker(
    registries: str | None,
    include_artifact_registry: bool,
    all_registries: bool,
    token_source: str | None,
    creds_store: bool,
    directory: str | None,
    authfile: str | None,
    overwrite: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Configure docker to ask this helper for the credentials of registries.

    \b
    Examples:
      docker-credential-gcr configure-docker
      docker-credential-gcr configure-docker \\
        --registries europe-west1-docker.pkg.dev,gcr.io
      docker-credential-gcr configure-docker --registries localhost:5000 \\
        --token-source file:key.json
      docker-credential-gcr configure-docker \\
        --authfile ~/.config/containers/auth.json
    """
    options = arguments.Options(
        registries=registries,
        token_source=token_source,
        is_all=all_registries,
        has_artifact_registry=include_artifact_registry,
        is_store=creds_store,
        directory=directory,
        authfile=authfile,
    )

    def may_replace(name: str, helper: str) -> bool:
        if overwrite or yes or dry_run:
            return overwrite or yes
        return terminal.ask(f"{_format_name(name)}: configured for {_format_helper(helper)}. Replace it?")

    planned = configure.plan(options, may_replace=may_replace)
    if dry_run:
        _show(planned)
    else:
        configure.apply(planned)
    _report(planned, "would be configured" if dry_run else "configured")


def _show(planned: configure.ConfigurePlan) -> None:
    from . import diff

    for edit in planned.edits:
        diff.show(edit.path, *config_edit.preview(edit))


def _report(planned: configure.ConfigurePlan, done: str) -> None:
    """Prints a line for each name on stderr, then warnings."""
    for name in planned.new:
        before = planned.replaced.get(name)
        instead = "" if before is None else f", instead of {_format_helper(before)}"
        click.echo(f"{_format_name(name)}: {done}{instead}", err=True)
    for name in planned.unchanged:
        source = planned.sources.get(name)
        text = f"{done}, with the token source {source}" if source else "already configured"
        click.echo(f"{_format_name(name)}: {text}", err=True)
    for name, helper in planned.skipped.items():
        terminal.warn(
            f"{_format_name(name)}: skipped, because it is configured for {_format_helper(helper)}: "
            "use --overwrite to replace it"
        )
    if planned.record_fault:
        terminal.warn(f"unconfigure-docker cannot undo this: {planned.record_fault}")
    for key, host in planned.stored_logins.items():
        text = docker_config.format_stored_login(planned.path)
        terminal.warn(f"{host}: {text}: run `docker logout {key}`")
    for problem in environment.find_problems(os.environ):
        command = f": {problem.command}" if problem.command else ""
        terminal.warn(problem.text + command)


def _format_name(name: str) -> str:
    return "every registry" if name == configure.ALL_REGISTRIES else name


def _format_helper(helper: str) -> str:
    return f"docker-credential-{helper}" if helper else "docker's own file"
