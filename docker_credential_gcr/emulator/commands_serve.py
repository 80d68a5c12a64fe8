"""gcr-emulator serve: runs the emulator."""

from pathlib import Path

import click

from . import commands_options as options

_file = click.Path(path_type=Path)


@click.command()
@click.option(
    "--host",
    envvar="GCR_EMULATOR_HOST",
    default="127.0.0.1",
    show_default=True,
    show_envvar=True,
    help="The address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    envvar="GCR_EMULATOR_PORT",
    default=5000,
    show_default=True,
    show_envvar=True,
    help="0 takes a free one.",
)
@click.option(
    "--data",
    type=_file,
    envvar="GCR_EMULATOR_DATA",
    show_envvar=True,
    help="The directory that holds everything. Without it, all is gone when the server stops.",
)
@click.option(
    "--project",
    "projects",
    type=options.parse_project_id,
    metavar="ID",
    multiple=True,
    envvar="GCR_EMULATOR_PROJECT",
    show_envvar=True,
    help="A project to make if it is absent; may be repeated.",
)
@click.option(
    "--ready-file",
    type=_file,
    envvar="GCR_EMULATOR_READY_FILE",
    show_envvar=True,
    help="Where to write what stdout says once the server answers.",
)
@click.option(
    "--allow-remote",
    is_flag=True,
    envvar="GCR_EMULATOR_ALLOW_REMOTE",
    show_envvar=True,
    help="Listen on other addresses than loopback; the administrative APIs then demand a token.",
)
@click.option(
    "--strict-admin",
    is_flag=True,
    envvar="GCR_EMULATOR_STRICT_ADMIN",
    show_envvar=True,
    help="Demand a token for the administrative APIs from local programs too.",
)
@click.option(
    "--sparse-manifests",
    is_flag=True,
    envvar="GCR_EMULATOR_SPARSE_MANIFESTS",
    show_envvar=True,
    help="Take manifests and indexes of which something is missing, which Container Registry refuses.",
)
@click.option(
    "--create-on-push",
    is_flag=True,
    envvar="GCR_EMULATOR_CREATE_ON_PUSH",
    show_envvar=True,
    help="Make a repository of Artifact Registry by the first push to it.",
)
@click.pass_context
def serve(
    context: click.Context,
    host: str,
    port: int,
    data: Path | None,
    projects: tuple[str, ...],
    ready_file: Path | None,
    allow_remote: bool,
    strict_admin: bool,
    sparse_manifests: bool,
    create_on_push: bool,
) -> None:
    """Run the emulator until it is stopped.

    Stdout gets one line of JSON once the server answers:
    url, registry, pid, data, ca, operator_token_file.
    """
    # The server's libraries come with the extra, and take most of a second to load.
    from .server import serve as run
    from .settings import Settings

    settings = Settings(
        host=host,
        port=port,
        data=data,
        projects=projects,
        ready_file=ready_file,
        allow_remote=allow_remote,
        strict_admin=strict_admin,
        sparse_manifests=sparse_manifests,
        create_on_push=create_on_push,
    )
    context.exit(run(settings))
