"""Linear time: no regular expression or parser takes longer for a client's text."""

import ast
import gc
import importlib
import itertools
import json
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jwt
import pytest

import docker_credential_gcr.emulator as emulator
from docker_credential_gcr.emulator import request_context as current_request
from docker_credential_gcr.emulator.google import absent_methods
from docker_credential_gcr.emulator.google.projects import project_filters
from docker_credential_gcr.emulator.google.rest import partial_response as fields
from docker_credential_gcr.emulator.identity import policy
from docker_credential_gcr.emulator.identity.cel import conditions, expressions, parser
from docker_credential_gcr.emulator.identity.keys import jws
from docker_credential_gcr.emulator.oci import image_config, manifest, ranges, reference
from docker_credential_gcr.emulator.oci import token_auth as scope
from docker_credential_gcr.emulator.runtime import strict_json

# Four times the text may take six times as long; in quadratic time it would take sixteen times as long.
RATIO = 6
SIZES = (1000, 4000)
# Below this the clock is too coarse; in quadratic time the longer text takes a hundred times that.
GRAIN_S = 0.0002
# A text that takes longer is not tried again.
LONG_S = 0.5

POOL = "projects/1/locations/global/workloadIdentityPools/outside"
SIGV4 = "AWS4-HMAC-SHA256 Credential="
# Pattern -> its method, and beginnings of texts that match far into it. A new pattern needs a row.
PATTERNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "control.faults._NAME": ("fullmatch", ("",)),
    "control.faults._VALUE": ("fullmatch", ("",)),
    "control.subject_tokens._ARN": ("fullmatch", ("", "arn:aws:iam::123456789012:")),
    "data_directory._PEM": ("fullmatch", ("", "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN ")),
    "google.absent_methods._STORAGE_HOST": ("fullmatch", ("", "storage.googleapis.com:")),
    "google.sign_in.csrf._COOKIE_VALUE": ("fullmatch", ("",)),
    "google.artifact_registry.docker_images._NAME": ("fullmatch", ("", "a@", "a@sha256:")),
    "google.artifact_registry.repositories._ID": ("fullmatch", ("",)),
    "google.artifact_registry.virtual_config._NAME": (
        "fullmatch",
        ("", "projects/p/locations/l/repositories/"),
    ),
    "google.artifact_registry.repositories._KEY": ("fullmatch", ("", "projects/p/locations/l/keyRings/")),
    "google.asset.policy_analysis._BUCKET": (
        "fullmatch",
        ("", "//storage.googleapis.com/", "//storage.googleapis.com/projects/_/buckets/"),
    ),
    "google.asset.policy_analysis._PROJECT": (
        "fullmatch",
        ("", "//cloudresourcemanager.googleapis.com/projects/"),
    ),
    "google.asset.resource_search._WORD": ("fullmatch", ("",)),
    "google.iam.delegation._DELEGATE": ("fullmatch", ("", "projects/-/serviceAccounts/")),
    "google.pubsub.message_filters._TOKEN": ("match", ("", '"', "-")),
    "google.pubsub.names._ID": ("fullmatch", ("", "a")),
    "google.pubsub.names._NAME": ("fullmatch", ("", "projects/", "projects/p/topics/")),
    "google.rest.partial_response._TOKEN": ("findall", ("",)),
    "google.policy_requests._PERMISSION": ("fullmatch", ("", "a.b.")),
    "google.policy_requests._SERVICE_AGENT": ("match", ("", "service-")),
    "google.iam.iamcredentials._DURATION": ("fullmatch", ("", "1.")),
    "google.rest.list_filters._TOKEN": ("match", ("", "a=", 'a="', "a.", "a.`", "a.`b`:`")),
    "google.rest.listings._NUMBER": ("fullmatch", ("", "-")),
    "google.rest.message_schema._CAPITAL": ("sub", ("",)),
    "google.rest.message_schema._DURATION": ("fullmatch", ("", "1.")),
    "google.rest.message_schema._SNAKE": ("sub", ("",)),
    "google.rest.labels._LABEL_KEY": ("fullmatch", ("",)),
    "google.rest.labels._LABEL_VALUE": ("fullmatch", ("",)),
    "google.projects.project_filters._TOKEN": ("match", ("", '"')),
    "google.projects.parents._PARENT": ("fullmatch", ("", "folders/")),
    "google.storage.bucket_resource._LOCATION": ("fullmatch", ("",)),
    "google.secret_manager.secrets._ID": ("fullmatch", ("",)),
    "google.storage.bucket_resource._NAME": ("fullmatch", ("",)),
    "google.oauth2.sts._AUDIENCE": ("fullmatch", ("", f"//iam.googleapis.com/{POOL}/providers/")),
    "sites.hosts._ARTIFACT_HOST": ("fullmatch", ("", "us-")),
    "identity.federation.aws_sigv4._AUTHORIZATION": (
        "fullmatch",
        ("", SIGV4, f"{SIGV4}A/20260101/", f"{SIGV4}A/20260101/a/sts/aws4_request, SignedHeaders="),
    ),
    "identity.federation.aws_sigv4._HOST": ("fullmatch", ("", "sts.")),
    "identity.cel.parser._TEMPLATE": ("fullmatch", ("", "{a}", "{")),
    "identity.cel.conditions._TOKEN": ("match", ("", '"', "'")),
    "identity.cel.expressions._TOKEN": ("match", ("", '"', "'")),
    "identity.cel.tokenizer._ESCAPE": ("sub", ("",)),
    "identity.credentials._VERSIONED_TOKEN_USER": ("fullmatch", ("", "_dcgcr_")),
    "identity.federation.principals.MEMBER": (
        "fullmatch",
        (
            "",
            f"principal://iam.googleapis.com/{POOL}/subject/",
            f"principalSet://iam.googleapis.com/{POOL}/attribute.",
            f"principalSet://iam.googleapis.com/{POOL}/group/",
            "serviceAccount:my-project.svc.id.goog[",
        ),
    ),
    "identity.federation.principals._CONTROLS": ("search", ("",)),
    "identity.federation.principals._KUBERNETES_PROJECT": (
        "match",
        ("", "serviceAccount:", f"principal://iam.googleapis.com/{POOL}.svc.id.goog/", f"{POOL}/" * 9),
    ),
    "identity.federation.principals._POOL_ID": ("fullmatch", ("",)),
    "identity.federation.principals._POOL_OF_MEMBER": (
        "match",
        ("", f"principal://iam.googleapis.com/{POOL}/subject/"),
    ),
    "identity.resource_names._ACCOUNT": ("fullmatch", ("",)),
    "identity.resource_names._PROJECT_ID": ("fullmatch", ("", "a.b:")),
    "identity.oauth.clients._AUTHORITY": ("fullmatch", ("", "localhost:")),
    "identity.oauth.clients._END_OF_AUTHORITY": ("split", ("",)),
    "identity.oauth.clients._REST": ("fullmatch", ("",)),
    "identity.oauth.pkce._VALUE": ("fullmatch", ("",)),
    # Imported from identity.federation.
    "identity.policy.FEDERATED_MEMBER": ("fullmatch", ("",)),
    "identity.policy._MEMBER": (
        "fullmatch",
        ("", "user:", "user:a@", "domain:", "projectOwner:", "deleted:user:a@b.c?uid="),
    ),
    "identity.policy._ROLE": ("fullmatch", ("", "projects/", "roles/")),
    "identity.federation.providers._AWS_ACCOUNT": ("fullmatch", ("",)),
    "identity.federation.providers._TARGET": ("fullmatch", ("", "attribute.")),
    "identity.google_services._NAME": ("fullmatch", ("",)),
    "gce_instance._ATTRIBUTE": ("fullmatch", ("",)),
    "gce_instance._LABEL": ("fullmatch", ("",)),
    "oci.digest._DIGEST": ("fullmatch", ("", "sha256:")),
    "oci.image_config._FRACTION": ("sub", ("", ".")),
    "oci.ranges._CHUNK": ("fullmatch", ("", "bytes 1-")),
    "oci.ranges._SINGLE": ("fullmatch", ("", "bytes=1-")),
    "outgoing.answer._CHUNK_SIZE": ("fullmatch", ("", "1", "1;")),
    "outgoing.answer._FIELD": ("fullmatch", ("", "a:")),
    "outgoing.answer._STATUS_LINE": ("fullmatch", ("", "HTTP/1.1 200 ")),
    "outgoing.target._HOST": ("fullmatch", ("",)),
    "oci.reference._NAME": ("fullmatch", ("",)),
    "oci.reference._TAG": ("fullmatch", ("",)),
    "database.images.uploads._ID": ("fullmatch", ("",)),
    "database.accounts.users._NAMED": ("findall", ("", '"user:')),
    "registry.dialects.advice._OUTSIDE": ("sub", ("",)),
    "registry.dialects.quota._NAME": ("fullmatch", ("", "/v2/", "/v2/a/blobs/", "/v2/a/manifests/")),
    "registry.uploads.sessions._LOCATION": ("fullmatch", ("", f"{'0' * 32}-", f"{'0' * 32}-0-")),
    "client.server_url._LABEL": ("fullmatch", ("",)),
    "middleware.host_router._HOST": ("fullmatch", ("", "a:", "[")),
    "upstream.blobs._CONTENT_RANGE": ("fullmatch", ("", "bytes 1-")),
    "upstream.challenge._ESCAPED": ("sub", ("", "\\")),
    "upstream.challenge._PARAMETER": ("match", ("", 'a="', 'a="\\\\', "a=")),
    "upstream.challenge._SCHEME": ("match", ("", "Bearer")),
    "upstream.limits._RATE": ("fullmatch", ("", "1;w=", "1 ")),
    "upstream.manifests._LENGTH": ("fullmatch", ("",)),
    "upstream.referrers._NEXT": ("search", ("", "<", "<a>")),
    "middleware.trusted_proxies._WITH_PORT": ("fullmatch", ("", "[", "1.")),
    "database.engine.postgresql.connections._PORTS": ("fullmatch", ("", "1,")),
    "cli.resources.webhook._ID": ("fullmatch", ("",)),
    "cli.options._PASSWORD": ("search", ("", "//a:")),
    "data_directory._CREDENTIALS": ("sub", ("", "a://", "a?")),
    "operator_token._TOKEN": ("fullmatch", ("", "a=")),
    "storage.client_errors._CODE": ("search", ("", "<Code>")),
    "storage.client_errors._STATUS": ("search", ("", "status code: ")),
    "storage.open_store._URL": ("fullmatch", ("", "s3://bucket", "s3://bucket/a")),
    "storage.pieces._KEY": ("fullmatch", ("", "pieces/00/")),
    "telemetry.log_text._LONG": ("sub", ("", "sha256:0123456789ab", "/blobs/uploads/0123456789ab")),
    "telemetry.request_observer._SAFE_ID": ("fullmatch", ("",)),
    "database.engine.sqlite_file._HEADER": ("match", ("", "*** in database ")),
    "maintenance.stored_files._OLDER_KEY": (
        "fullmatch",
        ("", "buckets/", "buckets/b/containers/images/sha256/00/00"),
    ),
}
CHARACTERS = "aA0.-_/ :\"=\\'@%,*{}([,&|\n\u00e9"
UNITS = [*CHARACTERS, *map("".join, itertools.permutations('a0.-_ /":@', 2)), "sha256:0", "a.b-c_d/"]


