"""The tests with real clients, run against the built wheel; what they need is installed where we may."""

import os
import sys
from collections.abc import Sequence

from _client_packages import can_install, find_missing, install, install_command
from _environment import WHEEL_VARIABLE, Failed, build_distributions, workplace
from _suite import offline, prepare_full
from _test_runs import TestRun, run_side_by_side

TESTS = "tests/clients"
IN_CI = os.environ.get("CI") == "true"


def main(arguments: list[str]) -> int:
    """Run the tests with pytest's arguments; 0 when all passed."""
    if {"-h", "--help"} & set(arguments):
        print("usage: scripts/test-clients [PYTEST ARGUMENTS]")
        return 0
    try:
        _provide_clients()
        with workplace() as work:
            _say("build the wheel and install it")
            wheel = build_distributions(work)[1]
            environment = prepare_full(work, wheel)
            _say("drive the clients")
            handed = {WHEEL_VARIABLE: str(wheel), **offline(work)}
            failed = run_side_by_side(work, {"clients": TestRun(environment, handed, _choose(arguments))})
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    _say("failed" if failed else "passed")
    return 1 if failed else 0


def _choose(arguments: Sequence[str]) -> Sequence[str]:
    chosen = any(TESTS in argument for argument in arguments)
    return arguments if chosen else [TESTS, *arguments]


def _provide_clients() -> None:
    """Install what is missing; where that cannot be, name it, which in CI is a failure."""
    missing = find_missing()
    if missing and can_install():
        _say(f"install {' '.join(missing)}")
        install(missing)
        missing = find_missing()
    if not missing:
        return
    reason = f"not installed: {' '.join(missing)}; {install_command(*missing)}"
    if IN_CI:
        raise Failed(reason)
    _say(f"{reason}; their tests are skipped")


def _say(text: str) -> None:
    print(f"scripts/test-clients: {text}", flush=True)
