"""gcr-emulator trust: makes programs of this machine trust the emulator's certificate authority."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from docker_credential_gcr.emulator.cli.options import say, with_ca
from docker_credential_gcr.emulator.client.environment import CA_VARIABLES
from docker_credential_gcr.emulator.client.rest import EmulatorError
from docker_credential_gcr.emulator.client.server_url import format_registry, is_host, strip_brackets

if TYPE_CHECKING:
    from .trust_files import TrustFile

_CLIENTS = ("docker", "containers", "containerd", "system")
# Without `system`: all programs of the machine trust what the system trusts, so the user must ask for it.
_DEFAULT = ("docker", "containers", "containerd")
# Set in another way: by gcloud config, and by the --ca that this command was given.
_SET_OTHERWISE = ("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", "GCR_EMULATOR_CA")


def _parse_host(text: str) -> str:
    # An IPv6 address contains colons: here it is in brackets.
    address, bracket, rest = text.partition("]")
    name, colon, port = (f"{address}]", rest[:1], rest[1:]) if bracket else text.partition(":")
    is_port = colon in ("", ":") and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536
    if not is_host(strip_brackets(name)) or (colon and not is_port):
        raise click.BadParameter(f"{text!r} is not the host of a registry, such as gcr.io or localhost:5000")
    return text.lower()


@click.command()
@click.option(
    "--for",
    "clients",
    type=click.Choice(_CLIENTS),
    multiple=True,
    default=_DEFAULT,
    show_default=True,
    help="A program that is to trust it; containers is podman, buildah and skopeo. May be repeated.",
)
@click.option(
    "--host",
    "hosts",
    type=_parse_host,
    metavar="HOST",
    multiple=True,
    help="A registry for which it is trusted; the default is that of --server. May be repeated.",
)
@click.option("--apply", "action", flag_value="apply", help="Write the files.")
@click.option("--remove", "action", flag_value="remove", help="Remove the files.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("/"),
    show_default=True,
    help="The directory that contains etc.",
)
@with_ca
def trust(
    url: str,
    ca: Path | None,
    clients: tuple[str, ...],
    hosts: tuple[str, ...],
    action: str | None,
    root: Path,
) -> None:
    """Make programs of this machine trust the emulator's certificate authority.

    \b
    gcr-emulator trust --server https://localhost:5000 \\
      --ca DATA/keys/ca.pem | sudo sh
    sudo gcr-emulator trust --host gcr.io --ca DATA/keys/ca.pem --apply

    Without --apply and --remove nothing is changed: the commands that would do it are printed, with the
    settings that gcloud and other clients need.
    """
    # 30 ms for cryptography, which no other command needs.
    from . import trust_files as files

    if ca is None:
        raise EmulatorError("no certificate authority is given: name it with --ca DATA/keys/ca.pem")
    try:
        certificate = files.load_certificate(ca)
        planned = files.plan(clients, hosts or (format_registry(url),), certificate, root)
        update = files.find_store(root).update if "system" in clients else None
        if action is None:
            click.echo(
                "".join(f"{line}\n" for line in _format_script(planned, ca.absolute(), update)), nl=False
            )
            return
        _ACTIONS[action](planned)
    except files.CannotTrust as error:
        raise EmulatorError(str(error)) from error
    if update is not None:
        _update(update, root)


def _format_script(planned: "Sequence[TrustFile]", ca: Path, update: tuple[str, ...] | None) -> list[str]:
    """Returns shell commands that write the files, and as comments the settings of the user's programs."""
    lines = []
    for file in planned:
        path = shlex.quote(str(file.path))
        if file.path.suffix == ".crt":
            lines.append(f"install -D -m 644 {shlex.quote(str(ca))} {path}")
        else:
            lines.append(f"cat > {path} <<'END'\n{file.text}END")
    if update is not None:
        lines.append(shlex.join(update))
    named = shlex.quote(str(ca))
    lines.append(f"# gcloud: gcloud config set core/custom_ca_certs_file {named}")
    read = {name: client for name, client in CA_VARIABLES.items() if name not in _SET_OTHERWISE}
    lines += [f"# {client}: export {name}={named}" for name, client in read.items()]
    return lines


def _apply(planned: "Sequence[TrustFile]") -> None:
    from .trust_files import CannotTrust, write

    for file in planned:
        if file.is_foreign():
            raise CannotTrust(f"{file.path} was not written by gcr-emulator: add to it\n{file.text}".rstrip())
    for file in planned:
        write(file)
        say(f"wrote {file.path}")


def _remove(planned: "Sequence[TrustFile]") -> None:
    from .trust_files import remove

    removed = [file.path for file in planned if remove(file)]
    for path in removed:
        say(f"removed {path}")
    if not removed:
        say("nothing to remove")


_ACTIONS = {"apply": _apply, "remove": _remove}


def _update(command: tuple[str, ...], root: Path) -> None:
    """Runs the system's update of its authorities; prints the command instead for another root."""
    if root != Path("/"):
        say(f"run there: {shlex.join(command)}")
        return
    try:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmulatorError(f"{shlex.join(command)} failed: {error}") from error
