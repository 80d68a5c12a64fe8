"""Progress of maintenance: a bar with the step, its parts and the time on a terminal, else a line (D19)."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.sqlite_files import ask, find_piece
from support.terminals import remove_escapes, run_at_terminal

from docker_credential_gcr.emulator.cli.listing import format_size
from docker_credential_gcr.emulator.maintenance.fsck import check
from docker_credential_gcr.emulator.maintenance.rebuild import rebuild

Run = Callable[..., tuple[int, str, str]]
PROGRAM = (sys.executable, "-m", "docker_credential_gcr.emulator.cli.main")
WIDTHS = [80, 120]
COMMANDS = {
    "fsck": ("fsck",),
    "rebuild": ("rebuild",),
    "gc": ("gc", "--older-than", "0"),
    "gc --dry-run": ("gc", "--dry-run"),
}
# The first word of every step, in order.
STEPS = {
    "fsck": ["database", "blobs", "files", "uploads", "manifests"],
    "rebuild": ["old database", "rows", "blobs", "files without a row"],
    "gc": ["files", "uploads", "links", "blobs"],
    "gc --dry-run": ["files", "uploads", "links", "blobs"],
}


class Told:
    """Records each step, and the sum of its parts."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int | None, str, int]] = []

    def begin(self, what: str, total: int | None = None, unit: str = "") -> None:
        self.steps.append((what, total, unit, 0))

    def advance(self, count: int = 1) -> None:
        *step, done = self.steps[-1]
        self.steps[-1] = (*step, done + count)  # type: ignore[assignment]


def measure_blobs(data: Path) -> int:
    ((size,),) = ask(data / "emulator.db", "SELECT sum(size) FROM blobs")
    return int(size)


@pytest.mark.parametrize("quick", [False, True])
def test_d19_check_counts_every_part_and_every_byte(stopped: Path, quick: bool) -> None:
    told, size = Told(), measure_blobs(stopped)

    assert list(check(stopped, quick=quick, progress=told)) == []

    assert [step for step in told.steps if step[0] == "blobs"] == [("blobs", size, "bytes", size)]
    counted = [step for step in told.steps if step[1] is not None]
    assert [what for what, *_ in counted] == ["blobs", "files", "uploads", "manifests"]
    assert [step for step in counted if step[1] != step[3]] == []


def test_d19_blob_whose_bytes_are_gone_leaves_the_rest_to_count(
    stopped: Path, digests: dict[str, str]
) -> None:
    told, size = Told(), measure_blobs(stopped)
    path = find_piece(stopped, digests["large"])
    lost = path.stat().st_size
    path.unlink()

    assert len(list(check(stopped, progress=told))) == 1

    assert ("blobs", size, "bytes", size - lost) in told.steps


def test_d19_rebuild_counts_every_byte(stopped: Path) -> None:
    told, size = Told(), measure_blobs(stopped)

    rebuild(stopped, source=None, now=1_800_000_000, progress=told)

    assert [what for what, *_ in told.steps] == STEPS["rebuild"]
    assert ("blobs", size, "bytes", size) in told.steps


def find_widest(text: str) -> int:
    """Returns the length of the longest line with a bar."""
    return max(len(line) for line in re.split(r"[\r\n]+", remove_escapes(text)) if "━" in line)


@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("name", COMMANDS)
def test_d19_terminal_shows_what_and_how_much_of_how_much_and_how_long(
    stopped: Path, name: str, columns: int
) -> None:
    size = format_size(measure_blobs(stopped))

    status, written = run_at_terminal((*PROGRAM, *COMMANDS[name], "--data", str(stopped)), columns)

    shown = remove_escapes(written)
    assert status == 0
    places = [shown.find(f"{what} ") for what in STEPS[name]]
    assert (min(places) >= 0, places) == (True, sorted(places))
    assert re.search(r"\d:\d\d:\d\d", shown)
    if name in ("fsck", "rebuild"):
        assert f"0 B of {size}" in shown
    assert find_widest(written) <= columns


def test_d19_findings_stand_whole_above_the_progress(stopped: Path, run: Run) -> None:
    for path in stopped.glob("pieces/*/*"):
        path.unlink()
    expected = run("fsck", "--data", stopped)

    status, written = run_at_terminal((*PROGRAM, "fsck", "--data", str(stopped)), 80)

    lines = remove_escapes(written).replace("\r", "\n").splitlines()
    assert status == expected[0] == 1
    assert [line for line in (expected[1] + expected[2]).splitlines() if line not in lines] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_d19_elsewhere_there_is_no_progress_and_one_plain_line_at_the_end(
    stopped: Path, run: Run, name: str
) -> None:
    code, _, err = run(*COMMANDS[name], "--data", stopped)

    last = {
        "fsck": f"{stopped} is sound",
        "rebuild": f"built from {stopped}/emulator.db.damaged",
        "gc": r"freed \S+ (B|[KMG]iB)",
        "gc --dry-run": r"would free \S+ (B|[KMG]iB); nothing was removed: leave out --dry-run to remove it",
    }
    assert (code, "\x1b" in err, "\r" in err) == (0, False, False)
    assert re.fullmatch(f"{last[name]}\n", err)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (73_400_320, "70.0 MiB"),
        (5 * 1024**4, "5.0 TiB"),
        (5000 * 1024**4, "5000.0 TiB"),
    ],
)
def test_d19_sizes_have_units(size: int, text: str) -> None:
    assert format_size(size) == text
