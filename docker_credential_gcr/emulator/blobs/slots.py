"""Small records that live for moments, in a file of fixed places: each costs a write, and nothing to undo.

    SLOT SLOT SLOT …    4096 bytes each
    SLOT                LENGTH CRC32 RECORD, the numbers in four bytes, little-endian; no length, no record

A record outlives the process that put it, however that ends; not the machine's loss of power.
"""

import os
import struct
import zlib
from pathlib import Path

from docker_credential_gcr.emulator.private_file import replace_file

_SIZE = 4096
_HEAD = struct.Struct("<II")
_COUNT = 256
_NOTHING = bytes(_HEAD.size)


class Slots:
    """The records of one process, by key, in the file at that path; no other process may put any into it."""

    def __init__(self, path: Path) -> None:
        """What the file holds already is for `read`, until `clear`."""
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._slots: dict[str, int] = {}
        # The first ones first: what was never used takes no room on the disk.
        self._free = list(reversed(range(_COUNT)))

    def put(self, key: str, record: bytes) -> bool:
        """Keep a record, in place of the key's last one; False where it cannot be, and that one stays."""
        if len(record) > _SIZE - _HEAD.size or not self._free:
            return False
        slot = self._free.pop()
        # In another slot than the last one: of two that were cut short none would be left.
        content = _HEAD.pack(len(record), zlib.crc32(record)) + record
        try:
            is_written = os.pwrite(self._descriptor, content, slot * _SIZE) == len(content)
        except OSError:
            is_written = False
        if is_written:
            self.drop(key)
            self._slots[key] = slot
        else:
            self._release(slot)
        return is_written

    def drop(self, key: str) -> None:
        """Forget the key's record, if there is one."""
        slot = self._slots.pop(key, None)
        if slot is not None:
            self._release(slot)

    def read(self) -> list[bytes]:
        """The records in the file that are whole."""
        found = []
        size = os.fstat(self._descriptor).st_size
        for offset in range(0, size, _SIZE):
            slot = os.pread(self._descriptor, _SIZE, offset)
            length, checksum = _HEAD.unpack(slot[: _HEAD.size].ljust(_HEAD.size, b"\0"))
            record = slot[_HEAD.size : _HEAD.size + length]
            if record and len(record) == length and zlib.crc32(record) == checksum:
                found.append(record)
        return found

    def set_aside(self) -> Path:
        """Keeps a copy of the file as it is; where."""
        copy = self._path.with_name(f"{self._path.name}.unreadable")
        replace_file(copy, self._path.read_bytes())
        return copy

    def clear(self) -> None:
        """Forget all records."""
        self._slots.clear()
        self._free = list(reversed(range(_COUNT)))
        os.truncate(self._descriptor, 0)

    def close(self) -> None:
        """Close the file; the records stay, and nothing is put any more."""
        self._slots.clear()
        self._free.clear()
        os.close(self._descriptor)

    def _release(self, slot: int) -> None:
        try:
            os.pwrite(self._descriptor, _NOTHING, slot * _SIZE)
        except OSError:  # what cannot be forgotten is of use to nobody, and goes with the next `clear`
            return
        self._free.append(slot)
