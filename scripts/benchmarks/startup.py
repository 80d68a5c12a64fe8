"""Start time of each command, as a multiple of `python -c pass` of its environment, in pairs."""

import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from _emulator_process import emulator
from _environment import isolated_environ, run

from benchmarks.helper import BEST, Pairs, fetch_credential, time_spawn
from benchmarks.servers import RegistryServer, run_emulator

ROUNDS, QUICK_ROUNDS = 30, 14
HELPER, EMULATOR = "docker-credential-gcr", "gcr-emulator"
HEADER = f"{'started':36}{'median ms':>10}{'best ms':>9}{'x bare':>8}{'x of best':>11}  limit"


@dataclass(frozen=True)
class Start:
    """A command: `time` runs it once and returns the seconds, `bare` does that with `python -c pass`."""

    name: str
    bare: Callable[[], float]
    time: Callable[[], float]
    limit: float | None = None


@dataclass(frozen=True)
class Programs:
    """Installed programs, their environment variables, and the registry for `get`."""

    directory: Path
    environ: Mapping[str, str]
    registry: str = ""

    def start(self, name: str, *words: str, limit: float | None = None) -> Start:
        """Returns the start of a command that ends by itself."""
        return Start(name, self._spawn("python", "-c", "pass"), self._spawn(*words), limit)

    def start_first_get(self, name: str, *, limit: float) -> Start:
        """Returns the start of a `get` with an empty cache each time."""
        found = self.start(name, HELPER, "get", limit=limit)

        def time_() -> float:
            shutil.rmtree(self.environ["XDG_CACHE_HOME"], ignore_errors=True)
            return found.time()

        return replace(found, time=time_)

    def start_server(self, name: str, *serve: str, limit: float | None = None) -> Start:
        """Returns the start of a server, until its ready line; stopping it is not timed."""
        log = Path(self.environ["HOME"], "serve.log")

        def time_() -> float:
            started = time.perf_counter()
            with emulator(serve, environ=self.environ, log=log):
                return time.perf_counter() - started

        return replace(self.start(name, *serve, limit=limit), time=time_)

    def _spawn(self, program: str, *arguments: str) -> Callable[[], float]:
        command = [str(self.directory / program), *arguments]
        question = Path(self.environ["HOME"], "server-url")
        question.write_text(self.registry)
        return lambda: time_spawn(command, self.environ, question)


def measure(programs: Path, work: Path, project: str, *, rounds: int) -> Iterator[tuple[str, bool]]:
    """Yields lines to print, each with whether its limit is kept; `programs` has helper and emulator."""
    environ = isolated_environ(work / "home", programs)
    serve = (str(programs / EMULATOR), "serve", "--port", "0", "--project", project)
    with ExitStack() as stack:
        plain = stack.enter_context(run_emulator(serve, environ, work / "plain", project))
        secure = stack.enter_context(run_emulator(serve, environ, work / "tls", project, "--tls"))
        starts = [
            *_start_helper(programs, work, plain, secure),
            *_start_emulator(Programs(programs, environ), serve, work, plain),
        ]
        measured = measure_pairs(starts, rounds=rounds)
    yield HEADER, True
    for start, pairs in zip(starts, measured, strict=True):
        yield format_row(start, pairs), start.limit is None or pairs.ratio <= start.limit


def measure_pairs(starts: Sequence[Start], *, rounds: int) -> list[Pairs]:
    """Measures each command and bare Python in turn, so that other load of the machine affects both."""
    found = [Pairs([], []) for _ in starts]
    for number in range(rounds + 1):
        for start, pairs in zip(starts, found, strict=True):
            both = [(pairs.bare, start.bare), (pairs.command, start.time)]
            for values, time_ in both if number % 2 else reversed(both):
                elapsed_ms = time_() * 1000
                if number:  # the first round fills the caches of files and byte code
                    values.append(elapsed_ms)
    return found


def format_row(start: Start, pairs: Pairs) -> str:
    """Returns the line of a command for the table under HEADER."""
    median, best = statistics.median(pairs.command), statistics.mean(sorted(pairs.command)[:BEST])
    row = f"{start.name:36}{median:10.1f}{best:9.1f}{pairs.ratio:8.2f}{pairs.best_ratio:11.2f}"
    if start.limit is None:
        return row
    return f"{row}  {start.limit:g}, {'kept' if pairs.ratio <= start.limit else 'not kept'}"


def _start_helper(
    programs: Path, work: Path, plain: RegistryServer, secure: RegistryServer
) -> Iterator[Start]:
    trusting = {"DOCKER_CREDENTIAL_GCR_CA_FILE": str(work / "tls" / "data" / "keys" / "ca.pem")}
    cached = _configure(programs, work / "cached-home", plain, work / "plain")
    yield cached.start("get, cached", HELPER, "get", limit=1.2)
    first = _configure(programs, work / "first-home", plain, work / "plain")
    yield first.start_first_get("get, first token of a key", limit=11)
    first = _configure(programs, work / "tls-home", secure, work / "tls", trusting)
    yield first.start_first_get("get, first token of a key, TLS", limit=12)
    yield cached.start("list", HELPER, "list", limit=1.9)
    yield cached.start("status", HELPER, "status", limit=6.5)
    yield cached.start("configure-docker --dry-run", HELPER, "configure-docker", "--dry-run", limit=6.5)
    yield cached.start(f"{HELPER} --help", HELPER, "--help")


def _start_emulator(
    programs: Programs, serve: Sequence[str], work: Path, plain: RegistryServer
) -> Iterator[Start]:
    token = work / "plain" / "data" / "keys" / "operator-token"
    server = ("--server", f"http://localhost:{plain.port}", "--token-file", str(token))
    yield programs.start("gcr-emulator project list", EMULATOR, "project", "list", *server, limit=12)
    yield programs.start(f"{EMULATOR} --help", EMULATOR, "--help")
    kept = ("--data", str(work / "kept"))
    yield programs.start_server("gcr-emulator serve, its own data", *serve, *kept, limit=30)
    yield programs.start_server("gcr-emulator serve, no data yet", *serve)


def _configure(
    programs: Path, home: Path, server: RegistryServer, place: Path, more: Mapping[str, str] | None = None
) -> Programs:
    """Configures a key of the emulator in a new home, and fetches one credential."""
    environ = {**isolated_environ(home, programs), **(more or {})}
    registry, key = f"localhost:{server.port}", place / "key.json"
    source = ("--registries", registry, "--token-source", f"file:{key}")
    run([str(programs / HELPER), "configure-docker", *source], environ=environ)
    fetch_credential(programs / HELPER, environ, registry)
    return Programs(programs, environ, registry)
