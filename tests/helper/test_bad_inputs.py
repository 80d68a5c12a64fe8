"""Bad inputs, each with the whole answer of the program: status, stdout and stderr."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

NOT_FOUND = "credentials not found in native keychain\n"
NEW_KEY = "create a new JSON key for the service account"
NAME_KEY = "name the JSON key file of a service account"
GARBAGE = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"


@pytest.fixture(scope="session")
def encrypted_key(rsa_key: rsa.RSAPrivateKey) -> str:
    encryption = serialization.BestAvailableEncryption(b"password")
    return rsa_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    ).decode()


@pytest.fixture(scope="session")
def elliptic_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = serialization.NoEncryption()
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    ).decode()


@dataclass(repr=False)
class Keys:
    """Writer of bad key files, instead of a good one."""

    path: Path
    make: Callable[..., Path]
    encrypted: str
    elliptic: str

    def write(self, data: bytes) -> None:
        self.path.write_bytes(data)

    def loop(self) -> None:
        self.path.unlink()
        self.path.symlink_to(self.path)

    def directory(self) -> None:
        self.path.unlink()
        self.path.mkdir()


@pytest.fixture
def keys(make_key: Callable[..., Path], encrypted_key: str, elliptic_key: str) -> Keys:
    return Keys(make_key(), make_key, encrypted_key, elliptic_key)


# Python 3.14 parses as deep as the largest file can be, and finds no entry there.
TOO_DEEP = "nested too deeply" if sys.version_info < (3, 14) else "line 1 column 65001: Expecting value"
# The change of the key file, and the message about it (PATH is its path).
KEY_FILES: dict[str, tuple[Callable[[Keys], object], str]] = {
    "missing": (
        lambda keys: keys.path.unlink(),
        "cannot read key file PATH: No such file or directory",
    ),
    "a directory": (Keys.directory, "key file PATH is not a file"),
    "unreadable": (Keys.loop, "cannot read key file PATH: Too many levels of symbolic links"),
    "empty": (lambda keys: keys.write(b""), "key file PATH is empty"),
    "blank": (lambda keys: keys.write(b" \n"), "key file PATH is empty"),
    "not JSON": (
        lambda keys: keys.write(b"{\nx"),
        "key file PATH is not JSON: line 2 column 1: Expecting property name enclosed in double quotes",
    ),
    "UTF-16": (lambda keys: keys.write("{}".encode("utf-16")), "key file PATH is not UTF-8"),
    "a list": (lambda keys: keys.write(b"[]"), "key file PATH is not a JSON object"),
    "nested deeply": (
        lambda keys: keys.write(b"[" * 65000),
        f"key file PATH is not JSON: {TOO_DEEP}",
    ),
    "huge": (lambda keys: keys.write(b" " * 70000), "cannot read key file PATH: larger than 64 KiB"),
    "of a user, without a login": (
        lambda keys: keys.make(type="authorized_user"),
        "key file PATH has no 'client_secret'",
    ),
    "of an unknown type": (
        lambda keys: keys.make(type="api_key"),
        "key file PATH has the unknown type 'api_key'",
    ),
    "without a type": (
        lambda keys: keys.make(type=None),
        "key file PATH has no 'type': it is not a Google credential",
    ),
    "without an account": (lambda keys: keys.make(client_email=None), "key file PATH has no 'client_email'"),
    "with a number for a key": (lambda keys: keys.make(private_key=1), "key file PATH has no 'private_key'"),
    "of another universe": (
        lambda keys: keys.make(universe_domain="example.com"),
        "key file PATH belongs to another universe than googleapis.com",
    ),
    "encrypted": (
        lambda keys: keys.make(private_key=keys.encrypted),
        "key file PATH: the private key is encrypted",
    ),
    "garbage for a key": (
        lambda keys: keys.make(private_key=GARBAGE),
        "key file PATH: the private key is not PEM",
    ),
    "text for a key": (
        lambda keys: keys.make(private_key="x"),
        "key file PATH: the private key is not PEM",
    ),
    "of an elliptic curve": (
        lambda keys: keys.make(private_key=keys.elliptic),
        "key file PATH: the private key is not RSA",
    ),
}


@pytest.mark.parametrize("name", KEY_FILES, ids=lambda name: f"33-{name}")
def test_edge_33_a_bad_key_file(helper: Any, keys: Keys, name: str) -> None:
    spoil, fault = KEY_FILES[name]
    hint = NAME_KEY if name in ("missing", "a directory", "unreadable", "huge") else NEW_KEY
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": [f"file:{keys.path}"]}}})
    spoil(keys)

    outcome = helper("get", stdin="localhost:5000")

    line = f"no access token for localhost:5000: file: {fault.replace('PATH', repr(str(keys.path)))}\n"
    assert (outcome.status, outcome.stdout) == (1, line)
    assert outcome.stderr == f"docker-credential-gcr: {line}hint: {hint}\n"


def test_edge_33_a_key_file_with_a_byte_order_mark_is_a_good_one(helper: Any, keys: Keys) -> None:
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": [f"file:{keys.path}"]}}})
    keys.write(b"\xef\xbb\xbf" + keys.path.read_bytes())

    outcome = helper("get", stdin="localhost:5000")

    answer = '{"ServerURL":"localhost:5000","Username":"oauth2accesstoken","Secret":"ya29.1"}\n'
    assert (outcome.status, outcome.stdout, outcome.stderr) == (0, answer, "")


HOSTS: dict[str, bytes] = {
    "T01-18-look-alike prefix": b"evilgcr.io",
    "T01-18-look-alike suffix": b"gcr.io.evil.example",
    "T01-18-look-alike of Artifact Registry": b"us-docker.pkg.dev.evil.example",
    "T01-18-another product": b"us-python.pkg.dev",
    "T01-17-userinfo": b"https://u:p@gcr.io",
    "T01-17-a host in the userinfo": b"gcr.io@evil.example",
    "T01-17-trailing dot": b"gcr.io.",
    "T01-17-port": b"gcr.io:5000",
    "T01-18-port and more": b"gcr.io:443.evil.example",
    "T01-17-query": b"gcr.io?x",
    "T01-17-escape": b"gcr%2eio",
    "T02-20-two lines": b"gcr.io\nevil.example",
    "T02-20-carriage return": b"gcr.io\revil.example",
    "T02-20-NUL": b"gcr.io\0",
    "T02-20-not UTF-8": b"gcr.io\xff",
    "T01-18-look-alike letter": "gcr.\u0456o".encode(),
    "T02-20-70 KiB": b"gcr.io/" + b"a" * 70 * 1024,
    "T02-20-10 MiB": b"a" * 10 * 1024 * 1024,
    "T01-18-IPv6": b"[::1]:5000",
    "T01-18-punycode": b"xn--gcr-io.example",
    "T01-18-upper case": b"GCR.IO.EVIL.EXAMPLE",
    "T01-18-a pattern in the middle": b"docker.evil.rep.pkg.dev.example",
    "T01-18-the bare domain": b"pkg.dev",
    "T01-18-two labels": b"a.b-docker.pkg.dev",
    "T01-18-Docker Hub": b"https://index.docker.io/v1/",
}


@pytest.mark.parametrize("server_url", HOSTS.values(), ids=HOSTS)
def test_edge_18_a_bad_host(helper: Any, keys: Keys, token_server: Any, server_url: bytes) -> None:
    outcome = helper("get", stdin=server_url, GOOGLE_APPLICATION_CREDENTIALS=str(keys.path))

    assert (outcome.status, outcome.stdout, outcome.stderr) == (1, NOT_FOUND, "")
    assert token_server.requests == []


CACHES: dict[str, Callable[[dict[str, Any]], object]] = {
    "24-corrupt": lambda _: "{,}",
    "24-truncated": lambda entry: json.dumps(entry)[:-2],
    "24-of another version": lambda entry: entry | {"version": 2},
    "24-of other types": lambda entry: entry | {"expires_at": "soon"},
    "26-from the future": lambda entry: entry | {"obtained_at": entry["expires_at"] - 1},
    "24-nested deeply": lambda _: "[" * 60000,
    "24-huge": lambda entry: json.dumps(entry) + " " * 70000,
}


@pytest.mark.parametrize("spoil", CACHES.values(), ids=CACHES)
def test_edge_24_a_bad_cache(helper: Any, keys: Keys, spoil: Callable[[dict[str, Any]], object]) -> None:
    helper.configure({"Registries": {"localhost:5000": {"TokenSources": [f"file:{keys.path}"]}}})
    assert helper("get", stdin="localhost:5000").status == 0
    (entry,) = helper.cache.glob("*.json")
    content = spoil(json.loads(entry.read_text()))
    entry.write_text(content if isinstance(content, str) else json.dumps(content))

    outcomes = [helper("get", stdin="localhost:5000") for _ in range(2)]

    answer = '{"ServerURL":"localhost:5000","Username":"oauth2accesstoken","Secret":"ya29.2"}\n'
    assert [(o.status, o.stdout, o.stderr) for o in outcomes] == [(0, answer, "")] * 2


CONFIGS: dict[str, tuple[str | bytes, str]] = {
    "malformed": ("{\n  x\n}", ", line 2 column 3: Expecting property name enclosed in double quotes"),
    "truncated": ('{"auths": {', ", line 1 column 12: Expecting property name enclosed in double quotes"),
    "junk behind": ("{}\n{}", ", line 2 column 1: Extra data"),
    "a list": ("[]", ", line 1: not a JSON object"),
    "a text": ('"x"', ", line 1: not a JSON object"),
    "a list of helpers": ('{"credHelpers": []}', ", line 1: 'credHelpers' is not an object"),
    "a number for a helper": (
        '{"credHelpers": {\n"eu.gcr.io": 1}}',
        ", line 2: 'eu.gcr.io' of 'credHelpers' is not a string",
    ),
    "not a number": ('{"a": NaN}', ": NaN is not JSON"),
    "UTF-16": ("{}".encode("utf-16"), ", line 1: not UTF-8"),
    "NUL": (b"{}\0", ", line 1 column 3: Extra data"),
    "nested deeply": ('{"a":' * 100000, ": nested too deeply"),
}


@pytest.mark.parametrize(("content", "fault"), CONFIGS.values(), ids=CONFIGS)
def test_a_bad_config_json(helper: Any, content: str | bytes, fault: str) -> None:
    path = helper.home / ".docker/config.json"
    path.parent.mkdir()
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(data)

    outcome = helper("configure-docker")

    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr == (
        f"docker-credential-gcr: {str(path)!r}{fault}\nhint: correct the file, or move it away\n"
    )
    assert path.read_bytes() == data
    assert [p.name for p in path.parent.iterdir()] == ["config.json"]


def test_a_trailing_comma_in_config_json_is_refused_with_its_line(helper: Any) -> None:
    path = helper.home / ".docker/config.json"
    path.parent.mkdir()
    path.write_text('{\n  "auths": {},\n}')

    outcome = helper("configure-docker")

    # Python 3.13 points at the comma, earlier versions point behind it.
    position = ["line 2 column 14: Illegal trailing comma before end of object"]
    position += ["line 3 column 1: Expecting property name enclosed in double quotes"]
    hint = "hint: correct the file, or move it away\n"
    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr in [f"docker-credential-gcr: {str(path)!r}, {p}\n{hint}" for p in position]
