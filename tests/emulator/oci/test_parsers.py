"""OCI parsers: accepted and refused input, and no other outcome."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_gcr.emulator.oci import media_types
from docker_credential_gcr.emulator.oci.digest import digest_bytes, parse_digest
from docker_credential_gcr.emulator.oci.errors import InvalidManifest, InvalidValue
from docker_credential_gcr.emulator.oci.image_config import UNKNOWN_CREATED_MS, parse_created_ms
from docker_credential_gcr.emulator.oci.manifest import (
    Descriptor,
    Manifest,
    parse_manifest,
    parse_stored_manifest,
)
from docker_credential_gcr.emulator.oci.ranges import Span, UnsatisfiableRange, find_span, parse_chunk_range
from docker_credential_gcr.emulator.oci.reference import parse_name, parse_reference
from docker_credential_gcr.emulator.oci.token_auth import Scope, format_challenge, parse_scope

SHA = "sha256:" + "a" * 64


@pytest.mark.parametrize("text", ["a", "a/b", "my-project/app", "a.b/c_d/e__f/g--h", "a" * 255, "0/1"])
def test_name_is_taken(text):
    assert parse_name(text) == text


@pytest.mark.parametrize(
    "text", ["", "/a", "a/", "a//b", "A", "a..b", "a___b", "-a", "a-", "ä", "a b", "a\n", "a" * 256]
)
def test_name_is_refused(text):
    with pytest.raises(InvalidValue):
        parse_name(text)


@pytest.mark.parametrize("text", ["v1", "_", "A.b-c_D", "t" * 128, SHA, "sha512:" + "0" * 128])
def test_reference_is_taken(text):
    assert parse_reference(text) == text


@pytest.mark.parametrize(
    "text", ["", ".v1", "-v1", "a b", "t" * 129, "sha256:", SHA + "a", "md5:" + "a" * 32, "v1\n"]
)
def test_reference_is_refused(text):
    with pytest.raises(InvalidValue):
        parse_reference(text)


def test_scope_keeps_known_actions_and_drops_others():
    text = "repository:my-project/app:pull,push,fly"
    assert parse_scope(text) == Scope("repository", "my-project/app", frozenset({"pull", "push"}))
    assert parse_scope("registry:catalog:*") == Scope("registry", "catalog", frozenset({"*"}))
    assert parse_scope("repository(plugin):a/b:pull").type == "repository"


def test_challenge_has_no_blank_after_a_comma():
    assert format_challenge("https://gcr.io/v2/token", "gcr.io", "repository:p/i:pull") == (
        'Bearer realm="https://gcr.io/v2/token",service="gcr.io",scope="repository:p/i:pull"'
    )


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, None),
        ("bytes=0-0", Span(0, 1)),
        ("bytes=2-", Span(2, 10)),
        ("bytes=-3", Span(7, 10)),
        ("bytes=-30", Span(0, 10)),
        ("bytes=2-99", Span(2, 10)),
        ("bytes=0-1,4-5", None),
        ("items=0-1", None),
        ("bytes=-", None),
    ],
)
def test_range_of_ten_bytes(header, span):
    assert find_span(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=5-2"])
def test_range_beyond_ten_bytes(header):
    with pytest.raises(UnsatisfiableRange):
        find_span(header, 10)


@given(st.text(max_size=40), st.integers(0, 2**40))
def test_any_range_is_within_the_content_or_refused(header, size):
    try:
        span = find_span(header, size)
    except UnsatisfiableRange:
        return
    assert span is None or 0 <= span.start < span.stop <= size


@pytest.mark.parametrize(
    ("header", "span"),
    [("0-9", Span(0, 10)), ("bytes 5-5/*", Span(5, 6)), ("9-0", None), ("-", None), ("a-b", None)],
)
def test_chunk_range(header, span):
    assert parse_chunk_range(header) == span


def test_z23_a_manifest_that_was_stored_is_read_as_text_that_can_be_kept():
    document = {
        "schemaVersion": 2,
        "config": {"mediaType": "a", "digest": SHA, "size": 1},
        "layers": [],
        "artifactType": "b\ud800",
    }
    data = json.dumps(document).encode()
    with pytest.raises(InvalidManifest, match="a string holds a lone surrogate or NUL"):
        parse_manifest(data, media_types.OCI_MANIFEST)
    assert parse_stored_manifest(data, media_types.OCI_MANIFEST).artifact_type == "b\ufffd"


def test_manifest_names_its_config_and_layers():
    layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": SHA, "size": 7}
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": SHA, "size": 2}
    data = json.dumps({"schemaVersion": 2, "config": config, "layers": [layer]}).encode()
    described = Descriptor(config["mediaType"], SHA, 2), Descriptor(layer["mediaType"], SHA, 7)
    parsed = parse_manifest(data, media_types.OCI_MANIFEST + "; charset=utf-8")
    artifact_type = config["mediaType"]
    assert parsed == Manifest(media_types.OCI_MANIFEST, described[0], described[1:], (), None, artifact_type)
    assert parsed.image_size == 9


def test_empty_index_is_one():
    data = b'{"schemaVersion":2,"manifests":[]}'
    assert parse_manifest(data, media_types.OCI_INDEX) == Manifest(media_types.OCI_INDEX, None, (), ())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests", "digest", "size"])
documents = st.dictionaries(fields, json_values | st.just(2), max_size=7)


@given(st.binary(max_size=60) | documents.map(lambda value: json.dumps(value).encode()))
def test_any_document_is_a_manifest_or_refused(data):
    for media_type in media_types.MANIFESTS | media_types.INDEXES:
        try:
            parsed = parse_manifest(data, media_type)
        except InvalidManifest:
            continue
        assert parsed.media_type == media_type


@given(st.text(max_size=200))
def test_any_text_is_what_it_says_or_refused(text):
    for parse in (parse_name, parse_reference, parse_digest, parse_scope):
        try:
            parse(text)
        except InvalidValue:
            continue


@given(st.binary(max_size=100))
def test_digest_of_any_bytes_is_a_digest(data):
    for algorithm in ("sha256", "sha512"):
        assert parse_digest(digest_bytes(data, algorithm)) == digest_bytes(data, algorithm)


@pytest.mark.parametrize(
    ("created", "instant_ms"),
    [
        ("2026-01-02T03:04:05Z", 1767323045000),
        ("2026-01-02T03:04:05.678901234Z", 1767323045678),
        ("2026-01-02T04:04:05.5+01:00", 1767323045500),
        ("0001-01-01T00:00:00Z", UNKNOWN_CREATED_MS),
        ("2026-01-02T03:04:05", UNKNOWN_CREATED_MS),
        ("yesterday", UNKNOWN_CREATED_MS),
        (7, UNKNOWN_CREATED_MS),
        ("0001-01-01T00:00:00+10:00", UNKNOWN_CREATED_MS),
        ("9999-12-31T23:59:59-10:00", UNKNOWN_CREATED_MS),
        ("9999-12-31T23:59:59Z", 253402300799000),
    ],
)
def test_created_instant_of_a_config(created, instant_ms):
    assert parse_created_ms(json.dumps({"created": created}).encode()) == instant_ms


@given(st.binary(max_size=60))
def test_any_config_has_a_created_instant(data):
    assert isinstance(parse_created_ms(data), int)
