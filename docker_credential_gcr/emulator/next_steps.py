"""The commands that come next: a project, a key and Docker's configuration; and after a refusal."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from .settings import DEFAULT_URL

_PROJECT = "my-project"
# How Google's text of a refusal begins, and what comes next; {} is the rest of the text.
_AFTER_REFUSALS = {
    "Project not found: ": "create it with gcr-emulator project create {}",
    "Unknown service account: ": "gcr-emulator account list prints those that exist",
    "Service account key not found": "gcr-emulator key list prints those that exist",
    "Failed to fetch ": "gcr-emulator image list prints the images that exist",
}
# A terminal has 80 columns; the commands are indented.
_WIDTH = 74
_ROLE = "roles/editor"


@dataclass(frozen=True)
class Start:
    """What the commands depend on: where the server is, and what it asks for.

    `ca` is its own certificate authority, None without; `token_file` is set where local programs need the
    operator token.
    """

    url: str
    is_open: bool = False
    ca: str | None = None
    token_file: str | None = None
    project: str | None = None


def list_next_steps(start: Start) -> list[str]:
    """The commands from a server to a push; each may hold several lines."""
    registry, project = start.url.partition("://")[2], start.project or _PROJECT
    steps = []
    options = _list_options(start)
    if start.ca is not None:
        steps.append(f'eval "$(gcr-emulator env --server {start.url} --ca {shlex.quote(start.ca)})"')
        steps.append("gcr-emulator trust | sudo sh")
    if start.project is None:
        steps.append(_wrap("gcr-emulator project create", [*options, project]))
    if start.is_open:
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
    """Returns the text of a refusal, with the command that comes next where there is one."""
    for beginning, step in _AFTER_REFUSALS.items():
        if refusal.startswith(beginning):
            return f"{refusal.removesuffix('.')}: {step.format(refusal.removeprefix(beginning))}"
    return refusal


def _list_options(start: Start) -> list[str]:
    """The options by which gcr-emulator finds the server, and may change it."""
    # `env` has said both where there is an authority.
    options = [] if start.ca is not None or start.url == DEFAULT_URL else [f"--server {start.url}"]
    return (
        options if start.token_file is None else [*options, f"--token-file {shlex.quote(start.token_file)}"]
    )


def _wrap(command: str, options: Iterable[str]) -> str:
    """The command in lines of a terminal's width, as a shell reads them."""
    lines = [command]
    for option in options:
        if len(lines[-1]) + 1 + len(option) + len(" \\") > _WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {option}"
    return "\n".join(lines)
