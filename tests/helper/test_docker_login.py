"""Logins of `docker login` and `docker logout`, in a file and in keyrings of all kinds."""

import base64
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_credential_gcr.helper.registries import DEFAULT_HOSTS

NOT_FOUND = (1, "credentials not found in native keychain\n", "")
HUB = "https://index.docker.io/v1/"
FILE = "set DOCKER_CREDENTIAL_GCR_KEYRING=file to store logins in a private file"
CUTS = f"the keyring does not store what it is given: {FILE}"

# Keyrings that fail as real ones do; `good` keeps its secrets in a file next to the module.
KEYRINGS = """
import json, os, time
from keyring import backend, errors
HERE = os.path.join(os.path.dirname(__file__), "secrets.json")

class Base(backend.KeyringBackend):
    priority = 1
    def set_password(self, service, username, password): self.fail()
    def get_password(self, service, username): self.fail()
    def delete_password(self, service, username): self.fail()

class Good(Base):
    def load(self):
        return json.load(open(HERE)) if os.path.exists(HERE) else {}
    def set_password(self, service, username, password):
        kept = {**self.load(), f"{service} {username}": password}
        with open(HERE, "w") as file: json.dump(kept, file)
    def get_password(self, service, username):
        return self.load().get(f"{service} {username}")
    def delete_password(self, service, username):
        kept = self.load()
        if f"{service} {username}" not in kept: raise errors.PasswordDeleteError("not found")
        del kept[f"{service} {username}"]
        with open(HERE, "w") as file: json.dump(kept, file)

class Cuts(Good):
    def get_password(self, service, username):
        return (super().get_password(service, username) or "")[:3] or None

class Locked(Base):
    def fail(self): raise errors.KeyringLocked("locked, and secret-in-text")

class Init(Base):
    def fail(self): raise errors.InitError("no display")

class Runtime(Base):
    def fail(self): raise RuntimeError("no backend")

class DBus(Base):
    def fail(self):
        class DBusErrorResponse(Exception): pass
        raise DBusErrorResponse("org.freedesktop.DBus.Error.NoReply")

class Hangs(Base):
    def fail(self): time.sleep(300)
"""


class Store:
    """The helper as Docker's credsStore."""

    def __init__(self, helper: Any, directory: Path) -> None:
        self.helper = helper
        self.path = helper.config.parent / "docker_credential_gcr_logins.json"
        (directory / "keyrings.py").write_text(KEYRINGS)
        self.secrets = directory / "secrets.json"
        helper.environ |= {"PYTHONPATH": str(directory), "DOCKER_CREDENTIAL_GCR_KEYRING": "file"}

    def use_keyring(self, name: str) -> None:
        self.helper.environ |= {
            "DOCKER_CREDENTIAL_GCR_KEYRING": "keyring",
            "PYTHON_KEYRING_BACKEND": name if "." in name else f"keyrings.{name}",
            "DOCKER_CREDENTIAL_GCR_TIMEOUT": "0.5" if name == "Hangs" else "60",
        }

    def run(self, verb: str, stdin: str = "", **environ: str) -> tuple[int, str, str]:
        outcome = self.helper(verb, stdin=stdin, **environ)
        return outcome.status, outcome.stdout, outcome.stderr

    def login(self, server_url: str, username: str = "me", secret: str = "s3cret", **environ: str) -> Any:
        return self.run(
            "store", json.dumps({"ServerURL": server_url, "Username": username, "Secret": secret}), **environ
        )

    def logins(self) -> Any:
        return json.loads(self.path.read_text())["logins"]


@pytest.fixture
def store(helper: Any, tmp_path: Path) -> Store:
    return Store(helper, tmp_path)


def answer_of(server_url: str, username: str = "me", secret: str = "s3cret") -> tuple[int, str, str]:
    answer = {"ServerURL": server_url, "Username": username, "Secret": secret}
    return 0, json.dumps(answer, separators=(",", ":")) + "\n", ""


@pytest.mark.parametrize("place", ["file", "keyring"])
@pytest.mark.parametrize(
    "server_url", [HUB, "localhost:5000", "quay.io", "https://r.example/v2/", "[::1]:5000"]
)
def test_another_registrys_login_is_returned_until_it_is_erased(
    store: Store, place: str, server_url: str
) -> None:
    if place == "keyring":
        store.use_keyring("Good")
    outcomes = [
        store.run("get", server_url),
        store.login(server_url, secret="pässword \n1"),
        store.run("get", server_url),
        store.login(server_url, "other", ""),
        store.run("get", server_url),
        store.run("erase", server_url),
        store.run("erase", server_url),
        store.run("get", server_url),
    ]

    done = (0, "", "")
    assert outcomes == [
        NOT_FOUND,
        done,
        answer_of(server_url, secret="pässword \n1"),
        done,
        answer_of(server_url, "other", ""),
        done,
        done,
        NOT_FOUND,
    ]
    assert store.logins() == {}
    assert not store.secrets.exists() or json.loads(store.secrets.read_text()) == {}


