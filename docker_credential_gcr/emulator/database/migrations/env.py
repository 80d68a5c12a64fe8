"""What Alembic runs to migrate: every revision in the transaction of the connection that it is handed."""

from alembic import context

from docker_credential_gcr.emulator.runtime.failpoints import reach

# SQLite's DDL is transactional, Alembic's idea of it is not: the caller begins and commits.
context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=False,
    on_version_apply=lambda **_: reach("migration-step"),
)
context.run_migrations()
