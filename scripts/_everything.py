"""The checks, the tests and the real clients side by side, from one wheel in one environment."""

import argparse
import sys
from pathlib import Path

from _client_suite import TESTS as CLIENT_TESTS
from _client_suite import provide_clients
from _environment import CHECKOUT, ENVIRONMENT_VARIABLE, Failed, workplace
from _suite import Suite
from _test_runs import Run, run_side_by_side


def main(arguments: list[str]) -> int:
    """Run all of it; 0 when all passed."""
    argparse.ArgumentParser(prog="scripts/ci", description=__doc__).parse_args(arguments)
    try:
        provide_clients()
        with workplace() as work, Suite(work) as suite:
            failed = run_side_by_side(work, _list_runs(work, suite))
    except Failed as failure:
        print(f"failed: {failure}", file=sys.stderr)
        return 1
    return suite.report(failed)


def _list_runs(work: Path, suite: Suite) -> dict[str, Run]:
    """The long ones first, so that no processor is left with one of them in the end."""
    checks = [sys.executable, "-B", str(CHECKOUT / "scripts" / "check")]
    return {
        **suite.list_full_runs(),
        "real clients": suite.run_full([CLIENT_TESTS]),
        **suite.list_helper_runs(),
        "checks": Run(suite.full, {ENVIRONMENT_VARIABLE: str(work / "full")}, checks),
    }
