"""Memory of the emulator under attack by one client, and the waiting time of another client.

Each attack has a separate server process; as root with memory cgroups, in a cgroup with the limit.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from _environment import Failed

from benchmarks.attack_table import ATTACKS, Target, push_blob, push_image
from benchmarks.load import FORK, Connection, Endpoint
from benchmarks.servers import run_emulator

LIMIT = 300 * 1024 * 1024
# The roots of cgroups version 1 and 2, and the file of a group's memory limit.
_CGROUPS = {"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"}


def measure(
    serve: Sequence[str], environ: Mapping[str, str], work: Path, project: str
) -> Iterator[tuple[str, bool]]:
    """Yields lines to print, each with whether the server kept the limit and the attack ran to its end."""
    work.mkdir()
    for number, (name, attack) in enumerate(ATTACKS.items()):
        place = work / str(number)
        with run_emulator(serve, environ, place, project) as server, _bounded(server.pid):
            token = (place / "data" / "keys" / "operator-token").read_text().strip()
            target = Target(server.open("attacked"), project, token)
            try:
                slowest, count = _pull_and_push_during(server.open("bystander"), attack, target)
                peak = _read_peak(server.pid)
            except (Failed, OSError) as error:
                yield f"{name}: {error}", False
                continue
        said = f"peak {peak / 2**20:.0f} MiB; {count} answers to another client, the slowest after"
        yield f"{name}: {said} {slowest * 1000:.0f} ms", peak < LIMIT


def _pull_and_push_during(
    endpoint: Endpoint, attack: Callable[[Target], None], target: Target
) -> tuple[float, int]:
    """Pulls and pushes during the attack; returns the slowest answer in seconds, and the number of answers.

    Raises Failed if an answer is wrong, or if the attack itself failed.
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
    """Returns the peak memory of the process in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} has ended")


@contextmanager
def _bounded(pid: int) -> Iterator[None]:
    """Puts the process into a memory cgroup, which kills it beyond the limit, if one can be created."""
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
