"""`doctor`: broken set-ups, each named, each with the command that mends it; and then it is content."""

import atexit
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SCHEMA = Path(__file__).parents[2] / "docs/schemas/doctor.json"
PROGRAM = "docker-credential-gcr"
EMAIL = "ci@my-project.iam.gserviceaccount.com"
ROUNDS = 4  # what is mended may show what else is broken


class TlsRegistry(ThreadingHTTPServer):
    """A registry with a certificate of its own making, which takes any credential."""

    daemon_threads = True

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), TlsHandler)
        self.host = f"localhost:{self.server_port}"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(make_certificate(directory))
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate hangs up."""


class TlsHandler(BaseHTTPRequestHandler):
    server: TlsRegistry

    def do_GET(self) -> None:
        scheme, _, _ = self.headers.get("Authorization", "").partition(" ")
        is_token = self.path.startswith("/token")
        is_known = scheme == ("Basic" if is_token else "Bearer")
        body = b'{"token": "t"}' if is_token and is_known else b"{}"
        self.send_response(200 if is_known else 401)
        realm = f'Bearer realm="https://{self.server.host}/token",service="{self.server.host}"'
        self.send_header("Www-Authenticate", realm)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def make_certificate(directory: Path) -> Path:
    """A certificate of localhost with its key in one file, and itself as CA.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (directory / "CA.pem").write_bytes(pem)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = directory / "server.pem"
    path.write_bytes(private + pem)
    return path


class Machine:
    """A machine on which everything is right: the program on PATH, an emulator, a key for it, an image."""

    def __init__(self, cli: Any, emulator: Any) -> None:
        self.cli = cli
        self.emulator = emulator
        self.registry: str = emulator.registry
        self.directory: Path = cli.directory
        self.programs: Path = cli.programs
        self.write_program = cli.write_program
        self.docker: Path = cli.docker
        self.own: Path = cli.own
        self.write_program(PROGRAM, f'exec "{sys.executable}" -m docker_credential_gcr "$@"')
        main = "from docker_credential_gcr.emulator.cli import main; raise SystemExit(main())"
        self.write_program("gcr-emulator", f'exec "{sys.executable}" -c "{main}" "$@"')
        self.environ: dict[str, str] = dict(cli.environ)
        self.key = Path(shutil.move(emulator.key(), self.directory / "key.json"))
        self.image = f"{self.registry}/my-project/app"
        self.run(f"{PROGRAM} configure-docker --registries {self.registry} --token-source file:key.json")
        shutil.copy(self.key, self.directory / "KEY.json")
        self.closing: list[Callable[[], object]] = []

    def run(self, command: str) -> None:
        """Run a command in this machine's shell; what it exports and unsets stays so."""
        script = f"{command}\nstatus=$?\nenv -0 > .environ\nexit $status"
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            env=self.environ,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        pairs = (self.directory / ".environ").read_text().split("\0")
        self.environ = dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def doctor(self, *names: str) -> list[dict[str, Any]]:
        """The findings, held against their schema, and the exit status against them."""
        self.cli.environ = self.environ
        done = self.cli("doctor", "--json", *names)
        assert done.stderr == ""
        document = json.loads(done.stdout)
        jsonschema.validate(document, json.loads(SCHEMA.read_text()))
        findings: list[dict[str, Any]] = document["findings"]
        has_fault = any(finding["state"] == "fault" for finding in findings)
        assert (done.status, document["is_content"]) == (int(has_fault), not has_fault)
        return findings

    def edit(self, path: Path, change: Callable[[Any], Any]) -> None:
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    def set_sources(self, *sources: str) -> None:
        self.own.write_text(json.dumps({"Registries": {self.registry: {"TokenSources": list(sources)}}}))

    def forget_tokens(self) -> None:
        shutil.rmtree(self.cli.home / ".cache", ignore_errors=True)


@pytest.fixture
def machine(cli: Any, gcr_emulator: Any) -> Iterator[Machine]:
    machine = Machine(cli, gcr_emulator)
    yield machine
    for close in machine.closing:
        close()


