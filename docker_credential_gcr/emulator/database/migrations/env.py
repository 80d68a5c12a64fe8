"""Alembic's environment script: runs the revisions in the transaction of the connection that it gets."""

from alembic import context

from docker_credential_gcr.emulator.runtime.failpoints import reach

connection = context.config.attributes["connection"]
# On PostgreSQL each revision is a transaction. SQLite's DDL is transactional, too, although Alembic assumes
# it is not: the caller begins and commits.
is_shared = connection.dialect.name == "postgresql"
context.configure(
    connection=connection,
    transactional_ddl=is_shared,
    transaction_per_migration=is_shared,
    on_version_apply=lambda **_: reach("migration-step"),
)
context.run_migrations()
