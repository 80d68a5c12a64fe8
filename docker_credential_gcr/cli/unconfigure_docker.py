"""The command `unconfigure-docker`: undo the changes of `configure-docker`, and no others."""

import click

from docker_credential_gcr.errors import find_secret_form
from docker_credential_gcr.helper.configure import config_edit, configure, unconfigure

from . import terminal
from .registry_names import REGISTRIES


@click.command("unconfigure-docker")
@click.option(
    "--registries",
    metavar="A,B",
    type=REGISTRIES,
    help="Only these, even if another program configured them.",
)
@click.option(
    "--config", "directory", metavar="DIR", help="Docker's configuration directory. Default: $DOCKER_CONFIG."
)
@click.option(
    "--authfile", metavar="FILE", help="Change a containers-auth.json instead, of Podman, Buildah and Skopeo."
)
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
def unconfigure_docker(
    registries: str | None, directory: str | None, authfile: str | None, dry_run: bool
) -> None:
    """Undo the changes of configure-docker in docker's configuration and in the helper's.

    A registry that had another helper before gets it back. Values that were changed since stay.

    \b
    Examples:
      docker-credential-gcr unconfigure-docker --dry-run
      docker-credential-gcr unconfigure-docker
      docker-credential-gcr unconfigure-docker --registries us-docker.pkg.dev
    """
    planned = unconfigure.plan(registries, directory, authfile)
    if dry_run:
        from . import diff

        for edit in planned.edits:
            diff.show(edit.path, *config_edit.preview(edit))
    else:
        unconfigure.apply(planned)
    _report(planned, "would be " if dry_run else "")


def _report(planned: unconfigure.UnconfigurePlan, would: str) -> None:
    """Prints a line for each name on stderr."""
    for name, helper in planned.restored.items():
        before = (
            "" if helper is None else f", back to docker-credential-{helper}" if helper else ", as before"
        )
        click.echo(f"{_format_name(name)}: {would}unconfigured{before}", err=True)
    for name in planned.changed:
        click.echo(f"{_format_name(name)}: changed since, not undone", err=True)
    for name in planned.absent:
        click.echo(f"{_format_name(name)}: not configured", err=True)
    for name in map(_format_name, planned.unrecorded):
        terminal.warn(
            f"{name}: not undone, because it is not in the record: use --registries {name} to remove it"
        )
    if not (planned.restored or planned.changed or planned.absent or planned.unrecorded):
        click.echo("nothing is configured", err=True)


def _format_name(name: str) -> str:
    return "every registry" if name == configure.ALL_REGISTRIES else find_secret_form(name) or name
