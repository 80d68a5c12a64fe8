"""Checks of the database itself: SQLite's own, and whether its rows agree with each other."""

from collections.abc import Iterator, Set

from docker_credential_gcr.emulator.database.engine.sqlite_file import Row, list_dangling, list_faults
from docker_credential_gcr.emulator.oci.digest import digest_bytes, parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest, InvalidManifest
from docker_credential_gcr.emulator.oci.manifest import Manifest, parse_stored_manifest

from .context import CheckContext
from .findings import Finding

# Each statement selects wrong references between rows: (subject, text).
_ASTRAY = (
    "SELECT 'tag ' || t.tag, 'it names a manifest of another repository' FROM tags t "
    "JOIN manifests m ON m.id = t.manifest WHERE m.repository != t.repository",
    "SELECT 'link of ' || r.name, 'it leads to ' || b.digest || ' of another bucket' FROM blob_links l "
    "JOIN repositories r ON r.id = l.repository JOIN blobs b ON b.id = l.blob WHERE b.bucket != r.bucket",
    "SELECT 'reference of ' || m.digest, 'it is entered under another repository' FROM manifest_blobs n "
    "JOIN manifests m ON m.id = n.manifest WHERE m.repository != n.repository",
    "SELECT 'referrer ' || m.digest, 'it is entered under another repository' FROM referrers n "
    "JOIN manifests m ON m.id = n.manifest WHERE m.repository != n.repository",
)
_MANIFESTS = (
    "SELECT m.id, m.repository, m.digest, m.media_type, CAST(m.data AS BLOB) AS data, r.name "
    "FROM manifests m JOIN repositories r ON r.id = m.repository"
)
_NAMED = {
    "blobs": "SELECT digest FROM manifest_blobs WHERE manifest = ?",
    "children": "SELECT digest FROM manifest_children WHERE parent = ?",
    "subject": "SELECT subject FROM referrers WHERE manifest = ?",
}
_HAS_BLOB = (
    "SELECT 1 FROM blob_links JOIN blobs ON blobs.id = blob_links.blob "
    "WHERE blob_links.repository = ? AND blobs.digest = ?"
)
_HAS_MANIFEST = "SELECT 1 FROM manifests WHERE repository = ? AND digest = ?"


def check_database(context: CheckContext) -> Iterator[Finding]:
    """Yields the faults that SQLite finds, and rows that refer to a missing row."""
    context.progress.begin("database")
    for fault in list_faults(context.connection, quick=context.quick):
        yield Finding("damaged-database", "emulator.db", fault)
    for table, row_id, parent in list_dangling(context.connection):
        subject = table if row_id is None else f"{table} {row_id}"
        yield Finding("dangling-row", subject, f"what it points at is not in {parent}")


def check_containment(context: CheckContext) -> Iterator[Finding]:
    """Yields rows that refer into another repository or bucket than their own."""
    for statement in _ASTRAY:
        for subject, text in context.connection.execute(statement):
            yield Finding("astray-row", subject, text)


def check_manifests(context: CheckContext) -> Iterator[Finding]:
    """Yields manifests with a wrong digest, wrong rows of references, or missing references."""
    for row in context.rows("manifests", _MANIFESTS):
        subject = f"{row['name']}@{row['digest']}"
        try:
            algorithm, _ = split_digest(parse_digest(row["digest"]))
        except InvalidDigest as error:
            yield Finding("wrong-digest", subject, str(error))
            continue
        actual = digest_bytes(row["data"], algorithm)
        if actual != row["digest"]:
            yield Finding("wrong-digest", subject, f"the document is {actual}")
            continue
        try:
            manifest = parse_stored_manifest(row["data"], row["media_type"])
        except InvalidManifest as error:
            yield Finding("unreadable-manifest", subject, str(error))
            continue
        for kind, text in _check_references(context, row, manifest):
            yield Finding(kind, subject, text)


def _check_references(context: CheckContext, row: Row, manifest: Manifest) -> Iterator[tuple[str, str]]:
    references = manifest.list_references()
    for what, statement in _NAMED.items():
        named = getattr(references, what)
        known = {digest for (digest,) in context.connection.execute(statement, (row["id"],))}
        if known != named:
            yield "wrong-references", f"its {what} are {_join(named)}, the rows say {_join(known)}"
    if context.sparse:
        return
    # An index in Artifact Registry may name blobs.
    sought = ((references.required, (_HAS_BLOB,)), (references.children, (_HAS_MANIFEST, _HAS_BLOB)))
    for digests, statements in sought:
        for digest in sorted(digests):
            key = (row["repository"], digest)
            if not any(context.connection.execute(statement, key).fetchone() for statement in statements):
                yield "incomplete-manifest", f"it names {digest}, which its repository does not have"


def _join(digests: Set[str]) -> str:
    return ", ".join(sorted(digests)) or "none"