@dataclass(frozen=True)
class Setup:
    """How a machine is broken, what `doctor` makes of it, and whether its commands mend it here.

    In `text` (a pattern) and `command`, REGISTRY, HOST, PORT, BIN, HOME and DIR stand for this machine's.
    """

    break_it: Callable[[Machine], object]
    check: str
    text: str
    command: str
    state: str = "fault"
    is_mended: bool = True
    target: str = "REGISTRY/my-project/app"
    needs: str = ""


# Bound, so that nobody else gets it, and never listened on: a port that refuses.
RESERVED = socket.socket()
RESERVED.bind(("127.0.0.1", 0))
atexit.register(RESERVED.close)
CLOSED = RESERVED.getsockname()[1]


def remove_helper(machine: Machine) -> None:
    (machine.programs / PROGRAM).unlink()


def install_googles(machine: Machine) -> None:
    machine.write_program(PROGRAM, "echo Google Container Registry Docker credential helper 2.1.22")


def break_interpreter(machine: Machine) -> None:
    (machine.programs / PROGRAM).write_text("#!/nonexistent/python\n")


def set_helpers(**helpers: str) -> Callable[[Machine], object]:
    def change(machine: Machine) -> None:
        named = {key.replace("REGISTRY", machine.registry): value for key, value in helpers.items()}
        machine.docker.write_text(json.dumps({"credHelpers": named}))

    return change


def add_auths(machine: Machine) -> None:
    login = {machine.registry: {"auth": "dTpw"}}
    machine.edit(machine.docker, lambda content: content | {"auths": login})


def make_docker_a_directory(machine: Machine) -> None:
    machine.docker.unlink()
    machine.docker.mkdir()


def make_a_snap(machine: Machine) -> None:
    machine.write_program("snap", "exit 0")
    (machine.programs / "docker").symlink_to("snap")


def export(**variables: str) -> Callable[[Machine], object]:
    return lambda machine: machine.environ.update(
        {name: value.replace("REGISTRY", machine.registry) for name, value in variables.items()}
    )


def delete_key(machine: Machine) -> None:
    """At the server, as a person with a console would."""
    key_id = json.loads(machine.key.read_text())["private_key_id"]
    url = f"{machine.emulator.url}/v1/projects/my-project/serviceAccounts/{EMAIL}/keys/{key_id}"
    assert machine.emulator._session.delete(url, timeout=30).ok


def delete_account(machine: Machine) -> None:
    url = f"{machine.emulator.url}/v1/projects/my-project/serviceAccounts/{EMAIL}"
    assert machine.emulator._session.delete(url, timeout=30).ok


def use_key_of(role: str | None) -> Callable[[Machine], object]:
    def change(machine: Machine) -> None:
        shutil.copy(machine.emulator.key(role, account="other"), machine.key)
        shutil.copy(machine.key, machine.directory / "KEY.json")

    return change


def use_sources(*sources: str, program: str = "") -> Callable[[Machine], object]:
    def change(machine: Machine) -> None:
        machine.set_sources(*sources)
        machine.environ["CLOUDSDK_AUTH_TOKEN_HOST"] = f"{machine.emulator.url}/token"
        if program:
            machine.write_program("gcloud", program)

    return change


def remove_gcloud(machine: Machine) -> None:
    use_sources("gcloud")(machine)
    machine.environ["PATH"] = str(machine.programs)


def keep_login(machine: Machine) -> None:
    machine.set_sources("store", "file:" + str(machine.directory / "KEY.json"))
    store = machine.own.with_name("docker_credentials.json")
    store.write_text('{"gcrCreds": {"refresh_token": "1//ended", "token_expiry": null, "access_token": ""}}')
    machine.environ["CLOUDSDK_AUTH_TOKEN_HOST"] = f"{machine.emulator.url}/token"
    fault = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
    machine.emulator.faults.set({"path": "/token", "status": 400, "body": json.dumps(fault)})