def test_the_file_is_for_its_owner_alone_and_holds_no_secret_of_the_keyrings(store: Store) -> None:
    store.login("a.example")
    store.use_keyring("Good")
    store.login("b.example", secret="in the keyring")

    assert store.path.stat().st_mode & 0o777 == 0o600
    kept = {name: (login["Username"], login.get("Secret")) for name, login in store.logins().items()}
    assert kept == {"a.example": ("me", "s3cret"), "b.example": ("me", None)}
    assert json.loads(store.secrets.read_text()) == {"docker-credential-gcr b.example": "in the keyring"}


ASKED = [
    (HUB, HUB, True),
    (HUB, "index.docker.io/v1", True),
    ("https://r.example", "r.example", True),
    ("r.example", "https://r.example/v2/", True),
    ("r.example", "r.example/team/app", True),
    ("R.example", "r.EXAMPLE", True),
    ("r.example/team", "r.example", False),
    ("r.example/team", "r.example/other", False),
    ("r.example", "r.example:5000", False),
    ("r.example", "r.example.evil.example", False),
    ("r.example", "evilr.example", False),
    ("r.example", "u@r.example", False),
    ("r.example", "r.example.", False),
]


@pytest.mark.parametrize(("kept", "asked", "is_found"), ASKED)
def test_t01_a_login_is_found_for_its_own_registry_and_no_other(
    store: Store, kept: str, asked: str, is_found: bool
) -> None:
    store.login(kept)

    assert store.run("get", asked) == (answer_of(asked) if is_found else NOT_FOUND)


@pytest.mark.parametrize("asked", ["https://r.example", "http://r.example", "r.example"])
def test_a_logout_takes_the_login_back_however_docker_writes_the_registry(store: Store, asked: str) -> None:
    store.login("r.example")
    store.login("r.example/team", secret="another")

    assert store.run("erase", asked) == (0, "", "")
    assert list(store.logins()) == ["r.example/team"]


