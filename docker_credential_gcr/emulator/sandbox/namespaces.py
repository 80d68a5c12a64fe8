"""A mount, a network and a PID namespace for a command: what is not in them cannot be reached.

https://man7.org/linux/man-pages/man7/namespaces.7.html
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# https://man7.org/linux/man-pages/man2/unshare.2.html and mount.2.html
_NEW_MOUNTS, _NEW_NETWORK, _NEW_USERS, _NEW_PIDS = 0x0002_0000, 0x4000_0000, 0x1000_0000, 0x2000_0000
_MS_BIND, _MS_RECURSIVE, _MS_PRIVATE = 0x1000, 0x4000, 0x4_0000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
# https://man7.org/linux/man-pages/man7/netdevice.7.html
_GET_FLAGS, _SET_FLAGS, _SET_ADDRESS, _SET_MASK = 0x8913, 0x8914, 0x8916, 0x891C
_IFF_UP = 1
_FLAGS = struct.Struct("16sH22x")
_ADDRESS = struct.Struct("16sHH4s16x")


class NoNamespaces(Exception):
    """This machine does not let the process have namespaces of its own; the message says why."""


def enter() -> None:
    """Moves this process, which must have no other thread, into a mount and a network namespace.

    A user who is not root gets them within a user namespace, and keeps the same number there.
    Raises NoNamespaces.
    """
    if sys.platform != "linux":
        raise NoNamespaces(f"{sys.platform} has no network namespaces")
    user, group = os.geteuid(), os.getegid()
    with _refusals():
        try:
            _unshare(_NEW_MOUNTS | _NEW_NETWORK)
        except PermissionError:
            _unshare(_NEW_USERS | _NEW_MOUNTS | _NEW_NETWORK)
            # Without this the kernel takes no map of groups from who is not root.
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        # What is mounted from now on, no other namespace sees.
        _mount("none", "/", _MS_RECURSIVE | _MS_PRIVATE)


def enter_processes() -> None:
    """Has the children of this process, which stays outside, be in a PID namespace. Raises NoNamespaces.

    The first child is PID 1. This process cannot start a thread any more.
    """
    with _refusals():
        _unshare(_NEW_PIDS | _NEW_MOUNTS)


def mount_processes() -> None:
    """Has /proc show the PID namespace that this process is in, where the kernel lets it.

    In a container that masks files of /proc the kernel lets no user namespace mount another: /proc stays the
    container's, where processes have their numbers outside. mount_namespaces(7), "Restrictions"
    """
    with suppress(OSError):
        _mount("proc", "/proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "proc")


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoNamespaces(f"the kernel refuses private namespaces: {error.strerror}") from error


def bring_up_loopback(*addresses: str) -> None:
    """Have the loopback interface work, under those addresses too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _, flags = _FLAGS.unpack(fcntl.ioctl(control, _GET_FLAGS, _FLAGS.pack(b"lo", 0)))
        fcntl.ioctl(control, _SET_FLAGS, _FLAGS.pack(b"lo", flags | _IFF_UP))
        for number, address in enumerate(addresses):
            # One machine's address, no network's: it is all that is to be found there.
            for request, value in ((_SET_ADDRESS, address), (_SET_MASK, "255.255.255.255")):
                packed = _ADDRESS.pack(b"lo:%d" % number, socket.AF_INET, 0, socket.inet_aton(value))
                fcntl.ioctl(control, request, packed)


def cover(path: Path, behind: Path, text: str) -> None:
    """Shows that text, which goes into the file `behind`, in place of `path`. Raises NoNamespaces.

    `behind` stays: no container tool could mount over a file without a name. mount(2), ENOENT.
    """
    behind.write_text(text, encoding="utf-8")
    behind.chmod(0o644)
    hide(path, behind)


def hide(path: Path, behind: Path = Path(os.devnull)) -> None:
    """Show the one file in place of the other. Raises NoNamespaces."""
    try:
        _mount(str(behind), str(path), _MS_BIND)
    except OSError as error:
        raise NoNamespaces(f"{path} cannot be replaced: {error.strerror}") from error


def _unshare(flags: int) -> None:
    _check(_libc().unshare(ctypes.c_int(flags)))


def _mount(source: str, target: str, flags: int, kind: str = "none") -> None:
    found = [ctypes.c_char_p(os.fsencode(text)) for text in (source, target, kind)]
    _check(_libc().mount(*found, ctypes.c_ulong(flags), None))


def _libc() -> ctypes.CDLL:
    # Python has os.unshare from 3.12 on, and no mount.
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
