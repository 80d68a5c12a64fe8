"""Progress of gc, fsck and rebuild on a terminal: the step, how much of it is done, the time."""

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from docker_credential_gcr.emulator.cli.listing import format_size
from docker_credential_gcr.emulator.maintenance.progress import BYTES, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_BAR_WIDTH = 16


class TerminalProgress(Progress):
    """A line at the bottom of the terminal, which disappears at the end."""

    def __init__(self, bar: "Bar") -> None:
        self._bar = bar
        self._unit = ""
        self._done = 0
        self._total: int | None = None
        self._task = bar.add_task("", amount="", total=None, visible=False)

    def begin(self, what: str, total: int | None = None, unit: str = "") -> None:
        """Shows the beginning of a step."""
        self._unit, self._total, self._done = unit, total, 0
        self._bar.reset(self._task, total=total, description=what, amount=self._format(), visible=True)
        self._bar.refresh()

    def advance(self, count: int = 1) -> None:
        """Shows that more of the step is done."""
        self._done += count
        self._bar.update(self._task, advance=count, amount=self._format())

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Hides the line while the block writes to the terminal."""
        self._bar.stop()
        yield
        self._bar.start()

    def _format(self) -> str:
        done, total = self._done, self._total
        if self._unit == BYTES:
            return format_size(done) if total is None else f"{format_size(done)} of {format_size(total)}"
        if total is None:
            return str(done) if done else ""
        return f"{done} of {total}"


class NoTerminal(Progress):
    """Shows nothing, because stderr is not a terminal."""

    @contextlib.contextmanager
    def hidden(self) -> Iterator[None]:
        """Does nothing."""
        yield


@contextlib.contextmanager
def show_progress() -> Iterator[TerminalProgress | NoTerminal]:
    """Yields what shows the progress: a terminal's line, or nothing."""
    if not sys.stderr.isatty():
        yield NoTerminal()
        return
    # 60 ms, only at a terminal.
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=_BAR_WIDTH),
        progress.TextColumn("{task.fields[amount]}"),
        progress.TimeElapsedColumn(),
    )
    # Without redirection, results go to stdout unchanged, and not to the terminal of stderr.
    with progress.Progress(
        *columns,
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as bar:
        yield TerminalProgress(bar)


def echo_above(progress: TerminalProgress | NoTerminal, text: str) -> None:
    """Prints a line of results on stdout, above the progress if both are on one terminal."""
    with progress.hidden() if sys.stdout.isatty() else contextlib.nullcontext():
        click.echo(text)
