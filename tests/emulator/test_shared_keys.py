"""Shared keys: all servers on one database have one set, from the database or from a directory."""

import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Barrier

import pytest
import requests
from cryptography import x509
from support.servers.postgresql import NEEDS

from docker_credential_gcr.emulator.data_directory import DataDirectory, DataDirectoryError
from docker_credential_gcr.emulator.database.accounts.key_table import KeyTable
from docker_credential_gcr.emulator.database.engine.sqlite import SqliteDatabase
from docker_credential_gcr.emulator.identity.tokens import Signer
from docker_credential_gcr.emulator.key_files import KeyDirectory
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.server.tls import load_identity
from docker_credential_gcr.emulator.settings import Settings
from docker_credential_gcr.emulator.shared_keys import open_key_directory, share_keys

NAMES = {"signing-key.pem", "issuer-key.pem", "id-token-key.pem", "operator-token"}
SERVERS = 8
FINGERPRINT = "the row 'signing-key.fingerprint' of the database's table keys"
SIGNING_KEY = "the row 'signing-key.pem' of the database's table keys"


@pytest.fixture
def table(tmp_path: Path) -> Iterator[KeyTable]:
    with closing(SqliteDatabase(tmp_path / "shared.db")) as database:
        yield KeyTable(database)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], DataDirectory]]:
    """Returns what creates the directory of one more server."""
    with ExitStack() as opened:
        numbers = iter(range(100))
        yield lambda: opened.enter_context(closing(DataDirectory(tmp_path / f"server-{next(numbers)}")))


def read(directory: DataDirectory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.keys_path.iterdir()}


def fill(path: Path, table: KeyTable, directory: DataDirectory) -> Path:
    """Returns a directory with the keys of a server that keeps them in the database."""
    share_keys(directory, table, None)
    path.mkdir(mode=0o700)
    for name, content in read(directory).items():
        (path / name).write_bytes(content)
        (path / name).chmod(0o600)
    return path


def test_servers_have_the_keys_of_the_database(table: KeyTable, start: Callable[[], DataDirectory]) -> None:
    first, second = start(), start()
    for directory in (first, second):
        assert share_keys(directory, table, None) is table
    assert read(first) == read(second) == {name: table.find(name) for name in NAMES}
    assert None not in read(first).values()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in first.keys_path.iterdir()}
    assert modes == {0o600}


@NEEDS
def test_servers_that_start_at_once_on_an_empty_database_end_with_one_set(
    database_url: str, start: Callable[[], DataDirectory]
) -> None:
    from docker_credential_gcr.emulator.database.engine.postgresql.opening import open_database

    begin = Barrier(SERVERS)
    directories = [start() for _ in range(SERVERS)]

    def serve(directory: DataDirectory) -> None:
        begin.wait()
        with closing(open_database(database_url)) as database:
            source = share_keys(directory, KeyTable(database), None)
            load_identity(directory.keys_path, machine=f"{directory.path.name}.example.com", shared=source)

    with ThreadPoolExecutor(SERVERS) as threads:
        list(threads.map(serve, directories))

    contents = [read(directory) for directory in directories]
    assert all(set(content) == NAMES | {"ca.pem", "ca-key.pem", "server.pem"} for content in contents)
    counts = {name: len({content[name] for content in contents}) for name in contents[0]}
    assert counts == {**dict.fromkeys(contents[0], 1), "server.pem": SERVERS}
    authority = x509.load_pem_x509_certificate(contents[0]["ca.pem"])
    for content in contents:
        x509.load_pem_x509_certificate(content["server.pem"]).verify_directly_issued_by(authority)


@NEEDS
def test_servers_on_one_database_take_each_others_operator_token(database_url: str) -> None:
    settings = Settings(port=0, database=database_url, strict_admin=True, gc_interval_s=0)
    with InThread(settings) as first, InThread(settings) as second:
        token = Path(first.operator_token_file).read_text()
        assert Path(second.operator_token_file).read_text() == token
        for url in (first.url, second.url):
            headers = {"Authorization": f"Bearer {token}"}
            assert requests.get(f"{url}/v1/projects", headers=headers, timeout=30).status_code == 200
    assert [Path(ready.data).exists() for ready in (first, second)] == [False, False]


