"""Alembic's environment script: runs the revisions in the transaction of the connection that it gets."""

from alembic import context

from docker_credential_gcr.emulator.runtime.failpoints import reach

# SQLite's DDL is transactional, although Alembic assumes it is not: the caller begins and commits.
context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=False,
    on_version_apply=lambda **_: reach("migration-step"),
)
context.run_migrations()
