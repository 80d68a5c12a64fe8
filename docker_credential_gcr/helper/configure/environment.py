"""What around Docker keeps it from the helper: PATH, sudo, a snap, a variable that outranks it."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_credential_gcr.errors import PATH_SIZE, find_secret_form
from docker_credential_gcr.helper import INSTALL, PROGRAM, paths

DOCKER_AUTH_CONFIG = "DOCKER_AUTH_CONFIG"  # outranks helpers since docker 28.3
LINE_SIZE = 127  # every system takes so many bytes of a script's first line; Linux since 5.1 takes 255
TIMEOUT_S = 20
REPAIR_MODULE = "docker_credential_gcr.helper.launcher"
GET_USER: Callable[[], int] | None = getattr(os, "geteuid", None)  # Windows has none


@dataclass(frozen=True)
class Problem:
    """What stands in the way, and the command that mends it, if there is one.

    What is not `is_fatal` hinders some clients, or in some cases.
    """

    name: str
    text: str
    command: str | None = None
    is_fatal: bool = True


def find_problems(
    environ: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> tuple[Problem, ...]:
    """Everything around Docker that stands in the helper's way."""
    found = (
        find_path_problem(environ),
        find_sudo_problem(environ, platform),
        find_snap_problem(environ),
        find_variable_problem(environ),
    )
    return tuple(problem for problem in found if problem)


def find_program(environ: Mapping[str, str]) -> str | None:
    """Returns the absolute path of the program that Docker would run; None without one that can start."""
    path = _find_on_path(environ)
    return None if path is None or find_unnamed_interpreter(path) else path


def _find_on_path(environ: Mapping[str, str]) -> str | None:
    """Returns the first program of the name, but for relative entries of PATH, which Docker refuses."""
    entries = environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(PROGRAM, path=os.pathsep.join(filter(os.path.isabs, entries)))


def find_unnamed_interpreter(path: str) -> str | None:
    """Returns the interpreter of a script that its first line cannot name to the system; None where it can.

    pip writes such a line into this program where the path of an environment has a space, or is long.
    """
    try:
        with open(path, "rb") as file:
            line = file.readline(PATH_SIZE)
    except OSError:
        return None
    name = os.fsdecode(line[2:].strip())
    if not line.startswith(b"#!") or not os.path.isfile(name):
        return None
    is_cut = " " in name or "\t" in name or (len(line) > LINE_SIZE and not _can_start(path))
    return name if is_cut else None


def _can_start(path: str) -> bool:
    import subprocess  # for the longest of paths alone

    try:
        subprocess.run([path, "version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S)
    except OSError:
        return False
    except subprocess.TimeoutExpired:
        return True
    return True


def find_installed() -> str | None:
    """Returns the program as it was installed with this package, on PATH or not."""
    import sysconfig  # 1 ms with its data, for nothing where the program is on PATH

    path = os.path.join(sysconfig.get_path("scripts"), PROGRAM)
    return next((name for name in (path, path + ".exe") if os.path.exists(name)), None)


def find_path_problem(environ: Mapping[str, str]) -> Problem | None:
    """Returns what to say where Docker finds no program, or one that cannot be started."""
    path = _find_on_path(environ)
    if path is None:
        return Problem("path", f"{PROGRAM} is not on PATH, where docker looks for it", make_path_command())
    interpreter = find_unnamed_interpreter(path)
    if interpreter is None:
        return None
    import shlex  # for such a path alone

    fault = "has a space" if " " in interpreter or "\t" in interpreter else "is too long"
    text = f"docker cannot start {path!r}: its first line names {interpreter!r}, which {fault}"
    return Problem("program", text, f"{shlex.quote(interpreter)} -m {REPAIR_MODULE}")


def make_path_command() -> str:
    """The command after which docker finds the program."""
    installed = find_installed()
    return f'export PATH="{os.path.dirname(installed)}:$PATH"' if installed else INSTALL


def find_sudo_problem(
    environ: Mapping[str, str],
    platform: str = sys.platform,
    *,
    get_user: Callable[[], int] | None = GET_USER,
) -> Problem | None:
    """Another user's files are read and written than the one means who sits there."""
    home = paths.find_home(environ, platform)
    if get_user is None or home is None:
        return None
    try:
        owner = os.stat(home).st_uid
    except OSError:
        return None
    if owner != get_user():
        text = f"{home!r} is another user's home: files that are made there will not be theirs"
        return Problem(
            "user", text, 'export HOME="$(getent passwd "$(id -u)" | cut -d: -f6)"', is_fatal=False
        )
    user = environ.get("SUDO_USER")
    if get_user() == 0 and user and not find_secret_form(user):
        text = f"sudo makes this root's configuration, in {home!r}, not {user}'s"
        return Problem("user", text, f"sudo -iu {user}", is_fatal=False)
    return None


def find_snap_problem(environ: Mapping[str, str]) -> Problem | None:
    """Docker is a snap, which is confined to its own programs."""
    docker = shutil.which("docker", path=environ.get("PATH", os.defpath))
    if docker is None:
        return None
    if os.path.basename(os.path.realpath(docker)) != "snap" and not docker.startswith("/snap/"):
        return None
    text = f"{docker!r} is a snap, which cannot run a helper from outside of it"
    return Problem("snap", text, "sudo snap remove docker && sudo apt-get install docker.io")


def find_variable_problem(environ: Mapping[str, str]) -> Problem | None:
    """A variable holds logins that go before those of helpers."""
    if not environ.get(DOCKER_AUTH_CONFIG):
        return None
    text = f"{DOCKER_AUTH_CONFIG} holds logins, which go before helpers since docker 28.3"
    return Problem("variable", text, f"unset {DOCKER_AUTH_CONFIG}", is_fatal=False)
