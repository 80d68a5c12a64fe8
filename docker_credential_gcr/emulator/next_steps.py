"""Next steps: the commands that lead from a server to a push, and the command after a refusal."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from .settings import DEFAULT_URL

_PROJECT = "my-project"
# How a refusal in Google's words begins -> the next step; {} is the rest of the text.
_AFTER_REFUSALS = {
    "Project not found: ": "create it with gcr-emulator project create {}",
    "Unknown service account: ": "gcr-emulator account list prints those that exist",
    "Service account key not found": "gcr-emulator key list prints those that exist",
    "Failed to fetch ": "gcr-emulator image list prints the images that exist",
}
# For a terminal of 80 columns, with indented commands.
_WIDTH = 74
_ROLE = "roles/editor"


@dataclass(frozen=True)
class ServerAccess:
    """The URL of a server, and what clients need to use it.

    `ca` is the file of its own certificate authority, if any; `token_file` is set if local programs need the
    operator token.
    """

    url: str
    is_open: bool = False
    ca: str | None = None
    token_file: str | None = None
    project: str | None = None


def list_next_steps(access: ServerAccess) -> list[str]:
    """Returns the commands that lead from a server to a push; each may have several lines."""
    registry, project = access.url.partition("://")[2], access.project or _PROJECT
    steps = []
    options = _list_options(access)
    if access.ca is not None:
        steps.append(f'eval "$(gcr-emulator env --server {access.url} --ca {shlex.quote(access.ca)})"')
        steps.append("gcr-emulator trust | sudo sh")
    if access.project is None:
        steps.append(_wrap("gcr-emulator project create", [*options, project]))
    if access.is_open:
        image = f"{registry}/{project}/app:1"
        return [*steps, f"docker tag IMAGE {image}", f"docker push {image}"]
    key = [f"--project {project}", "--account ci", f"--role {_ROLE}", "--output key.json"]
    docker = [f"--registries {registry}", "--token-source file:key.json"]
    return [
        *steps,
        _wrap("gcr-emulator key create", [*options, *key]),
        _wrap("docker-credential-gcr configure-docker", docker),
    ]


def add_next_step(refusal: str) -> str:
    """Returns the text of a refusal, with the next command if there is one."""
    for beginning, step in _AFTER_REFUSALS.items():
        if refusal.startswith(beginning):
            return f"{refusal.removesuffix('.')}: {step.format(refusal.removeprefix(beginning))}"
    return refusal


def _list_options(access: ServerAccess) -> list[str]:
    """Returns the options with which gcr-emulator finds the server, and may change it."""
    # With an authority, the variables of `env` name the server.
    options = [] if access.ca is not None or access.url == DEFAULT_URL else [f"--server {access.url}"]
    return (
        options if access.token_file is None else [*options, f"--token-file {shlex.quote(access.token_file)}"]
    )


def _wrap(command: str, options: Iterable[str]) -> str:
    """Returns the command, continued with backslashes over lines of a terminal's width."""
    lines = [command]
    for option in options:
        if len(lines[-1]) + 1 + len(option) + len(" \\") > _WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {option}"
    return "\n".join(lines)
