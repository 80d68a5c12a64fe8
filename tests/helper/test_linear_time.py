"""Regular expressions of the helper take linear time in a text of another program."""

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator

import pytest

import docker_credential_gcr
from docker_credential_gcr.errors import format_line
from docker_credential_gcr.helper import wire
from docker_credential_gcr.helper.configure import json_file
from docker_credential_gcr.helper.doctor import registry_client
from docker_credential_gcr.helper.redaction import MAX_SIZE, redact
from docker_credential_gcr.helper.token_sources.gcloud import Gcloud

PRODUCT_PARTS = ("cli", "helper", "kubelet", "errors", "keyring_backend", "library", "requests_auth")
SIZE = 16_000  # of the short input; the long one is four times as long
RUNS = 50


def walk_modules() -> Iterator[object]:
    """Yields every module of the product except for the emulator's."""
    for found in pkgutil.walk_packages(docker_credential_gcr.__path__, "docker_credential_gcr."):
        if found.name.split(".")[1] in PRODUCT_PARTS:
            yield importlib.import_module(found.name)


def find_expressions() -> dict[str, re.Pattern[str]]:
    """Returns every compiled expression of those modules, by module and name."""
    return {
        f"{module.__name__.partition('.')[2]}.{name}": value  # type: ignore[attr-defined]
        for module in walk_modules()
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }


EXPRESSIONS = find_expressions()
# For each expression, the worst text of about `size` characters.
HARDEST: dict[str, tuple[Callable[[int], str], ...]] = {
    "helper.redaction.SECRETS": (
        lambda size: "a/" * (size // 2),
        lambda size: "a-" * (size // 2),
        lambda size: "-----BEGIN " * (size // 11),
        lambda size: "-----BEGIN " + "A" * size,
        lambda size: "://a" * (size // 4),
        lambda size: "://" + "a" * size,
        lambda size: "eyJa." * (size // 5),
        lambda size: "bearer " * (size // 7),
        lambda size: ("a" * 59 + " ") * (size // 60),
    ),
    "helper.redaction.MEMBERS": (
        lambda size: "token" + " " * size,
        lambda size: "token" * (size // 5),
        lambda size: "access_token : " * (size // 15),
        lambda size: "secret='" * (size // 8),
        lambda size: "client_" * (size // 7),
    ),
    "helper.doctor.registry_client.PARAMETER": (
        lambda size: "a" * size,
        lambda size: 'a="' * (size // 3),
        lambda size: 'a="' + "b" * size,
    ),
    "helper.doctor.registry_checks.API_OFF": (lambda size: "API has not been " * (size // 17),),
    "helper.doctor.registry_checks.SERVICE": (
        lambda size: "a" * size,
        lambda size: "a.googleapis." * (size // 13),
        lambda size: "a " * (size // 2),
    ),
    "helper.configure.json_file.FRACTION": (
        lambda size: f'"{json_file.MARK}' * (size // 2),
        lambda size: f'"{json_file.MARK}' + "1" * size,
        lambda size: f'"{json_file.MARK}1",' * (size // 4),
    ),
    "helper.google_auth.timestamps.PATTERN": (lambda size: "2024-01-01T00:00:00." + "1" * size,),
    "helper.doctor.access.COMPONENT": (
        lambda size: "a__" * (size // 3),
        lambda size: "a" + "-" * size,
        lambda size: "a" * size + "!",
    ),
    "helper.tokens.clear.ENTRY": (lambda size: "a" * size,),
    "helper.tokens.clear.COMPANION": (lambda size: "a" * size,),
}
CASES = [(name, make) for name in EXPRESSIONS for make in HARDEST.get(name, (lambda size: "a" * size,))]


def measure(work: Callable[[str], object], make: Callable[[int], str]) -> float:
    """Returns the factor by which four times the input takes longer, in the best of RUNS runs.

    For quadratic time it is 16 in every run.
    """
    texts = make(SIZE), make(4 * SIZE)
    best = [float("inf"), float("inf")]
    for _ in range(RUNS):
        for index, text in enumerate(texts):
            started = time.thread_time()
            work(text)
            best[index] = min(best[index], time.thread_time() - started)
        # A time of zero has no factor.
        factor = (best[1] + 1e-4) / (best[0] + 1e-4)
        if factor < 5:
            break
    return factor


def test_z09_every_expression_has_its_hardest_inputs() -> None:
    assert EXPRESSIONS.keys() - HARDEST.keys() == set()


@pytest.mark.parametrize(
    ("name", "make"), CASES, ids=[f"B-Z09-{name}-{n}" for n, (name, _) in enumerate(CASES)]
)
def test_z09_four_times_the_input_takes_less_than_six_times_as_long(
    name: str, make: Callable[[int], str]
) -> None:
    expression = EXPRESSIONS[name]

    assert measure(lambda text: (expression.sub("", text), expression.fullmatch(text)), make) < 6


def read_properties(text: str, path: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    Gcloud("", path, {}, "linux", ()).find_property("core", "account")


def load_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the time counts
        wire.loads(text)


PARSERS: dict[str, tuple[Callable[[str], object], Callable[[int], str]]] = {
    "a long word": (redact, lambda size: "a/" * size),
    "lines of an error": (format_line, lambda size: "\x1b a\n" * size),
    "a challenge": (registry_client.parse_challenge, lambda size: "Bearer " + "a" * size),
    "a number": (load_refused, lambda size: "9" * size),
    "objects": (wire.loads, lambda size: "[" + "{}," * size + "1]"),
    "texts": (wire.loads, lambda size: '["' + "\\ud83d\\ude00" * size + '"]'),
    "lists in lists": (load_refused, lambda size: "[" * size),
}


@pytest.mark.parametrize("name", PARSERS, ids=lambda name: f"B-Z09-{name}")
def test_z09_a_parser_takes_less_than_six_times_as_long_for_four_times_the_input(name: str) -> None:
    work, make = PARSERS[name]

    assert measure(work, make) < 6


def test_z09_the_account_in_gclouds_configuration_is_found_in_linear_time(tmp_path: object) -> None:
    path = f"{tmp_path}/config_default"

    assert measure(lambda text: read_properties(text, path), lambda size: "[core]\na" + " " * size) < 6


def test_z09_what_is_redacted_is_cut_first() -> None:
    assert len(redact("word " * 100_000)) <= MAX_SIZE + 2
