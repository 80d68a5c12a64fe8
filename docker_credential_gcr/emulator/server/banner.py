"""Start banner: what a user at a terminal reads when the server is ready."""

from collections.abc import Sequence

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator.next_steps import ServerAccess, list_next_steps
from docker_credential_gcr.emulator.settings import Settings

from .ready_document import ReadyDocument

_MAX_PROJECTS = 5
_TEMPORARY = "temporary, deleted when the server stops: --data DIRECTORY keeps it"


def format_banner(ready: ReadyDocument, settings: Settings, projects: Sequence[str]) -> str:
    """Returns the server's address, its projects and data, how to stop it, and the next commands."""
    scheme = "https" if ready.ca else "http"
    clients = {"clients": settings.external_url} if settings.external_url else {}
    facts = {
        **clients,
        "projects": _format_projects(projects),
        "data": _describe_data(ready, settings),
        **{host: f"{scheme}://{address}" for host, address in ready.sites.items()},
        "stop": "Ctrl-C",
    }
    width = max(map(len, facts))
    steps = list_next_steps(_find_access(ready, settings, projects))
    return "\n".join(
        [
            f"gcr-emulator {__version__} at {ready.url}",
            "",
            *(f"  {name:<{width}}  {text}" for name, text in facts.items()),
            "",
            "Next, in another terminal:",
            "",
            *(f"  {line}" for step in steps for line in step.split("\n")),
            "",
            "Requests:",
            "",
        ]
    )


def _describe_data(ready: ReadyDocument, settings: Settings) -> str:
    if settings.database is not None:
        return "in the database, " + (settings.storage or f"and bytes in {ready.data}")
    return ready.data if settings.data else _TEMPORARY


def _find_access(ready: ReadyDocument, settings: Settings, projects: Sequence[str]) -> ServerAccess:
    return ServerAccess(
        settings.external_url or ready.url,
        is_open=settings.open or settings.open_remote,
        # A load balancer has a certificate of its own.
        ca=None if settings.external_url else ready.ca,
        token_file=ready.operator_token_file if settings.requires_token else None,
        project=projects[0] if projects else None,
    )


def _format_projects(projects: Sequence[str]) -> str:
    more = len(projects) - _MAX_PROJECTS
    return (", ".join(projects[:_MAX_PROJECTS]) or "none") + (f" and {more} more" if more > 0 else "")
