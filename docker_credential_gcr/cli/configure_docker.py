"""`configure-docker`: make this program the credential helper of registries, in Docker's config.json."""

import shutil

import click

from docker_credential_gcr.helper import PROGRAM, config_file, registration, registries, token_sources


@click.command("configure-docker", short_help="Make docker ask this helper for registries.")
@click.option(
    "--registries",
    "names",
    metavar="A,B",
    help=f"Registries to configure. Default: {', '.join(registries.DEFAULT_HOSTS)}.",
)
@click.option(
    "--token-source",
    metavar="S",
    help=f"Where their access tokens come from, comma-separated, asked in order: {token_sources.WORKING}.",
)
@click.option("--overwrite", is_flag=True, help="Also take over registries that another helper holds.")
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
def configure_docker(names: str | None, token_source: str | None, overwrite: bool, dry_run: bool) -> None:
    """Make docker ask this helper for the credentials of registries.

    \b
    Examples:
      docker-credential-gcr configure-docker
      docker-credential-gcr configure-docker --registries us-docker.pkg.dev,gcr.io
      docker-credential-gcr configure-docker --registries localhost:5000 --token-source file:key.json
    """
    planned = registration.plan(names, token_source, overwrite=overwrite)
    for edit in planned.edits:
        if dry_run:
            from docker_credential_gcr.cli import diff

            diff.show(edit.path, *config_file.preview(edit))
        else:
            config_file.apply(edit)
    _report(planned, "would be configured" if dry_run else "configured")


def _report(planned: registration.Registration, done: str) -> None:
    """One line a host on stderr."""
    for host in planned.new:
        click.echo(f"{host}: {done}", err=True)
    for host in planned.same:
        click.echo(f"{host}: already configured", err=True)
    for host, helper in planned.kept.items():
        holder = f"docker-credential-{helper} holds it" if helper else "docker's own file holds it"
        click.echo(f"warning: {host}: kept, for {holder}: --overwrite takes it over", err=True)
    if shutil.which(PROGRAM) is None:
        click.echo(f"warning: {PROGRAM} is not on PATH, where docker looks for it", err=True)