def set_fault(path: str, status: int | None, body: str = "", **more: object) -> Callable[[Machine], object]:
    return lambda machine: machine.emulator.faults.set({"path": path, "status": status, "body": body, **more})


def configure_another(host: str) -> Callable[[Machine], object]:
    """The same key for another registry, which nobody answers for."""

    def change(machine: Machine) -> None:
        source = {"TokenSources": [f"file:{machine.key}"]}
        machine.own.write_text(json.dumps({"Registries": {host: source}}))
        machine.docker.write_text(json.dumps({"credHelpers": {host: "gcr"}}))

    return change


def configure_tls(machine: Machine) -> None:
    """A registry whose certificate nobody knows, and a sudo that does nothing."""
    registry = TlsRegistry(machine.directory)
    machine.closing.append(registry.close)
    machine.registry = registry.host
    configure_another(registry.host)(machine)
    machine.write_program("sudo", "exit 0")


API_OFF = json.dumps(
    {
        "errors": [
            {
                "code": "DENIED",
                "message": "Artifact Registry API has not been used in project my-project before or it is "
                "disabled. Enable it by visiting https://console.developers.google.com/apis/api/"
                "artifactregistry.googleapis.com/overview?project=my-project then retry.",
            }
        ]
    }
)
ELSEWHERE = {"Www-Authenticate": 'Bearer realm="https://evil.example/token",service="REGISTRY"'}
GIVE_SOURCE = f"{PROGRAM} config --registry REGISTRY --token-source file:KEY.json"
CONFIGURE = f"{PROGRAM} configure-docker --registries REGISTRY"
NEW_KEY = (
    "gcr-emulator key create --server http://REGISTRY --project my-project --account ci "
    "--output DIR/key.json --force"
)
GRANT = (
    "gcr-emulator iam grant --server http://REGISTRY --project my-project "
    f"--member serviceAccount:{EMAIL.replace('ci@', 'other@')} --role "
)
SETUPS: dict[str, Setup] = {
    "the helper is not on PATH": Setup(
        remove_helper,
        "path",
        "is not on PATH, where docker looks for it",
        'export PATH="BIN:$PATH"',
        needs=PROGRAM,
    ),
    "Google's helper comes first on PATH": Setup(
        install_googles,
        "program",
        "is another program: it says Google Container Registry Docker credential helper 2.1.22",
        'export PATH="BIN:$PATH"',
        needs=PROGRAM,
    ),
    "the helper's Python is gone": Setup(
        break_interpreter,
        "program",
        "cannot be run: No such file or directory",
        'export PATH="BIN:$PATH"',
        needs=PROGRAM,
    ),
    "config.json is malformed": Setup(
        lambda machine: machine.docker.write_text('{"auths": {},}'),
        "docker configuration",
        "line 1",
        f"mv HOME/.docker/config.json HOME/.docker/config.json.broken && {CONFIGURE}",
    ),
    "config.json is a directory": Setup(
        make_docker_a_directory,
        "docker configuration",
        "Is a directory",
        f"mv HOME/.docker/config.json HOME/.docker/config.json.broken && {CONFIGURE}",
    ),
    "config.json has helpers that are no object": Setup(
        lambda machine: machine.docker.write_text('{"credHelpers": []}'),
        "docker configuration",
        "'credHelpers' is not an object",
        f"mv HOME/.docker/config.json HOME/.docker/config.json.broken && {CONFIGURE}",
    ),
    "config.json begins with a byte order mark": Setup(
        lambda machine: machine.docker.write_bytes(b"\xef\xbb\xbf" + machine.docker.read_bytes()),
        "docker configuration",
        "begins with a byte order mark, which docker refuses",
        CONFIGURE,
    ),
    "docker asks nobody": Setup(
        lambda machine: machine.docker.unlink(), "not configured", "docker asks no helper for it", CONFIGURE
    ),
    "docker asks another helper": Setup(
        set_helpers(REGISTRY="gcloud"),
        "other helper",
        "docker asks docker-credential-gcloud for it",
        f"{CONFIGURE} --overwrite",
    ),
    "docker asks its own file": Setup(
        set_helpers(REGISTRY=""),
        "other helper",
        "docker asks its own file for it",
        f"{CONFIGURE} --overwrite",
    ),
    "another program is the whole store": Setup(
        lambda machine: machine.docker.write_text('{"credsStore": "desktop"}'),
        "other helper",
        "docker asks docker-credential-desktop for it",
        f"{CONFIGURE} --overwrite",
    ),
    "the registry's name has a scheme": Setup(
        set_helpers(**{"https://REGISTRY": "gcr"}),
        "not configured",
        "docker never asks for 'https://REGISTRY', for it compares byte for byte",
        CONFIGURE,
    ),
    "a stale login is left in auths": Setup(
        add_auths,
        "stale login",
        "holds a login of it, which some clients use instead",
        "docker logout REGISTRY",
        state="warning",
        needs="docker",
    ),
    "a variable outranks helpers": Setup(
        export(DOCKER_AUTH_CONFIG='{"auths": {}}'),
        "variable",
        "DOCKER_AUTH_CONFIG holds logins",
        "unset DOCKER_AUTH_CONFIG",
        state="warning",
    ),
    "docker is a snap": Setup(
        make_a_snap,
        "snap",
        "is a snap, which cannot run a helper from outside of it",
        "sudo snap remove docker && sudo apt-get install docker.io",
        is_mended=False,
    ),
    "the helper's configuration is malformed": Setup(
        lambda machine: machine.own.write_text("{"),
        "configuration",
        "is malformed",
        "mv OWN OWN.broken",
    ),
    "a variable of the helper's is malformed": Setup(
        export(DOCKER_CREDENTIAL_GCR_TIMEOUT="soon"),
        "configuration",
        "DOCKER_CREDENTIAL_GCR_TIMEOUT must be a number of seconds",
        "unset DOCKER_CREDENTIAL_GCR_TIMEOUT",
    ),
    "the registry has no token source": Setup(
        lambda machine: machine.own.unlink(),
        "no source",
        "has no token source: it gets no token",
        GIVE_SOURCE,
    ),
    "no source has a credential": Setup(
        use_sources("none"),
        "no credential",
        "no token source has a credential",
        f"{PROGRAM} login --key-file KEY.json --registries REGISTRY",
    ),
    "the key file is gone": Setup(
        lambda machine: machine.key.unlink(), "key file", "No such file or directory", GIVE_SOURCE
    ),
    "the key file is cut off": Setup(
        lambda machine: machine.key.write_text("{"),
        "key file",
        "is not JSON",
        "gcr-emulator key create "
        "--server http://REGISTRY --project PROJECT --account ACCOUNT --output DIR/key.json --force",
        is_mended=False,
    ),
    "the variable names no file": Setup(
        lambda machine: (
            use_sources("env", f"file:{machine.key}")(machine),
            export(GOOGLE_APPLICATION_CREDENTIALS="/nonexistent")(machine),
        ),
        "variable",
        "GOOGLE_APPLICATION_CREDENTIALS: cannot read key file",
        "unset GOOGLE_APPLICATION_CREDENTIALS",
        is_mended=False,
    ),
    "the key was deleted": Setup(delete_key, "key refused", "invalid_grant: Invalid JWT Signature", NEW_KEY),
    "the account was deleted": Setup(
        delete_account, "key refused", "invalid_grant: Invalid grant: account not found", NEW_KEY
    ),
    "the clock is an hour off": Setup(
        lambda machine: machine.emulator.clock.shift(3700),
        "clock",
        "invalid_grant: Invalid JWT: Token must be a short-lived token",
        "sudo timedatectl set-ntp true",
        is_mended=False,
    ),
    "the login has ended": Setup(
        keep_login,
        "login ended",
        "invalid_grant: Token has been expired or revoked",
        f"{PROGRAM} login",
        is_mended=False,
    ),
    "gcloud is not installed": Setup(
        remove_gcloud,
        "gcloud missing",
        "gcloud is not on PATH",
        f"{PROGRAM} config --token-source store,env",
        is_mended=False,
    ),
    "gcloud is not logged in": Setup(
        use_sources(
            "gcloud",
            program="echo 'ERROR: (gcloud.config.config-helper) You do not currently have an "
            "active account selected.' >&2; exit 1",
        ),
        "gcloud login",
        "gcloud is not logged in",
        "gcloud auth login",
        is_mended=False,
    ),
    "the token endpoint is down": Setup(
        lambda machine: machine.edit(
            machine.key, lambda key: key | {"token_uri": f"http://localhost:{CLOSED}/token"}
        ),
        "token endpoint",
        f"cannot reach localhost:{CLOSED}: Connection refused",
        f"curl -sS -o /dev/null http://localhost:{CLOSED}/",
        is_mended=False,
    ),
    "no right to pull": Setup(
        use_key_of(None), "pull", "answers 403: ", GRANT + "roles/storage.objectViewer"
    ),
    "no right to push": Setup(
        use_key_of("roles/viewer"),
        "push",
        "answers 403: Token exchange failed",
        GRANT + "roles/storage.admin",
        state="warning",
    ),
    "the API is off": Setup(
        set_fault("/v2/token*", 403, API_OFF),
        "API off",
        "Artifact Registry API has not been used in project my-project",
        "gcloud services enable artifactregistry.googleapis.com --project my-project",
        is_mended=False,
    ),
    "the registry is down": Setup(
        configure_another(f"localhost:{CLOSED}"),
        "connection",
        f"cannot reach localhost:{CLOSED}: Connection refused",
        f"curl -si http://localhost:{CLOSED}/v2/",
        is_mended=False,
        target=f"localhost:{CLOSED}",
    ),
    "the registry fails": Setup(
        set_fault("/v2/", 503),
        "registry",
        "the registry fails: http://REGISTRY/v2/ answers 503",
        "curl -si http://REGISTRY/v2/",
        is_mended=False,
    ),
    "the registry is slow": Setup(
        lambda machine: (
            set_fault("/v2/", None, delay_s=20)(machine),
            export(DOCKER_CREDENTIAL_GCR_TIMEOUT="1")(machine),
        ),
        "silent",
        "REGISTRY does not answer in time",
        "curl -si -m 60 http://REGISTRY/v2/",
        is_mended=False,
    ),
    "there is no registry": Setup(
        set_fault("/v2/", 404, "<html>"),
        "registry",
        "there is no registry: http://REGISTRY/v2/ answers 404 without a challenge",
        "curl -si http://REGISTRY/v2/",
        is_mended=False,
    ),
    "the realm is somebody else's": Setup(
        set_fault("/v2/", 401, headers=ELSEWHERE),
        "challenge",
        "it sends clients to evil.example for a token, to whom no credential is shown here",
        f"{PROGRAM} unconfigure-docker --registries REGISTRY",
        is_mended=False,
    ),
    "the certificate is not trusted": Setup(
        configure_tls,
        "tls",
        "the certificate of REGISTRY is not trusted",
        "export REQUESTS_CA_BUNDLE=CA.pem SSL_CERT_FILE=CA.pem; "
        "sudo mkdir -p /etc/docker/certs.d/REGISTRY && sudo cp CA.pem /etc/docker/certs.d/REGISTRY/ca.crt",
        target="REGISTRY",
    ),
    "the name leads nowhere": Setup(
        configure_another("registry.invalid"),
        "name",
        "the name registry.invalid leads nowhere: ",
        "getent hosts registry.invalid",
        is_mended=False,
        target="registry.invalid",
    ),
    "the proxy is down": Setup(
        lambda machine: (
            configure_another("registry.invalid:5000")(machine),
            export(HTTPS_PROXY=f"http://127.0.0.1:{CLOSED}")(machine),
        ),
        "proxy",
        "the proxy that HTTPS_PROXY names does not let it through: Connection refused",
        "export NO_PROXY=registry.invalid",
        is_mended=False,
        target="registry.invalid:5000",
    ),
    "the cache cannot be written": Setup(
        export(DOCKER_CREDENTIAL_GCR_CACHE_DIR="/dev/null/cache"),
        "cache",
        "tokens cannot be kept in '/dev/null/cache': each call buys a new one",
        'export DOCKER_CREDENTIAL_GCR_CACHE_DIR="$(mktemp -d)"',
        state="warning",
        is_mended=False,
    ),
    "the image is not there": Setup(
        lambda _: None,
        "image",
        "REGISTRY/my-project/app:v1 is not there: the registry answers 404",
        f'curl -s -H "Authorization: Bearer $({PROGRAM} print-token REGISTRY)" '
        "http://REGISTRY/v2/my-project/app/tags/list",
        state="warning",
        is_mended=False,
        target="REGISTRY/my-project/app:v1",
    ),
}


