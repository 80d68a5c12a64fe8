"""The greeting: what a person at a terminal reads when the server answers."""

from collections.abc import Sequence

from docker_credential_gcr import __version__
from docker_credential_gcr.emulator.next_steps import Start, list_next_steps
from docker_credential_gcr.emulator.settings import Settings

from .ready import Ready

_SHOWN = 5
_TEMPORARY = "temporary, gone when the server stops: --data DIRECTORY keeps it"


def format_greeting(ready: Ready, settings: Settings, projects: Sequence[str]) -> str:
    """Where the server is, what it holds, how it ends, and the commands that come next."""
    facts = {
        "projects": _join(projects),
        "data": ready.data if settings.data else _TEMPORARY,
        **{host: f"http{'s' if ready.ca else ''}://{address}" for host, address in ready.sites.items()},
        "stop": "Ctrl-C",
    }
    width = max(map(len, facts))
    steps = [
        line for step in list_next_steps(_find_start(ready, settings, projects)) for line in step.split("\n")
    ]
    return "\n".join(
        [
            f"gcr-emulator {__version__} at {ready.url}",
            "",
            *(f"  {name:<{width}}  {text}" for name, text in facts.items()),
            "",
            "Next, in another terminal:",
            "",
            *(f"  {line}" for line in steps),
            "",
            "Requests:",
            "",
        ]
    )


def _find_start(ready: Ready, settings: Settings, projects: Sequence[str]) -> Start:
    demands_token = settings.strict_admin or settings.allow_remote
    return Start(
        ready.url,
        is_open=settings.open or settings.open_remote,
        ca=ready.ca,
        token_file=ready.operator_token_file if demands_token else None,
        project=projects[0] if projects else None,
    )


def _join(projects: Sequence[str]) -> str:
    more = len(projects) - _SHOWN
    return (", ".join(projects[:_SHOWN]) or "none") + (f" and {more} more" if more > 0 else "")
