"""gcr-emulator env: prints the variables that lead Google's clients to the emulator."""

from pathlib import Path

import click

from docker_credential_gcr.emulator.cli.options import with_ca
from docker_credential_gcr.emulator.client.environment import format_environment


def _quote_posix(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"


def _quote_fish(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _quote_powershell(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_SHELLS = {
    "posix": ("export {}={}", "unset {}", _quote_posix),
    "fish": ("set -gx {} {}", "set -e {}", _quote_fish),
    "powershell": ("$Env:{} = {}", "Remove-Item Env:{} -ErrorAction SilentlyContinue", _quote_powershell),
}


@click.command()
@click.option("--shell", type=click.Choice(list(_SHELLS)), default="posix", show_default=True)
@with_ca
def env(url: str, ca: Path | None, shell: str) -> None:
    """Print the variables that lead Google's clients to the emulator.

    \b
    eval "$(gcr-emulator env)"
    gcr-emulator env --shell fish | source
    gcr-emulator env --shell powershell | Out-String | Invoke-Expression
    """
    export, unset, quote = _SHELLS[shell]
    for name, value in format_environment(url, ca).items():
        click.echo(unset.format(name) if value is None else export.format(name, quote(value)))
