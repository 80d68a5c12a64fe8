"""The tests with real clients, run against the built wheel; what they need is installed where we may."""

import os
import sys

from _client_packages import can_install, find_missing, install, install_command
from _environment import Failed, workplace
from _suite import Suite, say
from _test_runs import run_side_by_side

TESTS = "tests/clients"
IN_CI = os.environ.get("CI") == "true"


def main(arguments: list[str]) -> int:
    """Run the tests with pytest's arguments; 0 when all passed."""
    if {"-h", "--help"} & set(arguments):
        print("usage: scripts/test-clients [PYTEST ARGUMENTS]")
        return 0
    try:
        provide_clients()
        with workplace() as work, Suite(work, arguments, pythons="none") as suite:
            chosen = any(TESTS in argument for argument in arguments)
            failed = run_side_by_side(work, {"real clients": suite.run_full([] if chosen else [TESTS])})
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return suite.report(failed)


def provide_clients() -> None:
    """Install what is missing; where that cannot be, name it, which in CI is a failure."""
    missing = find_missing()
    if missing and can_install():
        say(f"install {' '.join(missing)}")
        install(missing)
        missing = find_missing()
    if not missing:
        return
    reason = f"not installed: {' '.join(missing)}; {install_command(*missing)}"
    if IN_CI:
        raise Failed(reason)
    say(f"{reason}; their tests are skipped")
