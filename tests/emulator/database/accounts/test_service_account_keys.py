"""Service account keys are stored by their public half; disabling or deleting one has effect at once."""

import pytest
from support.database_reads import reading

from docker_credential_gcr.emulator.database.accounts import service_account_keys as keys
from docker_credential_gcr.emulator.database.accounts import service_accounts
from docker_credential_gcr.emulator.database.accounts.service_account_keys import StoredKey
from docker_credential_gcr.emulator.database.accounts.service_accounts import ServiceAccount
from docker_credential_gcr.emulator.database.engine.database import Database
from docker_credential_gcr.emulator.database.errors import AlreadyExists
from docker_credential_gcr.emulator.database.projects import projects
from docker_credential_gcr.emulator.identity.assertions import RegisteredKey
from docker_credential_gcr.emulator.identity.keys.service_account_keys import NEVER

EMAIL = "ci@my-project.iam.gserviceaccount.com"
ONE, TWO = "f" * 40, "0" * 40


def make_account(database: Database) -> ServiceAccount:
    project = database.write_now(lambda c: projects.create(c, "my-project", name="", now=1))
    return database.write_now(lambda c: service_accounts.create(c, project, "ci", display_name="", now=1))


def test_a_key_is_found_by_its_id_and_listed_by_age(database: Database) -> None:
    account = make_account(database)
    one = RegisteredKey(ONE, EMAIL, "my-project", "public 1", NEVER, 7)
    two = RegisteredKey(TWO, EMAIL, "my-project", "public 2", 99, 7)

    made = [
        database.write_now(lambda c: keys.add(c, account, ONE, "public 1", now=7.5)),
        database.write_now(
            lambda c: keys.add(c, account, TWO, "public 2", now=7.5, expires_at=99, uploaded=True)
        ),
    ]

    assert made == [StoredKey(one), StoredKey(two, uploaded=True)]
    with reading(database) as connection:
        assert keys.find(connection, ONE) == one
        assert keys.find_stored(connection, TWO) == StoredKey(two, uploaded=True)
        assert keys.list_of(connection, account) == made
        assert (keys.find(connection, "unknown"), keys.find_stored(connection, "unknown")) == (None, None)


def test_a_key_is_registered_once(database: Database) -> None:
    account = make_account(database)
    database.write_now(lambda c: keys.add(c, account, ONE, "public", now=1))

    with pytest.raises(AlreadyExists):
        database.write_now(lambda c: keys.add(c, account, ONE, "public", now=1))


def test_a_disabled_key_is_kept_and_opens_nothing(database: Database) -> None:
    account = make_account(database)
    kept = database.write_now(lambda c: keys.add(c, account, ONE, "public", now=1))

    database.write_now(lambda c: keys.set_disabled(c, ONE, disabled=True))
    with reading(database) as connection:
        assert keys.find(connection, ONE) is None
        assert keys.find_stored(connection, ONE) == StoredKey(kept.key, disabled=True)

    database.write_now(lambda c: keys.set_disabled(c, ONE, disabled=False))
    with reading(database) as connection:
        assert keys.find(connection, ONE) == kept.key


def test_the_keys_of_a_disabled_account_open_nothing(database: Database) -> None:
    account = make_account(database)
    kept = database.write_now(lambda c: keys.add(c, account, ONE, "public", now=1))

    database.write_now(lambda c: service_accounts.set_disabled(c, EMAIL, disabled=True))

    with reading(database) as connection:
        assert keys.find(connection, ONE) is None
        assert keys.find_stored(connection, ONE) == kept


def test_a_removed_key_is_gone(database: Database) -> None:
    account = make_account(database)
    database.write_now(lambda c: keys.add(c, account, ONE, "public", now=1))

    database.write_now(lambda c: keys.remove(c, ONE))

    with reading(database) as connection:
        assert keys.find_stored(connection, ONE) is None