@pytest.mark.parametrize("mode", [0o440, 0o644])
def test_servers_have_the_keys_of_a_mounted_secret(
    tmp_path: Path, table: KeyTable, start: Callable[[], DataDirectory], mode: int
) -> None:
    # As Kubernetes mounts a secret: each name is a link, through the link `..data`, to a file of any mode.
    secret = fill(tmp_path / "keys", table, start())
    version = secret / "..2026_11_30"
    version.mkdir()
    (secret / "..data").symlink_to(version.name)
    for path in [secret / name for name in NAMES]:
        path.chmod(mode)
        path.rename(version / path.name)
        path.symlink_to(Path("..data", path.name))
    directory = start()

    share_keys(directory, table, secret)

    assert read(directory) == {name: (secret / name).read_bytes() for name in NAMES}


def test_directory_of_the_keys_is_created_and_filled_at_the_first_start(
    tmp_path: Path, table: KeyTable, start: Callable[[], DataDirectory]
) -> None:
    keys = tmp_path / "new" / "keys"
    first, second = start(), start()
    assert open_key_directory(keys) is None
    source = share_keys(first, table, keys)
    load_identity(first.keys_path, shared=source)
    assert set(os.listdir(keys)) == NAMES | {"ca.pem", "ca-key.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (keys, *keys.iterdir())} == {0o700, 0o600}
    assert [name for name in (*NAMES, "ca.pem", "ca-key.pem") if table.find(name)] == []

    load_identity(second.keys_path, shared=share_keys(second, table, keys))
    assert {**read(first), "server.pem": b""} == {**read(second), "server.pem": b""}


def test_directory_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "signing-key.pem").write_bytes(b"key")
    for path in (tmp_path / "keys", tmp_path / "keys" / "signing-key.pem"):
        path.chmod(0o755)
    message = open_key_directory(tmp_path / "keys")
    assert message is not None
    assert message.startswith(f"{tmp_path / 'keys'} could be read by other users")
    assert stat.S_IMODE((tmp_path / "keys" / "signing-key.pem").stat().st_mode) == 0o600


def test_missing_file_of_a_directory_that_cannot_be_written_is_named(
    tmp_path: Path, table: KeyTable, start: Callable[[], DataDirectory]
) -> None:
    # Root may write everywhere but into a file.
    (tmp_path / "keys").write_bytes(b"")
    with pytest.raises(OSError, match="missing, and cannot be created") as raised:
        share_keys(start(), table, tmp_path / "keys")
    assert raised.value.filename == str(tmp_path / "keys" / "signing-key.pem")


@pytest.mark.parametrize("others", ["in the database", "in a directory"])
def test_server_with_another_signing_key_is_refused(
    tmp_path: Path, table: KeyTable, start: Callable[[], DataDirectory], others: str
) -> None:
    if others == "in the database":
        share_keys(start(), table, None)
    else:
        open_key_directory(tmp_path / "first")
        share_keys(start(), table, tmp_path / "first")
    open_key_directory(tmp_path / "other")
    place = SIGNING_KEY if others == "in the database" else FINGERPRINT

    with pytest.raises(DataDirectoryError) as raised:
        share_keys(start(), table, tmp_path / "other")
    assert str(raised.value) == (
        f"{tmp_path / 'other' / 'signing-key.pem'} is missing, and the other servers on this database have a "
        f"signing key: copy theirs, or delete {place} if all of them get a new one, which makes all tokens "
        "invalid"
    )
    assert os.listdir(tmp_path / "other") == []

    another = start()
    another.load_signer()
    (another.keys_path / "signing-key.pem").rename(tmp_path / "other" / "signing-key.pem")
    with pytest.raises(DataDirectoryError) as raised:
        share_keys(start(), table, tmp_path / "other")
    assert str(raised.value) == (
        f"{tmp_path / 'other' / 'signing-key.pem'} is not the signing key of the other servers on this "
        f"database: use theirs, or delete {place} if all of them get this one, which makes all tokens invalid"
    )


