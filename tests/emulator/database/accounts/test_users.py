"""Users, their logins and authorization codes: known users, the end of each, and no stored secret."""

import asyncio
import json
import tracemalloc

import pytest
from support.database_reads import reading

from docker_credential_gcr.emulator.database import schema
from docker_credential_gcr.emulator.database.accounts import authorization_codes, users
from docker_credential_gcr.emulator.database.accounts import refresh_tokens as logins
from docker_credential_gcr.emulator.database.accounts.authorization_codes import CodeGrant
from docker_credential_gcr.emulator.database.projects import policies
from docker_credential_gcr.emulator.database.schema import users as schema_people
from docker_credential_gcr.emulator.identity.policy import EMPTY, grant

NOW = 1_700_000_000
GRANT = CodeGrant("client", "http://localhost/", frozenset({"a", "b"}), "challenge", "S256", "nonce")


@pytest.fixture
def ada(database):
    return database.write_now(
        lambda connection: users.put(connection, "ada@example.com", name="Ada", now=NOW)
    )


def ask(database, find, *arguments, **options):
    with reading(database) as connection:
        return find(connection, *arguments, **options)


def count(database, table):
    with reading(database) as connection:
        return len(connection.execute(table.select()).all())


def test_z13_no_more_policies_are_read_than_a_page_shows_people(database):
    """Uses policies of one megabyte each."""
    rows = [
        {
            "resource": f"projects/p-{number}",
            "document": json.dumps({"members": [f"user:ada-{number}@example.com"], "more": "a" * 1_000_000}),
        }
        for number in range(9)
    ]
    database.write_now(lambda connection: connection.execute(schema.policies.insert(), rows))
    with reading(database) as connection:
        tracemalloc.start()
        try:
            known = users.list_known(connection, count=2)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert known == [("ada-0@example.com", ""), ("ada-1@example.com", "")]
    assert peak < 4_500_000


@pytest.mark.usefixtures("ada")
def test_known_are_those_who_were_made_and_those_whom_a_policy_names(database):
    members = [
        "user:grace@example.com",
        "user:ada@example.com",
        "user:operator@gcr-emulator.invalid",
        "user:x@y.iam.gserviceaccount.com",
        "serviceAccount:ci@my-project.iam.gserviceaccount.com",
        "group:team@example.com",
        "domain:example.com",
        "allUsers",
    ]
    policy = EMPTY
    for member in members:
        policy = grant(policy, "roles/viewer", member)
    database.write_now(lambda connection: policies.save(connection, "projects/p", policy))

    known = [("ada@example.com", "Ada"), ("grace@example.com", "")]
    assert ask(database, users.list_known, count=100) == known
    assert ask(database, users.list_known, count=1) == known[:1]
    known = ["ada@example.com", "grace@example.com", "eve@example.com", "operator@gcr-emulator.invalid"]
    assert [ask(database, users.is_known, email) for email in known] == [True, True, False, False]


def test_person_keeps_the_number_and_a_login_its_person(database, ada):
    again = database.write_now(lambda connection: users.put(connection, ada.email, now=NOW))
    login, refresh_token = database.write_now(
        lambda connection: logins.begin(connection, ada, "client", frozenset({"b", "a"}), now=NOW)
    )

    assert again == ada
    assert ask(database, logins.find, refresh_token) == login
    assert ask(database, logins.find_by_id, login.id) == login
    assert (login.user, login.client_id, login.oauth_scopes) == (ada, "client", {"a", "b"})
    assert ask(database, logins.find, refresh_token[:-1]) is None


def find_access_version(database):
    asyncio.run(database.refresh())
    return database.access_version()


def test_login_that_was_ended_is_gone_and_access_is_decided_again(database, ada):
    login, refresh_token = database.write_now(
        lambda connection: logins.begin(connection, ada, "client", frozenset(), now=NOW)
    )
    before = find_access_version(database)
    assert ask(database, logins.is_active, login.id)

    database.write_now(lambda connection: logins.end(connection, login.id))

    assert find_access_version(database) > before
    assert not ask(database, logins.is_active, login.id)
    assert ask(database, logins.find, refresh_token) is None


def test_code_says_what_was_allowed_until_it_expires(database, ada):
    code = database.write_now(lambda connection: authorization_codes.add(connection, ada, GRANT, now=NOW))

    found = ask(database, authorization_codes.find, code, now=NOW + 599)
    assert (found.user, found.grant, found.expires_at, found.login_id) == (ada, GRANT, NOW + 600, None)
    assert ask(database, authorization_codes.find, code, now=NOW + 600) is None


def test_expired_codes_are_forgotten_when_the_next_is_given_out(database, ada):
    for now in (NOW, NOW + 1, NOW + 600):
        database.write_now(
            lambda connection, now=now: authorization_codes.add(connection, ada, GRANT, now=now)
        )

    assert count(database, schema_people.authorization_codes) == 2


def test_what_a_person_has_goes_with_them(database, ada):
    database.write_now(lambda connection: authorization_codes.add(connection, ada, GRANT, now=NOW))
    database.write_now(lambda connection: logins.begin(connection, ada, "client", frozenset(), now=NOW))

    database.write_now(lambda connection: connection.execute(schema_people.users.delete()))

    tables = (schema_people.authorization_codes, schema_people.logins)
    assert [count(database, table) for table in tables] == [0, 0]
