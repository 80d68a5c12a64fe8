"""The broken set-ups that `doctor` knows, and what it says of each."""

import atexit
import json
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass

from .machine import EMAIL, PROGRAM, Machine
from .tls_registry import TlsRegistry


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
    needs: tuple[str, ...] = ()


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
    (machine.programs / PROGRAM).write_text("#!absent/python\n")


def set_helpers(**helpers: str) -> Callable[[Machine], object]:
    def change(machine: Machine) -> None:
        named = {key.replace("REGISTRY", machine.registry): value for key, value in helpers.items()}
        machine.docker.write_text(json.dumps({"credHelpers": named}))

    return change


def add_auths(machine: Machine) -> None:
    # With docker itself to take the login away again, wherever on PATH it is.
    (machine.programs / "docker").symlink_to(shutil.which("docker") or "")
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
    ),
    "Google's helper comes first on PATH": Setup(
        install_googles,
        "program",
        "is another program: it says Google Container Registry Docker credential helper 2.1.22",
        'export PATH="BIN:$PATH"',
    ),
    "the helper's Python is gone": Setup(
        break_interpreter,
        "program",
        "cannot be run: No such file or directory",
        'export PATH="BIN:$PATH"',
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
        needs=("docker",),
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
            export(GOOGLE_APPLICATION_CREDENTIALS=str(machine.directory / "absent"))(machine),
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
