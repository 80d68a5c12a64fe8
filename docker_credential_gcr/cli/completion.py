"""`completion`: the script that makes a shell complete this program's commands, options and registries."""

import os

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class

from docker_credential_gcr.cli.registry_names import COMPLETE
from docker_credential_gcr.helper import PROGRAM

SHELLS = ("bash", "zsh", "fish", "powershell")


@add_completion_class
class PowerShellComplete(ShellComplete):
    """PowerShell, which click does not know: a line for each suggestion, its help behind a tab."""

    name = "powershell"
    source_template = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition })
    $env:COMP_WORDS = ($words | ForEach-Object { $_.Extent.Text }) -join "`n"
    $env:COMP_LAST = $wordToComplete
    $env:%(complete_var)s = "powershell_complete"
    try {
        %(prog_name)s | ForEach-Object {
            $value, $help = $_ -split "`t", 2
            if (-not $help) { $help = $value }
            [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
        }
    } finally {
        Remove-Item Env:COMP_WORDS, Env:COMP_LAST, Env:%(complete_var)s -ErrorAction SilentlyContinue
    }
}
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor but for the program, and what is begun."""
        words = os.environ.get("COMP_WORDS", "").splitlines()
        return words[1:], os.environ.get("COMP_LAST", "")

    def format_completion(self, item: CompletionItem) -> str:
        """The suggestion, and its help."""
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


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
    shell_class = get_completion_class(shell)
    assert shell_class is not None  # noqa: S101 - for the type checker: the choice names them
    source = shell_class(context.find_root().command, {}, PROGRAM, COMPLETE)
    click.echo(source.source_template % source.source_vars())