def list_modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(emulator.__path__, f"{emulator.__name__}."):
        # Migrations read no client's text, and only Alembic may import env.
        if ".migrations." not in found.name:
            yield importlib.import_module(found.name)


def list_patterns() -> dict[str, re.Pattern[Any]]:
    found: dict[str, re.Pattern[Any]] = {}
    for module in list_modules():
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                found[f"{module.__name__.removeprefix(f'{emulator.__name__}.')}.{name}"] = value
    return found


def use(pattern: re.Pattern[Any], method: str) -> Callable[[str], object]:
    if isinstance(pattern.pattern, bytes):
        return lambda text: getattr(pattern, method)(text.encode())
    return (lambda text: pattern.sub("-", text)) if method == "sub" else getattr(pattern, method)


def measure(function: Callable[[Any], object], value: Any) -> float:
    """Returns the thread's seconds, the best of three, without Python's garbage collector."""
    best = float("inf")
    gc.disable()
    try:
        for _ in range(3):
            began = time.thread_time()
            with suppress(Exception):
                function(value)
            best = min(best, time.thread_time() - began)
    finally:
        gc.enable()
    return best


def is_linear(function: Callable[[Any], object], make: Callable[[int], Any], sizes: tuple[int, int]) -> bool:
    """Returns whether four times the text takes less than RATIO times as long, in the best of five rounds."""
    short, long = map(make, sizes)
    for _ in range(5):
        first = measure(function, short)
        if first > LONG_S:
            return False
        second = measure(function, long)
        if second < GRAIN_S or second < RATIO * first:
            return True
        if second > LONG_S:
            return False
    return False


