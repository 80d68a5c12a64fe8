"""The fork between Docker's verbs, which must start fast, and the commands for people."""

import os
import sys

VERBS = ("get", "store", "erase", "list", "version", "-v", "--version")
HELP = ("-h", "--help")


def main(argv: list[str] | None = None) -> int:
    """Run one verb or command and return its exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    is_help = len(arguments) == 2 and arguments[1] in HELP
    if not arguments or arguments[0] not in VERBS or is_help:
        from docker_credential_gcr.cli.main import run

        return run(arguments)
    from docker_credential_gcr.helper import protocol

    status = protocol.run(arguments)
    if argv is None:
        # Measured: the interpreter's tear-down is an eighth of a cached `get`. Nothing is left to tear
        # down: the answer went to the descriptor itself, stderr is flushed, and no file is open.
        os._exit(status)
    return status


if __name__ == "__main__":
    raise SystemExit(main())
