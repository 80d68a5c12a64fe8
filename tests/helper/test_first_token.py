"""A first token loads few modules: a written list for each way to one, held against what is loaded.

A slow import cannot come back unseen. A module that is added here needs its price beside it, where it is
imported. A token that is cached already has a test of its own, test_hot_path.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from helper.endpoint_server import EndpointServer, Handler, make_certificate

import docker_credential_gcr

PACKAGE = docker_credential_gcr.__name__
ROOT = Path(docker_credential_gcr.__file__).parents[1]
HOST = "localhost:5000"
# Asks as docker does, then writes the names of the modules that are loaded.
GET = f"import sys; from {PACKAGE}.helper import protocol; status = protocol.run(['get'])"
REPORT = "import os; open(os.environ['LOADED'], 'w').write(' '.join(sys.modules))"

OWN = (
    "errors helper helper.access_token helper.cache helper.config helper.connection_faults helper.deadline "
    "helper.direct_request helper.endpoint helper.files helper.http helper.keychain helper.oauth "
    "helper.paths helper.protocol helper.redaction helper.refresh helper.registries helper.service_account "
    "helper.token_sources helper.token_sources.key_file helper.wire"
)
# What http.client loads, 22 ms of it, and what we load of it ourselves. Names with _ at their start are parts
# of these.
SENDING = (
    "array base64 binascii bisect calendar collections contextlib copy copyreg datetime email encodings enum "
    "errno fcntl functools http ipaddress itertools keyword locale math operator quopri random re reprlib "
    "select selectors socket sre_compile sre_constants sre_parse ssl string stringprep struct threading "
    "types typing unicodedata urllib uu warnings weakref"
)
# What cryptography loads, 19 ms of it.
SIGNING = (
    "__future__ annotationlib ast bcrypt cryptography dataclasses dis importlib inspect linecache opcode "
    "token tokenize"
)
JSON = "json"  # 2 ms


class Row(NamedTuple):
    """A way to a token: what is loaded of this package beyond OWN, and at most of others beyond SENDING."""

    own: str
    others: str
    is_tls: bool = False


ROWS = {
    "a key": Row("helper.adc helper.jwt", SIGNING),
    "a key, over TLS": Row("helper.adc helper.jwt helper.tls_context", SIGNING, is_tls=True),
    "a person's credential": Row("helper.adc", ""),
    "a login": Row("helper.times helper.token_sources.store", ""),
    "the metadata server": Row(
        "helper.metadata_host helper.metadata_server helper.token_sources.metadata", JSON
    ),
    "impersonation": Row(
        "helper.adc helper.impersonation helper.times helper.token_sources.impersonated", JSON
    ),
}
PERSON = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "1//x"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "localhost")


@pytest.fixture
def server(certificate: Path, request: pytest.FixtureRequest) -> Iterator[EndpointServer]:
    server = EndpointServer(certificate, is_tls=ROWS[request.getfixturevalue("name")].is_tls)
    yield server
    server.close()


def answer(handler: Handler) -> None:
    """Answers as each of Google's endpoints does."""
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    token = {"access_token": "ya29.x", "expires_in": 3600, "accessToken": "ya29.x", "expireTime": until}
    handler.end(200, json.dumps(token).encode(), Metadata_Flavor="Google")


def write_source(
    name: str, folder: Path, url: str, key: dict[str, str], environ: dict[str, str]
) -> str | dict[str, object]:
    """Returns a token source, after writing what it reads."""
    document: dict[str, object] = {
        **(key if name.startswith("a key") else PERSON),
        "token_uri": f"{url}/token",
    }
    if name == "a login":
        (folder / "store").write_text(json.dumps({"gcrCreds": document}))
        environ["DOCKER_CREDENTIAL_GCR_STORE"] = str(folder / "store")
        return "store"
    if name == "the metadata server":
        environ["GCE_METADATA_HOST"] = url.rpartition("/")[2]
        return "metadata"
    if name == "impersonation":
        account = f"{url}/v1/projects/-/serviceAccounts/ci@p.iam:generateAccessToken"
        document = {
            "type": "impersonated_service_account",
            "service_account_impersonation_url": account,
            "source_credentials": document,
        }
    (folder / "credential.json").write_text(json.dumps(document))
    return f"file:{folder}/credential.json"


def list_loaded(code: str, environ: dict[str, str]) -> set[str]:
    """Returns the modules that are loaded when the code has run.

    -S: the `.pth` file of an editable install is not read, whose finder loads half of the standard library.
    """
    command = [sys.executable, "-S", "-c", f"{code}\n{REPORT}"]
    run = subprocess.run(command, input=HOST.encode(), env=environ, capture_output=True, timeout=60)
    assert (run.returncode, run.stderr, b"ya29.x" in run.stdout) == (0, b"", "protocol" in code)
    return set(Path(environ["LOADED"]).read_text().split())


@pytest.mark.parametrize("name", ROWS)
def test_a_first_token_loads_what_is_written_here(
    name: str, tmp_path: Path, server: EndpointServer, certificate: Path, make_key: Callable[..., Path]
) -> None:
    row, server.reply = ROWS[name], answer
    url = f"{'https' if row.is_tls else 'http'}://{server.host}"
    environ = {
        "HOME": str(tmp_path),
        "LOADED": str(tmp_path / "loaded"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "DOCKER_CREDENTIAL_GCR_CONFIG": str(tmp_path / "config.json"),
        "DOCKER_CREDENTIAL_GCR_CA_FILE": str(certificate.with_name("CA.pem")),
    }
    source = write_source(name, tmp_path, url, json.loads(make_key().read_text()), environ)
    registries = {HOST: {"TokenSources": [source]}}
    (tmp_path / "config.json").write_text(json.dumps({"Registries": registries}))
    bare = list_loaded("import sys", environ)

    loaded = list_loaded(GET, environ) - bare

    own = {name.removeprefix(f"{PACKAGE}.") for name in loaded if name.startswith(f"{PACKAGE}.")}
    others = {name.partition(".")[0] for name in loaded} - {PACKAGE}
    public = {name for name in others if not name.startswith("_") and name.isidentifier()}
    assert own == {*OWN.split(), *row.own.split()}
    assert public - {*SENDING.split(), *row.others.split()} == set()
