"""`configure-docker`: make this program the credential helper of registries, in Docker's config.json."""

import os

import click

from docker_credential_gcr.helper import registries
from docker_credential_gcr.helper.configure import arguments, config_edit, configure, environment
from docker_credential_gcr.helper.tokens.request import NAMES

from . import terminal
from .registry_names import REGISTRIES


@click.command("configure-docker")
@click.option(
    "--registries",
    metavar="A,B",
    type=REGISTRIES,
    help=f"Registries to configure. Default: {', '.join(registries.DEFAULT_HOSTS)}.",
)
@click.option("--include-artifact-registry", is_flag=True, help="Those, and all of Artifact Registry.")
@click.option("--all-registries", is_flag=True, help="All registries that Google has.")
@click.option(
    "--token-source",
    metavar="S",
    help=f"Where their access tokens come from, comma-separated, asked in order: {NAMES}.",
)
@click.option("--creds-store", is_flag=True, help="Make it docker's store for the logins of all registries.")
@click.option("--config", "directory", metavar="DIR", help="Docker's configuration. Default: $DOCKER_CONFIG.")
@click.option("--authfile", metavar="FILE", help="A containers-auth.json, for Podman, Buildah and Skopeo.")
@click.option("--overwrite", is_flag=True, help="Also take over registries that another helper holds.")
@click.option("--yes", is_flag=True, help="Answer yes where a terminal would be asked, which is about those.")
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
    """Make docker ask this helper for the credentials of registries.

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
    order = arguments.Options(
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
        return terminal.ask(f"{_format_name(name)}: {_format_holder(helper)} holds it. Take it over?")

    planned = configure.plan(order, may_replace=may_replace)
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
    """One line a name on stderr, and what stands in the way."""
    for name in planned.new:
        instead = f", in the place of {_format_holder(planned.taken[name])}" if name in planned.taken else ""
        click.echo(f"{_format_name(name)}: {done}{instead}", err=True)
    for name in planned.same:
        source = planned.sources.get(name)
        text = f"{done}, with the token source {source}" if source else "already configured"
        click.echo(f"{_format_name(name)}: {text}", err=True)
    for name, helper in planned.kept.items():
        terminal.warn(
            f"{_format_name(name)}: kept, for {_format_holder(helper)} holds it: --overwrite takes it over"
        )
    if planned.unrecorded:
        terminal.warn(f"unconfigure-docker will not know of this: {planned.unrecorded}")
    for key, host in planned.stored.items():
        terminal.warn(
            f"{host}: {planned.path!r} holds a login of it, which some clients use instead: "
            f"`docker logout {key}` removes it"
        )
    for problem in environment.find_problems(os.environ):
        mended = f": {problem.command}" if problem.command else ""
        terminal.warn(problem.text + mended)


def _format_name(name: str) -> str:
    return "every registry" if name == configure.ALL_REGISTRIES else name


def _format_holder(helper: str) -> str:
    return f"docker-credential-{helper}" if helper else "docker's own file"