def test_server_with_the_same_keys_in_a_directory_is_not_refused(
    tmp_path: Path, table: KeyTable, start: Callable[[], DataDirectory]
) -> None:
    keys = fill(tmp_path / "keys", table, start())
    directory = start()
    share_keys(directory, table, keys)
    assert read(directory) == {name: table.find(name) for name in NAMES}


def test_server_without_the_directory_of_the_others_is_refused_and_creates_no_key(
    tmp_path: Path, table: KeyTable, start: Callable[[], DataDirectory]
) -> None:
    open_key_directory(tmp_path / "keys")
    share_keys(start(), table, tmp_path / "keys")
    with pytest.raises(DataDirectoryError) as raised:
        share_keys(start(), table, None)
    assert str(raised.value) == (
        "the other servers on this database have their keys in a directory: name it with --keys, or "
        f"delete {FINGERPRINT} to create new keys in the database"
    )
    assert [name for name in NAMES if table.find(name)] == []


def test_fingerprint_is_no_secret_and_differs_for_each_key(
    tmp_path: Path, table: KeyTable, start: Callable[[], DataDirectory]
) -> None:
    open_key_directory(tmp_path / "keys")
    share_keys(start(), table, tmp_path / "keys")
    signer = Signer.from_pem((tmp_path / "keys" / "signing-key.pem").read_bytes())
    assert table.find("signing-key.fingerprint") == signer.fingerprint.encode()
    assert len(signer.fingerprint) == 40
    assert signer.fingerprint != Signer.generate().fingerprint


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("signing-key.pem", "is not a signing key: delete it, and the server creates another, which makes"),
        ("issuer-key.pem", "is not an issuer's key: delete it, and the server creates another"),
        ("id-token-key.pem", "is not a key for ID tokens: delete it, and the server creates another"),
        ("operator-token", "does not hold an operator token, which is letters, digits and -._~+/: delete"),
    ],
)
@pytest.mark.parametrize("place", ["database", "directory"])
def test_malformed_key_is_named_by_its_place_and_not_repeated(
    tmp_path: Path, table: KeyTable, start: Callable[[], DataDirectory], place: str, name: str, message: str
) -> None:
    source = table if place == "database" else KeyDirectory(tmp_path)
    source.create(name, b"hunter 2")
    with pytest.raises(DataDirectoryError) as raised:
        share_keys(start(), table, None if place == "database" else tmp_path)
    assert str(raised.value).startswith(f"{source.locate(name)} {message}")
    assert "hunter" not in str(raised.value)


def test_preset_operator_token_is_not_that_of_the_other_servers(
    table: KeyTable, start: Callable[[], DataDirectory]
) -> None:
    first, preset = start(), start()
    share_keys(first, table, None)
    preset.preset_operator_token("my-own")
    share_keys(preset, table, None)
    assert (preset.load_operator_token(), preset.operator_token_path.read_bytes()) == ("my-own", b"my-own")
    assert table.find("operator-token") == first.load_operator_token().encode()


def test_preset_operator_token_needs_none_in_the_directory(
    tmp_path: Path, table: KeyTable, start: Callable[[], DataDirectory]
) -> None:
    directory = start()
    directory.preset_operator_token("my-own")
    open_key_directory(tmp_path / "keys")
    share_keys(directory, table, tmp_path / "keys")
    assert set(os.listdir(tmp_path / "keys")) == NAMES - {"operator-token"}
    assert directory.load_operator_token() == "my-own"


def test_data_directory_with_a_database_of_its_own_is_refused(
    table: KeyTable, start: Callable[[], DataDirectory]
) -> None:
    directory = start()
    directory.load_signer()
    before = read(directory)
    directory.database_path.touch()
    with pytest.raises(DataDirectoryError) as raised:
        share_keys(directory, table, None)
    assert str(raised.value) == (
        f"{directory.path} has a database of its own, emulator.db: copy it with gcr-emulator move, or name "
        "another --data"
    )
    assert read(directory) == before
