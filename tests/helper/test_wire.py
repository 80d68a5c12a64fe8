"""JSON without `json` gives what `json` gives."""

import json
import subprocess
import sys

import pytest

from docker_credential_gcr.helper import wire

SOUND = [
    "{}",
    " [1, 2.5, -3e4, true, false, null]\r\n\t",
    '{"a": {"b": ["\\u00e9\\ud83d\\ude00", "é", "\\n"]}, "a": 2}',
    '"text"',
    "12345678901234567890",
    "Infinity",
]
BROKEN = ["", " ", "{,}", "{} x", "[1,]", '{"a"}', "nul", '"\n"', "[" * 100000, "\ufeff{}"]


@pytest.mark.parametrize("text", SOUND)
def test_loads_gives_what_json_gives(text: str) -> None:
    assert wire.loads(text) == json.loads(text)


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_loads_raises_what_json_raises(text: str) -> None:
    try:
        json.loads(text)
    except RecursionError:
        expected = "nested too deeply"
    except ValueError as error:
        expected = str(error)

    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole text is compared
        wire.loads(text)
    assert str(raised.value) == expected


@pytest.mark.parametrize("text", BROKEN[:9], ids=range(9))
def test_loads_raises_the_same_where_json_was_not_loaded(text: str) -> None:
    program = (
        "import sys; from docker_credential_gcr.helper import wire\n"
        "assert 'json' not in sys.modules\n"
        "try: wire.loads(sys.stdin.read())\n"
        "except ValueError: print('ValueError')"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], input=text, capture_output=True, text=True, timeout=60
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, "ValueError\n", "")


@pytest.mark.parametrize("members", [{}, {"a": "b"}, {"ServerURL": 'é"\\\n\0', "Secret": "\ud83d\ude00<&>"}])
def test_format_strings_gives_what_json_gives(members: dict[str, str]) -> None:
    assert wire.format_strings(members) == json.dumps(members, separators=(",", ":"))


def test_without_the_c_functions_json_itself_is_used() -> None:
    program = (
        "import sys; sys.modules['_json'] = None\n"
        "from docker_credential_gcr.helper import wire\n"
        "print(wire.scan, wire.loads('[1]'), wire.format_strings({'a': 'b'}))"
    )

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert (run.returncode, run.stdout, run.stderr) == (0, 'None [1] {"a":"b"}\n', "")
