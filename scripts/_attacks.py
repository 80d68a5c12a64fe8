"""What the emulator holds while one client attacks its memory, and how long another client waits meanwhile.

Each attack meets a server of its own, as a process; where root has memory cgroups, in one of the limit.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from _attack_table import ATTACKS, Target, push_blob, push_image
from _environment import Failed
from _load import FORK, Connection, Endpoint
from _registry_servers import run_emulator

LIMIT = 300 * 1024 * 1024
# Where the groups of version 1 and 2 are, and what bounds one.
_CGROUPS = {"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"}


def measure(
    serve: Sequence[str], environ: Mapping[str, str], work: Path, project: str
) -> Iterator[tuple[str, bool]]:
    """Lines to print, and whether the server kept the limit and the attack came to its end."""
    work.mkdir()
    for number, (name, attack) in enumerate(ATTACKS.items()):
        place = work / str(number)
        with run_emulator(serve, environ, place, project) as server, _bounded(server.pid):
            token = (place / "data" / "keys" / "operator-token").read_text().strip()
            target = Target(server.open("attacked"), project, token)
            try:
                slowest, count = _attend(server.open("bystander"), attack, target)
                peak = _read_peak(server.pid)
            except (Failed, OSError) as error:
                yield f"{name}: {error}", False
                continue
        said = f"peak {peak / 2**20:.0f} MiB; {count} answers to another client, the slowest after"
        yield f"{name}: {said} {slowest * 1000:.0f} ms", peak < LIMIT


def _attend(endpoint: Endpoint, attack: Callable[[Target], None], target: Target) -> tuple[float, int]:
    """Pulls and pushes while the attack lasts; the slowest answer, in seconds, and how many there were.

    Raises Failed where an answer is wrong, or the attack met with what it does not expect.
    """
    connection, (slowest, count) = Connection(endpoint), (0.0, 0)
    push_image(connection, endpoint.repository, {})
    attacker = FORK.Process(target=attack, args=(target,), daemon=True)
    attacker.start()
    try:
        while attacker.is_alive():
            began = time.perf_counter()
            connection.ask("GET", f"/v2/{endpoint.repository}/manifests/latest", expected=200)
            pulled = time.perf_counter()
            push_blob(connection, endpoint.repository, b"blob %d" % count)
            slowest, count = max(slowest, pulled - began, time.perf_counter() - pulled), count + 2
            time.sleep(0.01)
    finally:
        attacker.kill()
        attacker.join()
    if attacker.exitcode:
        raise Failed("the attack ended before its end, see above")
    return slowest, count


def _read_peak(pid: int) -> int:
    """The most memory that the process has held, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} has ended")


@contextmanager
def _bounded(pid: int) -> Iterator[None]:
    """Keeps the process in a memory cgroup, which kills it beyond the limit, where one can be made."""
    for root, file in _CGROUPS.items():
        group = Path(root, f"gcr-emulator-{pid}")
        try:
            group.mkdir()
            (group / file).write_text(str(LIMIT))
            (group / "cgroup.procs").write_text(str(pid))
        except OSError:
            with suppress(OSError):
                group.rmdir()
            continue
        try:
            yield
        finally:
            with suppress(OSError):
                Path(root, "cgroup.procs").write_text(str(pid))
            with suppress(OSError):
                group.rmdir()
        return
    yield
