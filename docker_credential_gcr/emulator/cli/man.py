"""gcr-emulator man: prints manual pages, which are built from the help of the commands."""

from pathlib import Path

import click

from docker_credential_gcr.commands.argument_checks import format_unknown_command
from docker_credential_gcr.commands.manual import format_pages

_PROGRAM = "gcr-emulator"
_EXIT_STATUS = "0 done, 1 failed, 2 usage, 130 interrupted"


@click.command()
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="DIR", help="Write all pages into this directory."
)
@click.pass_context
def man(context: click.Context, words: tuple[str, ...], output: Path | None) -> None:
    """Print the manual page of the program or of a COMMAND, or write all pages.

    \b
    gcr-emulator man image list | man -l -
    gcr-emulator man --output ~/.local/share/man/man1
    """
    pages = dict(format_pages(context.find_root(), _EXIT_STATUS))
    if output is None:
        name = "-".join((_PROGRAM, *words))
        if name not in pages:
            known = [page.replace("-", " ").partition("emulator ")[2] for page in pages]
            raise click.UsageError(format_unknown_command(" ".join(words), known))
        click.echo(pages[name], nl=False)
        return
    output.mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        (output / f"{name}.1").write_text(page, "utf-8")
    click.echo(f"{output}: {len(pages)} pages", err=True)
