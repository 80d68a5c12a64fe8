"""Keys are registered by their public half, and forgotten at once."""

from pathlib import Path

from docker_credential_gcr.emulator.identity.assertions import RegisteredKey
from docker_credential_gcr.emulator.identity.service_account_keys import NEVER, ServiceAccountKey
from docker_credential_gcr.emulator.records import keys, projects, service_accounts
from docker_credential_gcr.emulator.records.database import Database
from docker_credential_gcr.emulator.records.service_accounts import ServiceAccount

EMAIL = "ci@my-project.iam.gserviceaccount.com"
ONE = ServiceAccountKey("f" * 40, "private", "public 1")
TWO = ServiceAccountKey("0" * 40, "private", "public 2")


def make_account(database: Database) -> ServiceAccount:
    project = database.write_now(lambda c: projects.create(c, "my-project", name="", now=1))
    return database.write_now(lambda c: service_accounts.create(c, project, "ci", display_name="", now=1))


def test_a_key_is_found_by_its_id_and_listed_by_age(tmp_path: Path) -> None:
    database = Database(tmp_path / "emulator.db")
    account = make_account(database)
    for key in (ONE, TWO):
        database.write_now(lambda c, key=key: keys.add(c, account, key, now=7.5))

    one = RegisteredKey("f" * 40, EMAIL, "my-project", "public 1", NEVER, 7)
    two = RegisteredKey("0" * 40, EMAIL, "my-project", "public 2", NEVER, 7)
    with database.read() as connection:
        assert keys.find(connection, "f" * 40) == one
        assert keys.list_of(connection, account) == [one, two]
        assert keys.find(connection, "unknown") is None
    database.close()


def test_a_removed_key_is_gone(tmp_path: Path) -> None:
    database = Database(tmp_path / "emulator.db")
    account = make_account(database)
    database.write_now(lambda c: keys.add(c, account, ONE, now=1))

    database.write_now(lambda c: keys.remove(c, ONE.key_id))

    with database.read() as connection:
        assert keys.find(connection, ONE.key_id) is None
    database.close()
