"""JSON decoder without `json`: it gives the same values as `json`."""

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
    "1e400",
    "9" * 400,
    "[" * 100 + "]" * 100,
    '"\\\\ud800"',
]
BROKEN = ["", " ", "{,}", "{} x", "[1,]", '{"a"}', "nul", '"\n"', "[" * 100000, "\ufeff{}"]


@pytest.mark.parametrize("text", SOUND, ids=range(len(SOUND)))
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


# Documents that `json` accepts, and the message of our decoder.
REFUSED = {
    "a constant": ("[NaN]", "NaN is not JSON"),
    "another constant": ("-Infinity", "-Infinity is not JSON"),
    "5,000 digits": ("9" * 5000, "a number has more than 400 digits"),
    "401 digits below 0": ("[-" + "9" * 400 + "]", "a number has more than 400 digits"),
    "half of a pair": ('{"a": ["\\ud800"]}', "a text holds half of a surrogate pair"),
    "half of a pair as a key": ('{"\\uDC00": 1}', "a text holds half of a surrogate pair"),
    "102 lists": ("[" * 102 + "]" * 102, "nested too deeply"),
    "objects and lists": ('{"a":[' * 60 + "]}" * 60, "nested too deeply"),
}


@pytest.mark.parametrize("name", REFUSED, ids=lambda name: f"E-Z25-{name}")
def test_z25_what_a_later_step_would_fail_at_is_refused(name: str) -> None:
    text, fault = REFUSED[name]

    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole text is compared
        wire.loads(text)
    assert str(raised.value) == fault


def test_z25_the_same_is_refused_without_the_c_functions() -> None:
    program = (
        "import sys; sys.modules['_json'] = None\n"
        "import json; from docker_credential_gcr.helper import wire\n"
        "for text in json.load(sys.stdin):\n"
        "    try: wire.loads(text)\n"
        "    except ValueError as error: print(error)"
    )
    texts = json.dumps([text for text, _ in REFUSED.values()])

    run = subprocess.run(
        [sys.executable, "-c", program], input=texts, capture_output=True, text=True, timeout=60
    )

    assert run.stdout.splitlines() == [fault for _, fault in REFUSED.values()]


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


@pytest.mark.parametrize(
    "members",
    [{}, {"a": "b", "n": -1, "l": ["b", 1, []]}, {"ServerURL": 'é"\\\n\0', "Secret": "\ud83d\ude00<&>"}],
)
def test_format_members_gives_what_json_gives(members: dict[str, object]) -> None:
    assert wire.format_members(members) == json.dumps(members, separators=(",", ":"))


def test_without_the_c_functions_json_itself_is_used() -> None:
    program = (
        "import sys; sys.modules['_json'] = None\n"
        "from docker_credential_gcr.helper import wire\n"
        "print(wire.scan, wire.loads('[1]'), wire.format_members({'a': 'b'}))"
    )

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert (run.returncode, run.stdout, run.stderr) == (0, 'None [1] {"a":"b"}\n', "")
