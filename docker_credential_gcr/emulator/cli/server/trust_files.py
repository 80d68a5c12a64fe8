"""Trust files: paths and contents by which programs trust the emulator's certificate authority.

ROOT/
  etc/docker/certs.d/HOST/gcr-emulator.crt        https://docs.docker.com/engine/security/certificates/
  etc/containers/certs.d/HOST/gcr-emulator.crt    containers-certs.d(5): podman, buildah, skopeo
  etc/containerd/certs.d/HOST/gcr-emulator.crt
  etc/containerd/certs.d/HOST/hosts.toml          https://github.com/containerd/containerd/blob/main/docs/hosts.md
  usr/local/share/ca-certificates/gcr-emulator.crt, or another directory of the system
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from docker_credential_gcr.emulator.runtime.files import find_status, read_file
from docker_credential_gcr.files import write_file

# A separate file: each of these programs reads every .crt of the directory.
NAME = "gcr-emulator.crt"
_MARK = "# written by gcr-emulator trust\n"
_HOSTS_TOML = _MARK + 'server = "https://{host}"\n\n[host."https://{host}"]\n  ca = "/{ca}"\n'


class CannotTrust(Exception):
    """The files cannot be written; the message says why."""


@dataclass(frozen=True)
class Store:
    """The authorities of a system: the directory for a new one, and the command that then reads them all."""

    directory: str
    update: tuple[str, ...]


# Debian's, where --fresh also removes authorities without a file; Fedora's.
_STORES = (
    Store("usr/local/share/ca-certificates", ("update-ca-certificates", "--fresh")),
    Store("etc/pki/ca-trust/source/anchors", ("update-ca-trust", "extract")),
)


@dataclass(frozen=True)
class TrustFile:
    """A file and its whole content."""

    path: Path
    text: str

    def is_foreign(self) -> bool:
        """Returns whether another program or person wrote the file that is there."""
        if self.path.name == NAME or not find_status(self.path):
            return False
        return not read_file(self.path).startswith(_MARK.encode())


def load_certificate(ca: Path) -> str:
    """Returns the authority in a file, in PEM. Raises CannotTrust, also for a file that holds a key too."""
    try:
        data = read_file(ca)
        certificate = x509.load_pem_x509_certificate(data)
    except OSError as error:
        raise CannotTrust(f"{ca} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CannotTrust(f"{ca} holds no certificate in PEM") from error
    if b"PRIVATE KEY" in data:
        raise CannotTrust(f"{ca} holds a private key: name the file of the authority, DATA/keys/ca.pem")
    return certificate.public_bytes(Encoding.PEM).decode("ascii")


def plan(clients: Iterable[str], hosts: Sequence[str], certificate: str, root: Path) -> list[TrustFile]:
    """Returns the files by which clients trust the authority for those hosts. Raises CannotTrust."""
    return [file for client in clients for file in _plan_client(client, hosts, certificate, root)]


def find_store(root: Path) -> Store:
    """Returns the store of the system at the root. Raises CannotTrust."""
    for store in _STORES:
        if find_status(root / store.directory):
            return store
    raise CannotTrust(f"{root} has no known store of certificate authorities")


def write(file: TrustFile) -> None:
    """Writes the file, readable by all users. Raises CannotTrust."""
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        write_file(file.path, file.text.encode("utf-8"), mode=0o644)
    except OSError as error:
        raise CannotTrust(f"{file.path} cannot be written: {error.strerror}") from error


def remove(file: TrustFile) -> bool:
    """Removes the file, and its host's directory if that is then empty.

    Returns whether the file was there and ours. Raises CannotTrust.
    """
    if not find_status(file.path) or file.is_foreign():
        return False
    try:
        file.path.unlink()
        if file.path.parent.parent.name == "certs.d" and not any(file.path.parent.iterdir()):
            file.path.parent.rmdir()
    except OSError as error:
        raise CannotTrust(f"{file.path} cannot be removed: {error.strerror}") from error
    return True


def _plan_client(client: str, hosts: Iterable[str], certificate: str, root: Path) -> Iterator[TrustFile]:
    if client == "system":
        yield TrustFile(root / find_store(root).directory / NAME, certificate)
        return
    for host in hosts:
        directory = f"etc/{client}/certs.d/{host}"
        yield TrustFile(root / directory / NAME, certificate)
        if client == "containerd":
            settings = _HOSTS_TOML.format(host=host, ca=f"{directory}/{NAME}")
            yield TrustFile(root / directory / "hosts.toml", settings)