@pytest.mark.parametrize("name", SETUPS)
def test_a_broken_set_up_is_named_with_the_command_that_mends_it(machine: Machine, name: str) -> None:
    setup = SETUPS[name]
    if setup.needs and not find_program(setup.needs):
        pytest.skip(f"no {setup.needs} to mend it with: install it")

    def fill(text: str, quote: Callable[[str], str] = str) -> str:
        places = {
            "REGISTRY": machine.registry,
            "BIN": str(Path(sys.executable).parent),
            "HOME": str(machine.cli.home),
            "OWN": str(machine.own),
            "DIR": str(machine.directory),
        }
        return re.sub(rf"\b({'|'.join(places)})\b", lambda match: quote(places[match[0]]), text)

    machine.forget_tokens()
    setup.break_it(machine)
    target = fill(setup.target)

    findings = machine.doctor(target)

    found = [finding for finding in findings if finding["state"] != "ok"]
    named = [finding for finding in found if finding["check"] == setup.check]
    assert [(f["state"], f["command"]) for f in named] == [(setup.state, fill(setup.command))], found
    assert fill(setup.text) in named[0]["text"]
    if setup.is_mended:
        assert mend(machine, target, found) == []


def find_program(name: str) -> bool:
    """Whether it is there beside the one in the machine's own directory."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.defpath))
    return shutil.which(name, path=path) is not None


def mend(machine: Machine, target: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Run the commands as they are printed, until nothing is left to mend; what is."""
    for _ in range(ROUNDS):
        for finding in found:
            machine.run(finding["command"])
        machine.forget_tokens()
        found = [finding for finding in machine.doctor(target) if finding["state"] != "ok"]
        if not found:
            break
    return found


