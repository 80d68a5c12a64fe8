"""Findings of a check: their kinds, what mends each kind, and how one is printed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_RESTORE = "restore or push the bytes again, or leave them out with {rebuild}"
# Each kind of finding: what it is, and what mends it.
KINDS = {
    "damaged-database": (
        "SQLite cannot read a part of the database, an index is wrong, or it is not the directory's",
        "{rebuild}",
    ),
    "other-revision": (
        "another version of gcr-emulator made the database",
        "{gc} migrates an older one; for a newer one use the gcr-emulator that made it",
    ),
    "dangling-row": ("a row points at one that is not there", "{rebuild}"),
    "astray-row": ("a row points into another repository or bucket than its own", "{rebuild}"),
    "missing-bytes": ("a row without its bytes", _RESTORE),
    "wrong-size": ("bytes of another length than their row says", _RESTORE),
    "wrong-digest": (
        "bytes that are not those of their digest",
        "restore the bytes, or leave them out with {rebuild} and push them again",
    ),
    "rowless-bytes": (
        "a file with the bytes of a blob or an upload that no row names, as a loss of power leaves it",
        "{gc}, 24 hours after the file was written",
    ),
    "doomed-bytes": ("a file that a row names and a collection would remove", "{rebuild}"),
    "lost-upload": ("an upload without its bytes", "{gc}"),
    "stray-file": ("a file that belongs to no blob", "remove it by hand"),
    "unreadable-manifest": ("a manifest with a document that no push would take", "delete it"),
    "wrong-references": ("the rows of what a manifest names differ from its document", "{rebuild}"),
    "incomplete-manifest": ("a manifest of which something is not in its repository", "push it again"),
}


@dataclass(frozen=True)
class Finding:
    """One fault: its kind, what it is about, and what is wrong."""

    kind: str
    subject: str
    text: str

    def __str__(self) -> str:
        """One line, whatever characters the names hold."""
        return escape_controls(f"{self.kind} {self.subject}: {self.text}")


def escape_controls(text: str) -> str:
    r"""The text on one line: \n for a newline, and so on for all that a terminal would not show."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def list_remedies(findings: Iterable[Finding], commands: dict[str, str]) -> Iterator[str]:
    """A line for each thing to do about the findings; `commands` are how gc and rebuild are called."""
    found = {finding.kind for finding in findings}
    kinds: dict[str, list[str]] = {}
    for kind, (_, remedy) in KINDS.items():
        if kind in found:
            kinds.setdefault(remedy, []).append(kind)
    for remedy, names in kinds.items():
        yield f"for {', '.join(names)}: {remedy.format(**commands)}"
