"""Problems of the environment that keep Docker from the helper: PATH, sudo, a snap, DOCKER_AUTH_CONFIG."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from docker_credential_gcr.errors import PATH_SIZE, find_secret_form
from docker_credential_gcr.helper import INSTALL, PROGRAM, paths

DOCKER_AUTH_CONFIG = "DOCKER_AUTH_CONFIG"  # docker 28.3 and later ask it before helpers
LINE_SIZE = 127  # bytes of a script's first line that every system reads; Linux 5.1 and later read 255
TIMEOUT_S = 20
REPAIR_MODULE = "docker_credential_gcr.helper.launcher"
GET_USER: Callable[[], int] | None = getattr(os, "geteuid", None)  # absent on Windows


@dataclass(frozen=True)
class Problem:
    """A problem, and the command that mends it, if there is one.

    A problem that is not `is_fatal` affects some clients, or occurs in some cases.
    """

    name: str
    text: str
    command: str | None = None
    is_fatal: bool = True


def find_problems(
    environ: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> tuple[Problem, ...]:
    """Returns the problems of the environment that keep Docker from the helper."""
    found = (
        find_path_problem(environ),
        find_sudo_problem(environ, platform),
        find_snap_problem(environ),
        find_variable_problem(environ),
    )
    return tuple(problem for problem in found if problem)


def find_program(environ: Mapping[str, str]) -> str | None:
    """Returns the absolute path of the program that Docker would run; None when none can be started."""
    path = _find_on_path(environ)
    return None if path is None or find_unnamed_interpreter(path) else path


def _find_on_path(environ: Mapping[str, str]) -> str | None:
    """Returns the first program of the name on PATH, without relative entries: Docker refuses these."""
    entries = environ.get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(PROGRAM, path=os.pathsep.join(filter(os.path.isabs, entries)))


def find_unnamed_interpreter(path: str) -> str | None:
    """Returns the interpreter of a script whose first line the system cannot read; None where it can.

    pip writes such a line into this program where the path of the environment has a space, or is too long.
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
    import subprocess  # 2 ms, needed only for a long path

    try:
        subprocess.run([path, "version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S)
    except OSError:
        return False
    except subprocess.TimeoutExpired:
        return True
    return True


def find_installed() -> str | None:
    """Returns the path of the program that was installed with this package, on PATH or not."""
    import sysconfig  # 1 ms with its data, needed only where the program is not on PATH

    path = os.path.join(sysconfig.get_path("scripts"), PROGRAM)
    return next((name for name in (path, path + ".exe") if os.path.exists(name)), None)


def find_path_problem(environ: Mapping[str, str]) -> Problem | None:
    """Returns the problem where Docker finds no program on PATH, or one that cannot be started."""
    path = _find_on_path(environ)
    if path is None:
        return Problem("path", f"{PROGRAM} is not on PATH, where docker looks for it", make_path_command())
    interpreter = find_unnamed_interpreter(path)
    if interpreter is None:
        return None
    import shlex  # 0.2 ms, needed only for such a path

    fault = "has a space" if " " in interpreter or "\t" in interpreter else "is too long"
    text = f"docker cannot start {path!r}: its first line names {interpreter!r}, which {fault}"
    return Problem("program", text, f"{shlex.quote(interpreter)} -m {REPAIR_MODULE}")


def make_path_command() -> str:
    """Returns the command after which docker finds the program."""
    installed = find_installed()
    return f'export PATH="{os.path.dirname(installed)}:$PATH"' if installed else INSTALL


def find_sudo_problem(
    environ: Mapping[str, str],
    platform: str = sys.platform,
    *,
    get_user: Callable[[], int] | None = GET_USER,
) -> Problem | None:
    """Returns the problem where HOME belongs to another user, or sudo runs this as root."""
    home = paths.find_home(environ, platform)
    if get_user is None or home is None:
        return None
    try:
        owner = os.stat(home).st_uid
    except OSError:
        return None
    if owner != get_user():
        text = f"{home!r} is another user's home: files that are created there will not belong to that user"
        return Problem(
            "user", text, 'export HOME="$(getent passwd "$(id -u)" | cut -d: -f6)"', is_fatal=False
        )
    user = environ.get("SUDO_USER")
    if get_user() == 0 and user and not find_secret_form(user):
        text = f"sudo changes the configuration of root, in {home!r}, and not that of {user}"
        return Problem("user", text, f"sudo -iu {user}", is_fatal=False)
    return None


def find_snap_problem(environ: Mapping[str, str]) -> Problem | None:
    """Returns the problem where Docker is a snap, which can run only programs inside it."""
    docker = shutil.which("docker", path=environ.get("PATH", os.defpath))
    if docker is None:
        return None
    if os.path.basename(os.path.realpath(docker)) != "snap" and not docker.startswith("/snap/"):
        return None
    text = f"{docker!r} is a snap, which cannot run a helper outside of it"
    return Problem("snap", text, "sudo snap remove docker && sudo apt-get install docker.io")


def find_variable_problem(environ: Mapping[str, str]) -> Problem | None:
    """Returns the problem where DOCKER_AUTH_CONFIG holds logins, which docker prefers to helpers."""
    if not environ.get(DOCKER_AUTH_CONFIG):
        return None
    text = f"{DOCKER_AUTH_CONFIG} holds logins, which docker 28.3 and later prefer to helpers"
    return Problem("variable", text, f"unset {DOCKER_AUTH_CONFIG}", is_fatal=False)