FAULTS = {
    "Locked": "the keyring is locked",
    "Init": "the keyring failed: InitError",
    "Runtime": "the keyring failed: RuntimeError",
    "DBus": "the keyring failed: DBusErrorResponse",
    "Hangs": "the keyring did not answer in time",
    "Cuts": CUTS,
    "keyring.backends.null.Keyring": CUTS,
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_keyring_that_fails_is_named_and_nothing_is_kept(store: Store, name: str) -> None:
    store.use_keyring(name)

    status, stdout, stderr = store.login(HUB)

    assert (status, stdout) == (1, FAULTS[name] + "\n")
    assert stderr.startswith(f"docker-credential-gcr: {FAULTS[name]}\n")
    assert not store.path.exists()


@pytest.mark.parametrize("name", FAULTS)
def test_a_login_in_a_keyring_that_has_gone(store: Store, name: str) -> None:
    store.use_keyring("Good")
    store.login(HUB)
    store.use_keyring(name)

    get, erase = store.run("get", HUB), store.run("erase", HUB)

    if "null" in name:  # there is no keyring: no login is found, and erase has nothing to do
        assert (get, erase[0]) == (NOT_FOUND, 0)
    elif name == "Cuts":
        assert (get, erase[0]) == (answer_of(HUB, secret="s3c"), 0)
    else:
        assert (get[:2], erase[:2]) == ((1, FAULTS[name] + "\n"),) * 2


NO_KEYRING = "keyring.backends.fail.Keyring"


@pytest.mark.parametrize("server_url", [HUB, "quay.io"])
def test_a_machine_without_a_keyring_keeps_the_login_in_the_private_file(
    store: Store, server_url: str
) -> None:
    store.use_keyring(NO_KEYRING)

    assert store.login(server_url) == (
        0,
        "",
        "docker-credential-gcr: this machine has no keyring: "
        f"the login is stored in {str(store.path)!r}, which only you can read\n",
    )
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert store.run("get", server_url) == answer_of(server_url)
    assert store.run("erase", server_url) == (0, "", "")
    assert store.run("get", server_url) == NOT_FOUND


def test_a_login_in_a_keyring_that_is_not_there_any_more_is_absent(store: Store) -> None:
    store.use_keyring("Good")
    store.login(HUB)
    store.use_keyring(NO_KEYRING)

    assert (store.run("get", HUB), store.run("erase", HUB)) == (NOT_FOUND, (0, "", ""))


def test_without_a_login_a_keyring_is_never_asked(store: Store) -> None:
    store.use_keyring("Hangs")

    assert [store.run("get", HUB), store.run("erase", HUB)] == [NOT_FOUND, (0, "", "")]


def test_keyring_off_keeps_nothing_and_finds_nothing(store: Store) -> None:
    store.login(HUB)
    off = {"DOCKER_CREDENTIAL_GCR_KEYRING": "off"}

    said = (
        "DOCKER_CREDENTIAL_GCR_KEYRING is off, so no login is stored: "
        "use DOCKER_CREDENTIAL_GCR_KEYRING=file for a private file\n"
    )
    assert store.login("quay.io", **off) == (1, said, f"docker-credential-gcr: {said}")
    assert store.run("get", HUB, **off) == NOT_FOUND
    assert store.run("erase", HUB, **off) == (0, "", "")


def test_an_unknown_choice_is_refused(store: Store) -> None:
    said = "DOCKER_CREDENTIAL_GCR_KEYRING must be one of keyring, file, off\n"

    outcome = store.login(HUB, DOCKER_CREDENTIAL_GCR_KEYRING="pass")

    assert outcome == (1, said, f"docker-credential-gcr: {said}")


FILES = {
    "not JSON": ("{", "is malformed: not JSON"),
    "not UTF-8": ("\udcff", "is malformed: not JSON"),
    "a list": ("[]", "is malformed: it holds no 'logins'"),
    "without logins": ("{}", "is malformed: it holds no 'logins'"),
    "a number for a login": (
        '{"logins": {"r.example": 1}}',
        "is malformed: the entry for 'r.example' is not a login",
    ),
    "a login without a user": (
        '{"logins": {"r.example": {}}}',
        "is malformed: the entry for 'r.example' is not a login",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_malformed_file_is_refused_and_left(store: Store, name: str) -> None:
    text, fault = FILES[name]
    store.path.parent.mkdir(parents=True)
    data = text.encode("utf-8", "surrogateescape")
    store.path.write_bytes(data)
    store.path.chmod(0o600)

    outcomes = [store.run("get", "r.example"), store.login("r.example"), store.run("erase", "r.example")]

    said = f"{str(store.path)!r} {fault}\n"
    hint = "hint: correct the file, or move it away and log in again\n"
    assert outcomes == [(1, said, f"docker-credential-gcr: {said}{hint}")] * 3
    assert store.path.read_bytes() == data


def test_t04_a_file_that_others_may_read_is_refused(store: Store) -> None:
    store.login("r.example")
    store.path.chmod(0o640)

    status, stdout, _ = store.run("get", "r.example")

    assert (status, stdout) == (
        1,
        f"{str(store.path)!r} holds secrets, and other users may read or change it\n",
    )


@pytest.fixture
def key(store: Store, make_key: Callable[..., Path]) -> str:
    """Returns a key of the token server, for which localhost:5000 is configured."""
    store.helper.configure({"Registries": {"localhost:5000": {"TokenSources": ["none"]}}})
    return make_key().read_text()


@pytest.mark.parametrize("place", ["file", "keyring"])
@pytest.mark.parametrize("username", ["_json_key", "_json_key_base64"])
def test_a_key_from_docker_login_becomes_the_hosts_first_source(
    store: Store, key: str, place: str, username: str, token_server: Any
) -> None:
    if place == "keyring":
        store.use_keyring("Good")
    secret = base64.b64encode(key.encode()).decode() if username.endswith("64") else key
    done = (0, "", "")
    token = answer_of("localhost:5000", "oauth2accesstoken", "ya29.1")

    assert store.run("get", "localhost:5000") == NOT_FOUND
    assert store.login("http://localhost:5000/v2/", username, secret) == done
    assert [store.run("get", "localhost:5000") for _ in range(2)] == [token] * 2
    # docker login passes the token to `store`: the key stays.
    assert store.login("localhost:5000", "oauth2accesstoken", "ya29.1") == done
    assert store.run("get", "localhost:5000") == token
    assert len(token_server.requests) == 1
    assert len(list(store.helper.cache.glob("*.json"))) == 1
    assert store.run("erase", "localhost:5000") == done
    assert list(store.helper.cache.glob("*.json")) == []
    assert store.run("get", "localhost:5000") == NOT_FOUND


def test_edge_27_another_key_from_docker_login_is_another_identity(store: Store, key: str) -> None:
    secrets = []
    for _ in range(2):
        store.login("localhost:5000", "_json_key", key)
        secrets.append(json.loads(store.run("get", "localhost:5000")[1])["Secret"])

    assert secrets == ["ya29.1", "ya29.2"]


def test_t05_docker_login_refuses_an_emulators_key_for_google(
    store: Store, key: str, token_server: Any
) -> None:
    status, stdout, _ = store.login("gcr.io", "_json_key", key)

    said = f"key file 'of gcr.io' is for {token_server.host}: its tokens are not sent to Google's gcr.io\n"
    assert (status, stdout) == (1, said)
    assert not store.path.exists()


KEYS = {
    "_json_key": [
        ("hello", "key file 'of gcr.io' is not JSON: line 1 column 1: Expecting value\n"),
        ("[]", "key file 'of gcr.io' is not a JSON object\n"),
        ("{}", "key file 'of gcr.io' has no 'type': it is not a Google credential\n"),
    ],
    "_json_key_base64": [("***", "the key of gcr.io is not base64\n")],
}


@pytest.mark.parametrize(
    ("username", "secret", "said"), [(user, *case) for user, cases in KEYS.items() for case in cases]
)
def test_what_is_no_key_is_refused_at_the_login(store: Store, username: str, secret: str, said: str) -> None:
    status, stdout, _ = store.login("gcr.io", username, secret)

    assert (status, stdout) == (1, said)
    assert not store.path.exists()


def test_erase_forgets_the_cached_tokens_of_the_host(store: Store, make_key: Callable[..., Path]) -> None:
    registry = {"TokenSources": [f"file:{make_key()}"]}
    store.helper.configure({"Registries": {"localhost:5000": registry}})
    secrets = [json.loads(store.run("get", "localhost:5000")[1])["Secret"]]
    assert store.run("erase", "https://localhost:5000") == (0, "", "")
    secrets.append(json.loads(store.run("get", "localhost:5000")[1])["Secret"])

    assert secrets == ["ya29.1", "ya29.2"]


def test_erase_works_with_a_configuration_that_does_not(store: Store) -> None:
    store.login("quay.io")
    store.helper.configure("{")

    assert store.run("erase", "quay.io") == (0, "", "")
    assert store.logins() == {}


def list_hosts(store: Store, config: object) -> Any:
    path = store.helper.home / ".docker/config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(config))
    status, stdout, stderr = store.run("list")
    assert (status, stderr) == (0, "")
    return json.loads(stdout)


def test_list_names_other_registries_where_this_helper_is_the_whole_store(store: Store) -> None:
    store.login(HUB)
    store.use_keyring("Hangs")
    ours = {"gcr.io": "oauth2accesstoken"}

    listed = [
        list_hosts(store, config)
        for config in (
            {"credHelpers": {"gcr.io": "gcr"}, "credsStore": "gcr"},
            {"credHelpers": {"gcr.io": "gcr"}, "credsStore": "desktop"},
            {"credHelpers": {"gcr.io": "gcr"}},
        )
    ]

    assert listed == [ours | {HUB: "me"}, ours, ours]
    assert list(list_hosts(store, {"credsStore": "gcr"})) == [*DEFAULT_HOSTS, HUB]


def test_list_names_what_is_configured_where_this_helper_is_the_whole_store(store: Store) -> None:
    store.helper.configure({"Registries": {"localhost:5000": {"TokenSources": ["none"]}}})
    ours = {"gcr.io": "oauth2accesstoken"}

    alone = list_hosts(store, {"credHelpers": {"gcr.io": "gcr"}})
    whole = list_hosts(store, {"credHelpers": {"gcr.io": "gcr"}, "credsStore": "gcr"})

    assert (alone, whole) == (ours, ours | {"localhost:5000": "oauth2accesstoken"})


def test_two_logins_at_once_are_both_kept(store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    hosts = [f"r{number}.example" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(store.login, hosts))

    assert outcomes == [(0, "", "")] * 8
    assert sorted(store.logins()) == hosts


@pytest.mark.skipif(sys.platform != "linux", reason="the place of a file differs elsewhere")
def test_the_logins_are_next_to_the_configuration_wherever_that_is(store: Store, tmp_path: Path) -> None:
    place = {"DOCKER_CREDENTIAL_GCR_CONFIG": str(tmp_path / "elsewhere/own.json")}

    assert store.login("quay.io", **place) == (0, "", "")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["docker_credential_gcr_logins.json"]


def test_z11_a_fifo_as_the_keyrings_configuration_is_refused(helper: Any) -> None:
    path = helper.home / ".config/python_keyring/keyringrc.cfg"
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    triple = '{"ServerURL": "quay.io", "Username": "me", "Secret": "s3cret"}'

    outcome = helper("store", stdin=triple, XDG_CONFIG_HOME=str(helper.home / ".config"))

    line = f"cannot read {str(path)!r}: not a regular file\n"
    hint = "hint: make it a regular file that you can read, or move it away\n"
    expected = (1, line, f"docker-credential-gcr: {line}{hint}")
    assert (outcome.status, outcome.stdout, outcome.stderr) == expected
