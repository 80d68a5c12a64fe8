"""What the whole suite shares: what a test needs of its machine, signals, processes and the RSA key."""

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
from support.child_processes import OF_THE_SESSION, end, list_children
from support.keys import format_private
from support.serve_arguments import SERVE_ARGUMENTS, serving

pytest_plugins = ("support.streams",)

# How to install a program, where it is not in a package of its own name.
INSTALL = {
    "docker": "apt-get install docker.io",
    "gcloud": "https://cloud.google.com/sdk/docs/install",
    **dict.fromkeys(("nsenter", "pivot_root", "setpriv", "unshare"), "apt-get install util-linux"),
    "uv": "pip install --require-hashes --requirement scripts/requirements-dev.txt",
}
# `all` where everything is installed: a test that is not run there is a fault, not a matter of the machine.
NEEDS_VARIABLE = "GCR_TEST_NEEDS"


def pytest_configure() -> None:
    """Give this process, and all that it starts, the signals that a terminal gives.

    A shell starts what runs in its background with SIGINT and SIGQUIT ignored, nohup with SIGHUP; every
    child inherits that, and no shell can trap what it was started to ignore.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    # As after ^C, fixtures are torn down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        # A handler, which no child inherits: the run under nohup still outlives its terminal.
        signal.signal(signal.SIGHUP, _ignore)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what this machine lacks, with the command that provides it."""
    for marker in item.iter_markers("needs"):
        for program in filter(lambda name: shutil.which(name) is None, marker.args):
            reason = f"{program} is not installed: {INSTALL.get(program, f'apt-get install {program}')}"
            # What Debian has no package of may be missing anywhere.
            is_fault = os.environ.get(NEEDS_VARIABLE) == "all" and "https:" not in reason
            pytest.fail(reason) if is_fault else pytest.skip(reason)
    marker = item.get_closest_marker("needs_root")
    if marker is not None and os.geteuid() != 0:
        pytest.skip(f"only root can {marker.args[0]}: run as root")


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
    """Ends the processes that a test started and did not end, also when it failed; each is a fault."""
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
    """The plugin's, a thread of this process; with GCR_TEST_SERVE a program with these arguments."""
    if not SERVE_ARGUMENTS:
        yield request.getfixturevalue("_gcr_emulator_server")
        return
    program = Path(sysconfig.get_path("scripts"), "gcr-emulator")
    with serving(program, tmp_path_factory.mktemp("emulator")) as ready:
        yield ready


@pytest.fixture
def gcr_emulator(request: pytest.FixtureRequest) -> Any:
    """The plugin's, where it can run: the helper is tested without the emulator, too."""
    if find_spec("docker_credential_gcr.emulator") is None:
        pytest.skip("the package has no emulator")
    from docker_credential_gcr.emulator.extra import MODULES, explain_missing

    for name in MODULES:
        if find_spec(name) is None:
            pytest.skip(str(explain_missing(ModuleNotFoundError(name=name))))
    return request.getfixturevalue("gcr_emulator")


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    """For all that needs a key and is not about its making, which takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def other_rsa_key() -> rsa.RSAPrivateKey:
    """For what was signed with another key than the right one."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def private_key(rsa_key: rsa.RSAPrivateKey) -> str:
    """`rsa_key` as the PEM of a key file."""
    return format_private(rsa_key)


@pytest.fixture(scope="session")
def other_private_key(other_rsa_key: rsa.RSAPrivateKey) -> str:
    return format_private(other_rsa_key)
