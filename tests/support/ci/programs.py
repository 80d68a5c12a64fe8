"""Fake programs of a CI image, as far as examples and pages need them: apk, and a docker that really pushes.

Docker asks the credential helper that config.json names. Each call is a line of JSON in $HOME/calls.jsonl.
"""

import json
import os
import stat
import sys
from pathlib import Path
from urllib.parse import quote

sys.dont_write_bytecode = True
sys.path.append(str(Path(__file__).parents[3] / "scripts"))

from _builtin_client import HelperFailed, find_credential, push  # noqa: E402
from _image import make_layout  # noqa: E402
from _registry_client import Refused  # noqa: E402

HOME = Path(os.environ["HOME"])


def main(arguments: list[str]) -> int:
    """Records the call, and then does what the program does."""
    call: dict[str, object] = {"call": arguments}
    if arguments[:2] == ["docker", "push"]:
        call |= {"user": _find_user(arguments[2]), "mode": _find_mode()}
    with (HOME / "calls.jsonl").open("a") as calls:
        calls.write(json.dumps(call) + "\n")
    match arguments:
        case ["docker", "build", "--tag", image, "."] if Path("Dockerfile").exists():
            make_layout(_find_layout(image), image.encode())
        case ["docker", "push", image]:
            return _push(image)
        case ["apk", "add", "--no-cache", *_]:
            pass
        case _:
            sys.stderr.write(f"this is not the real program, and does not know {arguments}\n")
            return 125
    return 0


def _push(image: str) -> int:
    try:
        push(str(_find_layout(image)), image)
    except (Refused, HelperFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _find_user(image: str) -> str | None:
    credential = find_credential(image.partition("/")[0])
    return credential and credential[0]


def _find_mode() -> str | None:
    """Returns the mode of the job's credentials file, if it has one."""
    path = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    return path and oct(stat.S_IMODE(os.stat(path).st_mode))


def _find_layout(image: str) -> Path:
    return HOME / "images" / quote(image, safe="")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
