"""Mount, network and PID namespaces for a command: it reaches only what is in them.

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
    """The kernel does not let this process create namespaces; the message says why."""


def enter() -> None:
    """Moves this process, which must have one thread only, into new mount and network namespaces.

    A user who is not root gets them in a user namespace, with the same user ID. Raises NoNamespaces.
    """
    if sys.platform != "linux":
        raise NoNamespaces(f"{sys.platform} has no network namespaces")
    user, group = os.geteuid(), os.getegid()
    with _translate_refusals():
        try:
            _unshare(_NEW_MOUNTS | _NEW_NETWORK)
        except PermissionError:
            _unshare(_NEW_USERS | _NEW_MOUNTS | _NEW_NETWORK)
            # Without this the kernel accepts a group map from root only.
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        # No other namespace sees what is mounted from here on.
        _mount("none", "/", _MS_RECURSIVE | _MS_PRIVATE)


def enter_pid_namespace() -> None:
    """Puts the children of this process, which stays outside, into a new PID namespace. Raises NoNamespaces.

    The first child is PID 1. After this, this process cannot start a thread.
    """
    with _translate_refusals():
        _unshare(_NEW_PIDS | _NEW_MOUNTS)


def mount_proc() -> None:
    """Mounts the /proc of this process's PID namespace, if the kernel allows it.

    In a container that masks files of /proc, a user namespace cannot mount another: /proc stays the
    container's, with the PIDs of the outer namespace. mount_namespaces(7), "Restrictions"
    """
    with suppress(OSError):
        _mount("proc", "/proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "proc")


@contextmanager
def _translate_refusals() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NoNamespaces(f"the kernel refuses private namespaces: {error.strerror}") from error


def bring_up_loopback(*addresses: str) -> None:
    """Brings up the loopback interface, and adds addresses to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        _, flags = _FLAGS.unpack(fcntl.ioctl(control, _GET_FLAGS, _FLAGS.pack(b"lo", 0)))
        fcntl.ioctl(control, _SET_FLAGS, _FLAGS.pack(b"lo", flags | _IFF_UP))
        for number, address in enumerate(addresses):
            # /32: the address of one host, without a network.
            for request, value in ((_SET_ADDRESS, address), (_SET_MASK, "255.255.255.255")):
                packed = _ADDRESS.pack(b"lo:%d" % number, socket.AF_INET, 0, socket.inet_aton(value))
                fcntl.ioctl(control, request, packed)


def cover(path: Path, behind: Path, text: str) -> None:
    """Replaces `path` with the text, which is written to the file `behind`. Raises NoNamespaces.

    `behind` must stay: container tools cannot mount over a deleted file. mount(2), ENOENT.
    """
    behind.write_text(text, encoding="utf-8")
    behind.chmod(0o644)
    hide(path, behind)


def hide(path: Path, behind: Path = Path(os.devnull)) -> None:
    """Mounts `behind` over `path`. Raises NoNamespaces."""
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
