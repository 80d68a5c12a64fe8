"""Findings of fsck: their kinds, the remedy of each kind, and how one is printed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_RESTORE = "restore or push the bytes again, or leave them out with {rebuild}"
# kind -> (description, remedy)
KINDS = {
    "damaged-database": (
        "SQLite cannot read a part of the database, an index is wrong, or it is not the directory's",
        "{rebuild}",
    ),
    "other-revision": (
        "another version of gcr-emulator created the database",
        "{gc} migrates an older one; for a newer one use the gcr-emulator that created it",
    ),
    "dangling-row": ("a row refers to a missing row", "{rebuild}"),
    "astray-row": ("a row refers into another repository or bucket than its own", "{rebuild}"),
    "missing-bytes": ("a row without its bytes", _RESTORE),
    "wrong-size": ("bytes of another size than their row says", _RESTORE),
    "wrong-digest": (
        "bytes with another digest than their row says",
        "restore the bytes, or leave them out with {rebuild} and push them again",
    ),
    "rowless-bytes": (
        "a file of a blob or an upload that no row names: a loss of power may leave one",
        "{gc}, 24 hours after the file was written",
    ),
    "doomed-bytes": ("a file that a row names and a collection would remove", "{rebuild}"),
    "lost-upload": ("an upload without its bytes", "{gc}"),
    "stray-file": ("a file that belongs to no blob", "remove it by hand"),
    "unreadable-manifest": ("a manifest with a document that no push would accept", "delete it"),
    "wrong-references": ("the rows of what a manifest names differ from its document", "{rebuild}"),
    "incomplete-manifest": ("a manifest with references that its repository lacks", "push it again"),
}

_RESTORE_SHARED = "restore the object, or delete the blob and push it again"
_RESTORE_DATABASE = "restore the database"
# kind -> remedy, for a database that several servers share, which has no `rebuild`
SHARED_REMEDIES = {
    "astray-row": _RESTORE_DATABASE,
    "missing-bytes": _RESTORE_SHARED,
    "wrong-size": _RESTORE_SHARED,
    "wrong-digest": _RESTORE_SHARED,
    "rowless-bytes": "delete the object, if no back-up of the database will be restored that may name it",
    "doomed-bytes": "serve with --gc-interval 0, and delete its row in the table doomed",
    "lost-upload": "nothing: it ends 24 hours after its start",
    "stray-file": "delete it, or move it out of the folder",
    "unreadable-manifest": "delete it",
    "wrong-references": "delete the manifest, and push it again",
    "incomplete-manifest": "push it again",
}


@dataclass(frozen=True)
class Finding:
    """A fault: its kind, its subject, and what is wrong."""

    kind: str
    subject: str
    text: str

    def __str__(self) -> str:
        """Returns one line, whatever characters the names have."""
        return escape_controls(f"{self.kind} {self.subject}: {self.text}")


def escape_controls(text: str) -> str:
    r"""Returns the text in one line: \n for a newline, and an escape for each unprintable character."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def drop_repeated(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yields each finding once, as soon as it is found."""
    # SQLite repeats faults, and several checks may find the same unreadable page.
    seen = set()
    for finding in findings:
        if finding not in seen:
            seen.add(finding)
            yield finding


def list_remedies(findings: Iterable[Finding], remedies: Mapping[str, str]) -> Iterator[str]:
    """Yields a line for each remedy, with the kinds that it is for."""
    found = {finding.kind for finding in findings}
    kinds: dict[str, list[str]] = {}
    for kind, remedy in remedies.items():
        if kind in found:
            kinds.setdefault(remedy, []).append(kind)
    for remedy, names in kinds.items():
        yield f"for {', '.join(names)}: {remedy}"


def name_commands(commands: Mapping[str, str]) -> dict[str, str]:
    """Returns the remedies for a data directory; `commands` are the command lines of gc and rebuild."""
    return {kind: remedy.format(**commands) for kind, (_, remedy) in KINDS.items()}
