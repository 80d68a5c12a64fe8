"""What a check can find, by name."""

from dataclasses import dataclass

# Each kind of finding, and what can be done about it.
KINDS = {
    "damaged-database": "SQLite cannot read a part of the database, or an index is wrong: rebuild",
    "dangling-row": "a row points at one that is not there: rebuild",
    "astray-row": "a row points into another repository or bucket than its own: rebuild",
    "missing-bytes": "a row whose bytes are not there: restore the file, push the blob again, or rebuild",
    "wrong-size": "bytes of another length than their row says: as missing-bytes",
    "wrong-digest": "bytes that are not those of their digest: as missing-bytes",
    "rowless-bytes": "a blob's file that no row knows, as a crash leaves it: gc removes it",
    "lost-upload": "an upload without its bytes, as a crash at its end leaves it: gc ends it",
    "stray-file": "a file that is nobody's: remove it by hand",
    "unreadable-manifest": "a manifest whose document no push would take: delete it",
    "wrong-references": "the rows that say what a manifest names are not what it names: rebuild",
    "incomplete-manifest": "a manifest of which something is not in its repository: push it again",
}


@dataclass(frozen=True)
class Finding:
    """One fault: its kind, what it is about, and what is wrong."""

    kind: str
    subject: str
    text: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.kind} {self.subject}: {self.text}"
