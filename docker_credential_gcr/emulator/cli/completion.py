"""gcr-emulator completion: prints a script for completion in a shell."""

import click

from docker_credential_gcr.commands.completion_script import SHELLS, format_script


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    eval "$(gcr-emulator completion bash)"
    gcr-emulator completion zsh > "${fpath[1]}/_gcr-emulator"
    gcr-emulator completion fish > ~/.config/fish/completions/gcr-emulator.fish
    gcr-emulator completion powershell | Out-String | Invoke-Expression
    """
    click.echo(format_script(context, shell, "gcr-emulator", "_GCR_EMULATOR_COMPLETE"))
