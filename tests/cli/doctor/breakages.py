"""Breakages of a machine: functions that break what `doctor` examines."""

import atexit
import json
import shutil
import socket
import sys
from collections.abc import Callable

from cli.doctor.machine import EMAIL, PROGRAM, Machine, Serve
from support.servers.tls_registry import TlsRegistry

# A port that refuses: bound, so that no other program gets it, and not listened on.
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


def cut_interpreter(machine: Machine) -> None:
    """Installs a script whose `#!` line is cut at a space; its interpreter mends it, and runs the helper."""
    script, python = machine.programs / PROGRAM, machine.directory / "a b" / "python"
    mend = f"from docker_credential_gcr.helper import launcher; launcher.main(lambda: {str(script)!r})"
    python.parent.mkdir()
    python.write_text(
        f'#!/bin/sh\n[ "$1" = -m ] && exec {sys.executable} -c "{mend}"\n'
        f'shift\nexec {sys.executable} -m docker_credential_gcr "$@"\n'
    )
    python.chmod(0o755)
    script.write_text(f"#!{python}\n")


def set_helpers(**helpers: str) -> Callable[[Machine], object]:
    def change(machine: Machine) -> None:
        named = {key.replace("REGISTRY", machine.registry): value for key, value in helpers.items()}
        machine.docker.write_text(json.dumps({"credHelpers": named}))

    return change


def add_auths(machine: Machine) -> None:
    # docker itself removes the login again, so it is put on the machine's PATH.
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


def make_sudo(line: str) -> Callable[[Machine], object]:
    """Writes a sudo that changes this fake machine as the command would change a real one."""
    return lambda machine: machine.write_program("sudo", line)


def log_in_to_gcloud_later(machine: Machine) -> None:
    """Writes a gcloud that gives a token after `gcloud auth login`, and none before."""
    token = machine.cli("print-token", machine.registry).stdout.strip()
    assert token
    machine.set_sources("gcloud")
    machine.environ["CLOUDSDK_AUTH_TOKEN_HOST"] = f"{machine.emulator.url}/token"
    answer = json.dumps({"credential": {"access_token": token}})
    refusal = "ERROR: (gcloud.config.config-helper) You do not currently have an active account selected."
    machine.write_program(
        "gcloud",
        f"""cd "{machine.directory}"
case "$*" in "auth login") touch logged-in; exit;; esac
[ -e logged-in ] || {{ echo '{refusal}' >&2; exit 1; }}
echo '{answer}'""",
    )


def disable_api(machine: Machine) -> None:
    """Disables Artifact Registry's API in a project that has a repository."""
    parent = f"{machine.emulator.url}/v1/projects/my-project"
    session = machine.emulator._session
    repositories = f"{parent}/locations/us/repositories"
    assert session.post(repositories, params={"repositoryId": "images"}, json={"format": "DOCKER"}).ok
    assert session.post(f"{parent}/services/artifactregistry.googleapis.com:disable", json={}).ok


def stop_emulator(machine: Machine) -> None:
    """Starts an emulator in a separate process, with its state in a directory, and stops it."""
    machine.environ["GCR_EMULATOR_DATA"] = str(machine.directory / "data")
    with Serve(machine, "--port", "0", "--project", "my-project") as served:
        machine.registry = served.registry
        machine.run(
            f"gcr-emulator key create --server {served.url} --project my-project --account ci "
            "--role roles/editor --output key.json --force"
        )
    configure_another(machine.registry)(machine)


def delete_key(machine: Machine) -> None:
    """Deletes the key at the server, as a user of a console would."""
    key_id = json.loads(machine.key.read_text())["private_key_id"]
    url = f"{machine.emulator.url}/v1/projects/my-project/serviceAccounts/{EMAIL}/keys/{key_id}"
    assert machine.emulator._session.delete(url, timeout=30).ok


def use_token_first(break_it: Callable[[Machine], object]) -> Callable[[Machine], object]:
    """Returns a function that caches a token of the key, and then breaks the machine."""

    def change(machine: Machine) -> None:
        assert machine.cli("print-token", machine.registry).status == 0
        break_it(machine)

    return change


def void_token(machine: Machine) -> None:
    """Replaces the token in the cache by an invalid one, as after a change of the signing key."""
    for path in (machine.cli.home / ".cache/docker-credential-gcr").glob("*.json"):
        document = json.loads(path.read_text())
        path.write_text(json.dumps(document | {"access_token": "ya29.of-another-time"}))


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
    machine.environ |= machine.authorization_server.environ
    machine.environ["BROWSER"] = "browser"
    browse = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"
    machine.write_program("browser", f'exec "{sys.executable}" -c "{browse}" "$1"')


def set_fault(path: str, status: int | None, body: str = "", **more: object) -> Callable[[Machine], object]:
    return lambda machine: machine.emulator.faults.set({"path": path, "status": status, "body": body, **more})


def configure_another(host: str) -> Callable[[Machine], object]:
    """Configures the same key for another registry, which does not answer."""

    def change(machine: Machine) -> None:
        source = {"TokenSources": [f"file:{machine.key}"]}
        machine.own.write_text(json.dumps({"Registries": {host: source}}))
        machine.docker.write_text(json.dumps({"credHelpers": {host: "gcr"}}))

    return change


def configure_tls(machine: Machine) -> None:
    """Starts a registry with an unknown certificate, and writes a sudo that does nothing."""
    registry = TlsRegistry(machine.directory)
    machine.closing.append(registry.close)
    machine.registry = registry.host
    configure_another(registry.host)(machine)
    machine.write_program("sudo", "exit 0")
