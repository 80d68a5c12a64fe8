"""The command `completion`: print the completion script of a shell."""

import click

from docker_credential_gcr.commands.completion_script import SHELLS, format_script
from docker_credential_gcr.helper import PROGRAM

from .registry_names import COMPLETE


@click.command
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete commands, options and registries.

    \b
    Examples:
      docker-credential-gcr completion bash \\
        > ~/.local/share/bash-completion/completions/docker-credential-gcr
      docker-credential-gcr completion zsh \\
        > "${fpath[1]}/_docker-credential-gcr"
      docker-credential-gcr completion fish \\
        > ~/.config/fish/completions/docker-credential-gcr.fish
      docker-credential-gcr completion powershell |
        Out-String | Invoke-Expression
    """
    click.echo(format_script(context, shell, PROGRAM, COMPLETE))