def test_z68_every_pattern_has_texts_that_it_is_timed_with() -> None:
    assert sorted(list_patterns()) == sorted(PATTERNS)


def test_z68_every_pattern_that_meets_a_clients_text_is_compiled_where_it_is_found() -> None:
    used = {"findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn"}
    elsewhere = {
        Path(module.__file__).relative_to(Path(emulator.__file__).parent).as_posix()
        for module in list_modules()
        for node in ast.walk(ast.parse(Path(module.__file__).read_text()))
        if isinstance(node, ast.Attribute) and node.attr in used
        if isinstance(node.value, ast.Name) and node.value.id == "re"
    }
    # Texts of the command line and of our tables.
    assert elsewhere == {"cli/options.py", "google/rest/routing.py"}


@pytest.mark.parametrize("name", PATTERNS, ids=lambda name: f"K-Z68-{name}")
def test_a_pattern_takes_linear_time(name: str) -> None:
    method, beginnings = PATTERNS[name]
    function = use(list_patterns()[name], method)
    for beginning, unit, end in itertools.product(beginnings, UNITS, ("", "\0", "!")):

        def make(size: int, beginning: str = beginning, unit: str = unit, end: str = end) -> str:
            return beginning + unit * (size // len(unit)) + end

        assert is_linear(function, make, SIZES), (beginning, unit, end)


def to_jwt(claims: str) -> str:
    part = jwt.utils.base64url_encode(claims.encode()).decode()
    return f"{part}.{part}.x"


def to_manifest(layers: list[Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "manifests": [], "layers": layers}).encode()


def compile_uncached(text: str) -> object:
    return parser.parse(text, expressions.DIALECT)


def read_expression(text: str) -> object:
    return parser.Parser(text, expressions.DIALECT)


def compile_condition_uncached(text: str) -> object:
    return parser.parse(text, conditions.DIALECT)


def find_absent(path: str) -> object:
    return [pattern.fullmatch(path) for pattern, _ in absent_methods._PATTERNS]


REPOSITORY = "/v1/projects/p/locations/l/repositories/r:"
DESCRIPTOR = {"mediaType": "a", "digest": f"sha256:{'0' * 64}", "size": 1}
BINDING = {"role": "roles/viewer", "members": ["user:a@example.com"]}
# Parser of a client's text, a function from size to text, and the largest accepted size.
PARSERS: dict[str, tuple[Callable[[Any], object], Callable[[int], Any], int]] = {
    "a filter of letters": (project_filters.parse_filter, lambda n: "a" * n, 2048),
    "a filter of blanks": (project_filters.parse_filter, lambda n: " " * n + "\0", 2048),
    "a filter of terms": (project_filters.parse_filter, lambda n: "id:a " * (n // 5), 2048),
    "fields in a row": (fields.parse_mask, lambda n: "a," * (n // 2) + "a", 2048),
    "fields in fields": (fields.parse_mask, lambda n: "a(" * (n // 2), 2048),
    "fields of one name": (fields.parse_mask, lambda n: "a/b," * (n // 4) + "a", 2048),
    "an expression in brackets": (read_expression, lambda n: "(" * n, 4096),
    "an expression of operators": (compile_uncached, lambda n: "1+" * (n // 2) + "1", 4096),
    "an expression of quotes": (read_expression, lambda n: '"' * n, 4096),
    "an expression of blanks": (read_expression, lambda n: " " * n + "?", 4096),
    "a condition of blanks": (compile_condition_uncached, lambda n: " " * n + "?", 2048),
    "a condition of extracts": (
        compile_condition_uncached,
        lambda n: "resource.name" + '.extract("{a}")' * (n // 15) + ' == "a"',
        2048,
    ),
    "JSON of lists": (strict_json.decode, lambda n: "[" * n, 100_000),
    "JSON of escapes": (strict_json.decode, lambda n: '["' + r"\ud83d\ude00" * (n // 12) + '"]', 100_000),
    "JSON of many levels": (strict_json.decode, lambda n: "[" + "[[[]]]," * (n // 7) + "0]", 100_000),
    "JSON of digits": (strict_json.decode, lambda n: "9" * n, 100_000),
    "JSON of a fraction": (strict_json.decode, lambda n: "0." + "1" * n, 100_000),
    "JSON of keys": (
        strict_json.decode_unique,
        lambda n: json.dumps({f"{number:06}": "" for number in range(n // 14)}),
        100_000,
    ),
    "JSON that was stored": (strict_json.decode_stored, lambda n: json.dumps(["\ud800"] * (n // 8)), 100_000),
    "a token": (jws.parse_unverified, lambda n: to_jwt(json.dumps({"a": "b" * n})), 4000),
    "a token of dots": (jws.parse_unverified, lambda n: "." * n, 16_000),
    "a key set": (jws.parse_keys, lambda n: json.dumps({"keys": [{}] * (n // 4)}), 64_000),
    "a manifest": (
        lambda data: manifest.parse_manifest(data, "application/vnd.oci.image.manifest.v1+json"),
        lambda n: to_manifest([DESCRIPTOR] * (n // 100)),
        100_000,
    ),
    "a creation date": (
        image_config.parse_created_ms,
        lambda n: json.dumps({"created": f"2026-01-01T00:00:00.{'1' * n}Z"}).encode(),
        100_000,
    ),
    "a policy": (policy.parse_policy, lambda n: {"bindings": [BINDING] * (n // 50)}, 70_000),
    "a name": (reference.parse_name, lambda n: "a-" * (n // 2), 8000),
    "a scope": (scope.parse_scope, lambda n: "repository:" + "a:" * (n // 2), 8000),
    "a range": (ranges.parse_chunk_range, lambda n: "bytes " + "1" * n, 8000),
    "a path that is not served": (find_absent, lambda n: REPOSITORY + "prewarm" * (n // 7) + "!", 16_000),
    "a path of many parts": (find_absent, lambda n: "/v1/projects/" + "a/" * (n // 2), 16_000),
    "a query in the journal": (current_request.filter_query, lambda n: b"a=b&" * (n // 4), 16_000),
    "a path at a fault": (lambda path: fnmatchcase(path, "*a*a*a*a*a*b"), lambda n: "a" * n, 8000),
}


@pytest.mark.parametrize("name", PARSERS, ids=lambda name: f"K-Z68-{name}")
def test_a_parser_takes_linear_time(name: str) -> None:
    function, make, longest = PARSERS[name]
    assert is_linear(function, make, (longest // 4, longest))
