"""gcr-emulator completion: prints the script that makes a shell complete commands and options."""

import os

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class

_PROGRAM, _VARIABLE = "gcr-emulator", "_GCR_EMULATOR_COMPLETE"


@add_completion_class
class PowerShellComplete(ShellComplete):
    """PowerShell, which click lacks: a line for each suggestion, its help after a tab."""

    name = "powershell"
    source_template = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition })
    $env:COMP_WORDS = ($before | ForEach-Object { $_.Extent.Text }) -join "`n"
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
        """The words before the cursor without the program, and the one that is begun."""
        return os.environ.get("COMP_WORDS", "").splitlines()[1:], os.environ.get("COMP_LAST", "")

    def format_completion(self, item: CompletionItem) -> str:
        """The suggestion, and its help."""
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes a shell complete commands and options.

    \b
    eval "$(gcr-emulator completion bash)"
    gcr-emulator completion zsh > "${fpath[1]}/_gcr-emulator"
    gcr-emulator completion fish > ~/.config/fish/completions/gcr-emulator.fish
    gcr-emulator completion powershell | Out-String | Invoke-Expression
    """
    shell_class = get_completion_class(shell)
    assert shell_class is not None  # noqa: S101 - for the type checker: the choice names them
    source = shell_class(context.find_root().command, {}, _PROGRAM, _VARIABLE)
    click.echo(source.source_template % source.source_vars())