def test_a_machine_on_which_all_is_right(machine: Machine) -> None:
    findings = machine.doctor(machine.image)

    texts = [(finding["check"], finding["state"], finding["command"]) for finding in findings]
    checks = ("program", "docker configuration", "helper", "connection", "clock", "challenge", "pull", "push")
    assert texts == [(check, "ok", None) for check in checks]
    assert findings[2]["text"] == f"gives a credential of {EMAIL}"


def test_without_a_name_all_configured_registries_are_examined(machine: Machine) -> None:
    machine.edit(machine.own, lambda own: {"Registries": own["Registries"] | {"localhost:1": {}}})

    findings = machine.doctor()

    assert {finding["registry"] for finding in findings} == {None, machine.registry, "localhost:1"}
    assert [f["check"] for f in findings if f["registry"] == "localhost:1" and f["state"] == "fault"] == [
        "not configured",
        "no credential",
        "connection",
    ]


def test_what_names_no_registry_is_a_usage_error(cli: Any) -> None:
    outcome = cli("doctor", "*.gcr.io")

    assert (outcome.status, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("docker-credential-gcr: '*.gcr.io' is no registry: ")


def test_no_secret_is_shown(machine: Machine) -> None:
    texts = json.dumps(machine.doctor(machine.image)) + json.dumps(machine.doctor(machine.registry))

    assert re.findall(r"ya29\.|PRIVATE KEY|eyJ", texts) == []
