"""Rows of a rebuilt database: copied as far as they can be read, then made consistent."""

from collections.abc import Callable

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.engine.sqlite_file import Connection, Row, Unreadable, insert
from docker_credential_gcr.emulator.database.schema import control_state
from docker_credential_gcr.emulator.oci.digest import digest_bytes, parse_digest, split_digest
from docker_credential_gcr.emulator.oci.errors import InvalidDigest, InvalidManifest
from docker_credential_gcr.emulator.oci.manifest import format_referrer, parse_stored_manifest

from .salvage import Salvage

ReportLoss = Callable[[str], None]

# References are derived from the manifests; control state ends with the server; doomed keys are copied last;
# the keys of a data directory are files; a new database has the rest.
_NOT_COPIED = {
    schema.manifest_blobs,
    schema.manifest_children,
    schema.referrers,
    control_state.control,
    control_state.journal,
    schema.doomed,
    schema.keys,
    schema.alembic_version,
    schema.revisions,
    # Ids begin again: an event with a lost number of the other ones would never be admitted.
    schema.events,
    schema.watermarks,
    schema.leases,
}
# Before revision 0008 the bytes of a blob without `data` were a file under its digest.
_OLDER_PLACE = (
    "UPDATE blobs SET pieces = json_array(json_array("
    "'buckets/' || (SELECT name FROM buckets WHERE buckets.id = blobs.bucket) || '/containers/images/' "
    "|| substr(digest, 1, instr(digest, ':') - 1) || '/' || substr(digest, instr(digest, ':') + 1, 2) "
    "|| '/' || substr(digest, instr(digest, ':') + 1), size)) WHERE data IS NULL AND pieces IS NULL"
)
# Clients start lost uploads again. Uploads of a snapshot may have ended, and their pieces belong to a blob.
_TRANSIENT = {schema.uploads}
# Databases before these revisions lack the tables; the migration of Pub/Sub adds the topic of the registry.
_PUBSUB_REVISION = "0013"
_SINCE = {
    **dict.fromkeys([schema.topics, schema.subscriptions, schema.messages, schema.backlog], _PUBSUB_REVISION),
    schema.webhooks: "0014",
    schema.deliveries: "0014",
    schema.secrets: "0015",
    schema.secret_versions: "0015",
}
_ADD_TOPICS = (
    "INSERT INTO topics (project, topic_id, settings) SELECT id, 'gcr', '{}' FROM projects "
    "WHERE registry_kind = 'container-registry'"
)
# Parents before the rows that refer to them.
_COPIED = tuple(table for table in schema.metadata.sorted_tables if table not in _NOT_COPIED)
_ASTRAY = "which refer into another repository or bucket"
# Rows that refer to a missing or a wrong row: (table, condition, text).
_WRONG = (
    *(
        (table.name, f"{key.parent.name} NOT IN (SELECT id FROM {parent})", f"whose {parent} are lost")  # noqa: S608
        for table in _COPIED
        for key in table.foreign_keys
        for parent in [key.column.table.name]
    ),
    ("tags", "repository != (SELECT repository FROM manifests WHERE id = manifest)", _ASTRAY),
    (
        "blob_links",
        "(SELECT bucket FROM repositories WHERE id = repository) != "
        "(SELECT bucket FROM blobs WHERE id = blob)",
        _ASTRAY,
    ),
)


def copy_rows(salvage: Salvage, report_loss: ReportLoss) -> None:
    """Copies every row that can be read, except doomed keys."""
    revision = _find_revision(salvage.sources[0])
    for table in _COPIED:
        if revision < _SINCE.get(table, ""):
            continue
        is_transient = table in _TRANSIENT
        if not salvage.copy(table, complete=not is_transient) and not is_transient:
            report_loss(f"a part of the table {table.name} cannot be read")
    if revision < _PUBSUB_REVISION:
        salvage.new.execute(_ADD_TOPICS)
    salvage.new.execute(_OLDER_PLACE)


def _find_revision(source: Connection) -> str:
    """Returns the revision of a database; the present one if that cannot be read."""
    try:
        row = source.execute("SELECT version_num FROM alembic_version").fetchone()
    except Unreadable:
        row = None
    return schema.REVISION if row is None else str(row[0])


def drop_wrong_rows(new: Connection, report_loss: ReportLoss) -> None:
    """Deletes rows that refer to a lost row, or into another repository or bucket."""
    for table, condition, text in _WRONG:
        count = new.execute(f"DELETE FROM {table} WHERE {condition}").rowcount  # noqa: S608
        if count:
            report_loss(f"{count} of {table}, {text}")


def enter_references(new: Connection, report_loss: ReportLoss) -> None:
    """Adds the references of each manifest; deletes manifests that differ from what was pushed."""
    statement = (
        "SELECT id, repository, digest, media_type, CAST(data AS BLOB) AS data FROM manifests WHERE id = ?"
    )
    # One by one: together they may exceed the memory.
    for (manifest_id,) in new.execute("SELECT id FROM manifests").fetchall():
        row = new.execute(statement, (manifest_id,)).fetchone()
        try:
            algorithm, _ = split_digest(parse_digest(row["digest"]))
            if digest_bytes(row["data"], algorithm) != row["digest"]:
                raise InvalidManifest("its bytes have another digest")
            _enter(new, row)
        except (InvalidDigest, InvalidManifest) as error:
            report_loss(f"manifest {row['digest']}: {error}")
            new.execute("DELETE FROM tags WHERE manifest = ?", (row["id"],))
            new.execute("DELETE FROM manifests WHERE id = ?", (row["id"],))


def _enter(new: Connection, row: Row) -> None:
    manifest = parse_stored_manifest(row["data"], row["media_type"])
    references = manifest.list_references()
    of_manifest = {"manifest": row["id"], "repository": row["repository"]}
    for digest in references.blobs:
        insert(new, "manifest_blobs", {**of_manifest, "digest": digest})
    for digest in references.children:
        insert(new, "manifest_children", {"parent": row["id"], "digest": digest})
    for subject in references.subject:
        of_subject = {"subject": subject, "artifact_type": manifest.artifact_type, "digest": row["digest"]}
        descriptor = format_referrer(manifest, row["digest"], len(row["data"]))
        insert(new, "referrers", {**of_manifest, **of_subject, "descriptor": descriptor})
