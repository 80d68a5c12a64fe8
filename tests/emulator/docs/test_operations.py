"""docs/operations.md tells the truth: its tables are those of the code."""

import json
import re
from dataclasses import fields

from support.checkout import DOCS
from support.pages import read_table

from docker_credential_gcr.emulator import request_context
from docker_credential_gcr.emulator.settings import Limits
from docker_credential_gcr.emulator.telemetry.metrics import RESULTS, ProcessCounts
from docker_credential_gcr.emulator.telemetry.prometheus import GAUGES, format_metrics

PAGE = (DOCS / "operations.md").read_text("utf-8")


def test_every_limit_is_listed_with_its_default() -> None:
    listed = {name: float(default) for name, default, _ in read_table(PAGE, "limit")}

    assert listed == {field.name: float(field.default) for field in fields(Limits)}  # type: ignore[arg-type]


def test_every_metric_is_listed_with_its_labels() -> None:
    counts = ProcessCounts()
    counts.count_request((("gcr.io", "GET", "/v2/"), 200), 1.0, 0, 0)
    for metric in RESULTS:
        counts.count_result(metric, "dropped", 1)
    page = format_metrics(counts.describe(), dict.fromkeys(GAUGES, 0.0), "1").decode()
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(
        r"^(gcr_emulator_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? ", page, re.MULTILINE
    ):
        found[name] = set(re.findall(r'(\w+)="', labels)) - {"le"}

    assert {name: set(re.findall(r"\w+", labels)) for name, labels, _ in read_table(PAGE, "metric")} == found


def test_every_field_of_the_log_and_every_parameter_that_it_shows_is_listed() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    parameters = re.findall(r"`(\w+)`", PAGE.partition("Of the query only ")[2].partition(" are shown")[0])

    # telemetry/test_access_log.py checks the fields themselves.
    assert set(json.loads(example)) >= {"request_id", "member", "query"}
    assert set(parameters) == request_context._LOGGED_PARAMETERS
