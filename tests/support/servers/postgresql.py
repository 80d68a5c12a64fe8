"""PostgreSQL for tests: a cluster in a temporary directory, its databases, and how it is stopped and crashed.

with running_cluster() as cluster:
    url = cluster.create_database()   # postgresql://postgres@/NAME?host=DIRECTORY
    cluster.crash(); cluster.start()  # or cluster.stop()
    cluster.log.read_text()
"""

import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.child_processes import LIMIT_S, OF_THE_SESSION

NEEDS = pytest.mark.needs("postgres", "setpriv")
USER = "postgres"
# Debian keeps these programs out of PATH, in a directory for each version.
_DEBIAN = Path("/usr/lib/postgresql")
# The first version whose clusters can order texts by ICU's rules.
_ICU_SINCE = 15
_READY = b"database system is ready to accept connections"

_SESSIONS = (
    "SELECT pid FROM pg_stat_activity "
    "WHERE datname = current_database() AND application_name = 'gcr-emulator'"
)


class CannotStart(Exception):
    """A cluster that does not start; the message has its last lines."""


def find_programs() -> Path | None:
    """Returns the directory of PostgreSQL's newest programs; None if it is not installed."""
    found = [path.parent for path in _DEBIAN.glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path is not None:
        found.append(Path(on_path).resolve().parent)
    return max(found, key=_read_version, default=None)


def _read_version(programs: Path) -> int:
    said = subprocess.run([programs / "initdb", "--version"], capture_output=True, text=True, check=True)
    number = re.search(r"\d+", said.stdout)
    return int(number[0]) if number else 0


class Cluster:
    """A PostgreSQL cluster in a temporary directory; with `fsync`, commits outlive the machine's power.

    It listens on a Unix socket alone, in a directory that no other user may enter. Texts are ordered as in
    English, not by their bytes, so that a statement that relies on the order of bytes is found. It ends with
    the thread that started it.
    """

    def __init__(self, *, fsync: bool = False, settings: Iterable[str] = ()) -> None:
        programs = find_programs()
        if programs is None:
            raise CannotStart("PostgreSQL is not installed: apt-get install postgresql")
        self._programs = programs
        # Not in pytest's directory: it is the user's alone, and PostgreSQL refuses to run as root.
        self.directory = Path(tempfile.mkdtemp(prefix="gcr-", dir="/tmp"))
        self.log = self.directory / "log"
        self._data = self.directory / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = [
            *("listen_addresses=", f"unix_socket_directories={self.directory}", "max_connections=200"),
            *(() if fsync else ("fsync=off", "full_page_writes=off")),
            *settings,
        ]
        if os.geteuid() == 0:
            account = pwd.getpwnam(USER)
            os.chown(self.directory, account.pw_uid, account.pw_gid)
        self._initialise()

    @property
    def pid(self) -> int:
        """Returns the PID of the postmaster."""
        assert self._process is not None, "the cluster does not run"
        return self._process.pid

    def url(self, database: str = USER) -> str:
        """Returns the URL of a database as the cluster's superuser."""
        return f"postgresql://{USER}@/{database}?host={self.directory}"

    def create_database(self) -> str:
        """Creates an empty database; returns its URL."""
        return create_database(self.url())

    def start(self) -> None:
        """Starts the cluster, and waits until it accepts connections. Raises CannotStart."""
        options = [word for setting in self._settings for word in ("-c", setting)]
        command = [
            *_as_postgres("--pdeathsig", "QUIT"),
            self._programs / "postgres",
            "-D",
            self._data,
            *options,
        ]
        with self.log.open("ab") as log:
            beginning = log.tell()
            # A separate session: ^C in the terminal reaches the tests alone.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,
            )
        OF_THE_SESSION.add(self._process.pid)
        is_ready = threading.Event()
        threading.Thread(target=self._copy_log, args=(self._process, is_ready), daemon=True).start()
        if not is_ready.wait(LIMIT_S) or self._process.poll() is not None:
            self.crash()
            said = self.log.read_bytes()[beginning:].decode(errors="replace").splitlines()[-10:]
            raise CannotStart("\n".join(["PostgreSQL does not start:", *said]))

    def stop(self) -> None:
        """Stops the cluster as an administrator does: connections end, everything is written."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Ends all its processes at once, without a checkpoint: the next start recovers from the log.

        What a commit with `synchronous_commit = off` has not written yet is lost, as by a crash.
        """
        self._end(signal.SIGQUIT)

    def close(self) -> None:
        """Crashes the cluster if it runs, and deletes its files."""
        self.crash()
        shutil.rmtree(self.directory)

    def _initialise(self) -> None:
        order = ["--locale-provider=icu", "--icu-locale=en-US"]
        command = [
            self._programs / "initdb",
            "-D",
            self._data,
            "--no-sync",
            "--auth=trust",
            f"--username={USER}",
        ]
        command += ["--encoding=UTF8", "--locale=C.UTF-8"]
        command += order if _read_version(self._programs) >= _ICU_SINCE else []
        done = subprocess.run(
            [*_as_postgres(), *command], cwd=self.directory, capture_output=True, text=True, timeout=LIMIT_S
        )
        if done.returncode != 0:
            shutil.rmtree(self.directory)
            raise CannotStart(f"initdb fails: {done.stderr.strip()}")

    def _copy_log(self, process: "subprocess.Popen[bytes]", is_ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout, self.log.open("ab", buffering=0) as log:
            for line in process.stdout:
                log.write(line)
                if _READY in line:
                    is_ready.set()
        is_ready.set()  # it has ended: `start` reads that from the process

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(LIMIT_S)
            OF_THE_SESSION.discard(process.pid)


@contextmanager
def running_cluster(*, fsync: bool = False, settings: Iterable[str] = ()) -> Iterator[Cluster]:
    """Runs a cluster for the block; a test that needs one is marked with NEEDS."""
    cluster = Cluster(fsync=fsync, settings=settings)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """Yields the cluster of all tests that do not stop it; each test takes a database of its own."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def database_url(postgresql: Cluster) -> Iterator[str]:
    """Yields the URL of an empty database."""
    url = postgresql.create_database()
    yield url
    drop_database(postgresql.url(), url)


def create_database(server: str) -> str:
    """Creates an empty database; returns its URL. `server` is the URL of any database there."""
    name = f"gcr_test_{secrets.token_hex(6)}"
    execute(server, f'CREATE DATABASE "{name}" TEMPLATE template0')
    return re.sub(r"(//[^/?]*/)[^?]*", rf"\g<1>{name}", server, count=1)


def drop_database(server: str, url: str) -> None:
    """Drops a database that `create_database` created, also while connections to it are open."""
    name = re.search(r"//[^/?]*/([^?]*)", url)
    assert name is not None
    execute(server, f'DROP DATABASE IF EXISTS "{name[1]}" WITH (FORCE)')


def execute(url: str, *statements: str) -> None:
    """Executes statements at a database, each in its own transaction."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[call-overload]


def list_sessions(url: str) -> list[int]:
    """Returns the PIDs of PostgreSQL's sessions of emulators at a database."""
    import psycopg

    with psycopg.connect(url) as connection:
        return [pid for (pid,) in connection.execute(_SESSIONS)]


@contextmanager
def stopped_sessions(url: str) -> Iterator[None]:
    """Suspends the sessions of emulators at a database for the block: they do not answer."""
    pids = list_sessions(url)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def _as_postgres(*options: str) -> list[str | Path]:
    """Returns the command that runs another: root runs PostgreSQL as its user, as it demands."""
    account = ("--reuid", USER, "--regid", USER, "--clear-groups") if os.geteuid() == 0 else ()
    return ["setpriv", *account, *options, "--"]
