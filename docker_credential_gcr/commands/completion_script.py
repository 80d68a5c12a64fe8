"""Completion scripts of shells, with PowerShell, which click lacks."""

import os

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class, get_completion_class

SHELLS = ("bash", "zsh", "fish", "powershell")


@add_completion_class
class PowerShellComplete(ShellComplete):
    """Completion in PowerShell: a line for each suggestion, its help after a tab."""

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
        """Returns the words before the cursor, without the program, and the word at the cursor."""
        return os.environ.get("COMP_WORDS", "").splitlines()[1:], os.environ.get("COMP_LAST", "")

    def format_completion(self, item: CompletionItem) -> str:
        """Returns the line of a suggestion."""
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


def format_script(context: click.Context, shell: str, program: str, variable: str) -> str:
    """Returns a shell's script, which runs the program with the variable to ask for completions."""
    shell_class = get_completion_class(shell)
    assert shell_class is not None  # noqa: S101 - for the type checker: SHELLS names them
    source = shell_class(context.find_root().command, {}, program, variable)
    return str(source.source_template % source.source_vars())
