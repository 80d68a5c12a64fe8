"""Configuration of the helper: environment over registry over file over default."""

import json
from pathlib import Path

import pytest

from docker_credential_gcr.errors import ConfigError
from docker_credential_gcr.helper.config import DEFAULT_SCOPES, Config, load_config

PREFIX = "DOCKER_CREDENTIAL_GCR_"


def load(path: Path, content: object, **environ: str) -> Config:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    variables = {PREFIX + name: value for name, value in environ.items()}
    return load_config({PREFIX + "CONFIG": str(path), **variables})


def show(config: Config, host: str = "gcr.io") -> tuple[object, ...]:
    settings = config.get_settings(host)
    return (
        settings.token_sources,
        settings.is_explicit,
        settings.scopes,
        config.min_ttl_s,
        config.timeout_s,
        config.is_anonymous_on_error,
    )


DEFAULT = (("store", "env"), False, DEFAULT_SCOPES, 300.0, 10.0, False)


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert show(load_config({PREFIX + "CONFIG": str(tmp_path / "absent")})) == DEFAULT
    assert show(load_config({}, "win32")) == DEFAULT


@pytest.mark.parametrize(
    "content", ["", "{}", "null", "\ufeff{}", {"TokenSources": []}, {"TokenSources": None, "x": 1}]
)
def test_an_empty_file_leaves_the_defaults(tmp_path: Path, content: object) -> None:
    assert show(load(tmp_path / "c.json", content)) == DEFAULT


def test_the_file_sets_what_it_names(tmp_path: Path) -> None:
    content = {"TokenSources": ["env", " store", "env"], "MinTTL": 60, "Timeout": 2.5, "OnError": "anonymous"}

    assert show(load(tmp_path / "c.json", content)) == (
        ("env", "store"),
        True,
        DEFAULT_SCOPES,
        60.0,
        2.5,
        True,
    )


def test_a_registry_has_its_own_settings(tmp_path: Path) -> None:
    registries = {"GCR.io": {"TokenSources": ["file:/k, with a comma"], "Scopes": ["s"]}, "eu.gcr.io": {}}

    config = load(tmp_path / "c.json", {"TokenSources": ["env"], "Registries": registries})

    assert [show(config, host)[:3] for host in ("gcr.io", "eu.gcr.io", "us.gcr.io")] == [
        (("file:/k, with a comma",), True, ("s",)),
        (("env",), True, DEFAULT_SCOPES),
        (("env",), True, DEFAULT_SCOPES),
    ]


def test_a_registry_inherits_what_it_does_not_say(tmp_path: Path) -> None:
    content = {
        "Account": "a@x",
        "Impersonate": "i@x",
        "Delegates": ["d@x"],
        "Lifetime": 600,
        "Scopes": ["s"],
        "Registries": {"a": {}, "b": {"Account": "b@x", "Impersonate": "j@x", "Lifetime": 900}},
    }

    config = load(tmp_path / "c.json", content)

    shown = [
        (s.account, s.impersonate, s.delegates, s.lifetime_s, s.scopes)
        for s in (config.get_settings(host) for host in ("gcr.io", "a", "b"))
    ]
    inherited = ("a@x", "i@x", ("d@x",), 600, ("s",))
    # Delegates are for one account: another account has its own.
    assert shown == [inherited, inherited, ("b@x", "j@x", (), 900, ("s",))]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["gcloud_sdk"], ("gcloud",)),
        (["gcloud_sdk", "gcloud"], ("gcloud",)),
        (["env, store"], None),
        ([" env ", "store", "env", ""], ("env", "store")),
        ([], ("store", "env")),
        (["gcloud:work", "token-file:/t", "metadata"], ("gcloud:work", "token-file:/t", "metadata")),
    ],
    ids=lambda value: f"37-{value}",
)
def test_edge_37_names_of_token_sources(
    tmp_path: Path, names: list[str], expected: tuple[str, ...] | None
) -> None:
    try:
        found = load(tmp_path / "c.json", {"TokenSources": names}).settings.token_sources
    except ConfigError:
        found = None

    assert found == expected


def test_the_environment_wins(tmp_path: Path) -> None:
    content = {"TokenSources": ["env"], "MinTTL": 1, "Registries": {"gcr.io": {"TokenSources": ["env"]}}}

    config = load(tmp_path / "c.json", content, TOKEN_SOURCE="file:/k,none", MIN_TTL="2", TIMEOUT="3")

    assert show(config) == (("file:/k", "none"), False, DEFAULT_SCOPES, 2.0, 3.0, False)


USE = "use store, env, gcloud, gcloud:CONFIGURATION, file:PATH, token-file:PATH, metadata or none"

FAULTS = [
    ("{", "CONFIG is malformed: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ("[]", "CONFIG must be a JSON object"),
    ({"TokenSources": "env"}, "CONFIG: TokenSources must be a list of strings"),
    ({"TokenSources": [1]}, "CONFIG: TokenSources must be a list of strings"),
    ({"TokenSources": ["bogus"]}, f"CONFIG: token source 'bogus' is unknown: {USE}"),
    ({"TokenSources": ["file:"]}, f"CONFIG: token source 'file:' is unknown: {USE}"),
    ({"TokenSources": ["token-file:"]}, f"CONFIG: token source 'token-file:' is unknown: {USE}"),
    ({"TokenSources": ["gcloud:"]}, f"CONFIG: token source 'gcloud:' is unknown: {USE}"),
    ({"TokenSources": ["gcloud:../x"]}, f"CONFIG: token source 'gcloud:../x' is unknown: {USE}"),
    ({"TokenSources": ["login:gcr.io"]}, f"CONFIG: token source 'login:gcr.io' is unknown: {USE}"),
    ({"MinTTL": "5"}, "CONFIG: MinTTL must be a number of seconds"),
    ({"MinTTL": True}, "CONFIG: MinTTL must be a number of seconds"),
    ({"Timeout": -1}, "CONFIG: Timeout must be a number of seconds"),
    ({"Timeout": 1e9}, "CONFIG: Timeout must be a number of seconds"),
    ({"OnError": "ignore"}, 'CONFIG: OnError must be "fail" or "anonymous"'),
    ({"Registries": []}, "CONFIG: Registries must be a JSON object"),
    ({"Registries": {"a": 1}}, "CONFIG: Registries['a'] must be a JSON object"),
    ({"Registries": {"a": {"Scopes": "s"}}}, "CONFIG: Registries['a']: Scopes must be a list of strings"),
    ({"Registries": {"a": {"Account": 1}}}, "CONFIG: Registries['a']: Account must be a string"),
    ({"Impersonate": ["x"]}, "CONFIG: Impersonate must be a string"),
    ({"Delegates": "x"}, "CONFIG: Delegates must be a list of strings"),
    ({"Lifetime": 59}, "CONFIG: Lifetime must be a number of seconds from 60 to 43200"),
    ({"Lifetime": 43201}, "CONFIG: Lifetime must be a number of seconds from 60 to 43200"),
    ({"Lifetime": True}, "CONFIG: Lifetime must be a number of seconds from 60 to 43200"),
    ({"SelfSignedJWT": "yes"}, "CONFIG: SelfSignedJWT must be true or false"),
    (
        {"Registries": {"a": {"TokenSources": ["x"]}}},
        f"CONFIG: Registries['a']: token source 'x' is unknown: {USE}",
    ),
]


@pytest.mark.parametrize(("content", "fault"), FAULTS)
def test_a_malformed_file_is_refused_with_its_path(tmp_path: Path, content: object, fault: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path / "c.json", content)

    assert str(raised.value) == fault.replace("CONFIG", repr(str(tmp_path / "c.json")), 1)


@pytest.mark.parametrize(
    ("variable", "value", "fault"),
    [
        ("TIMEOUT", "soon", " must be a number of seconds"),
        ("TIMEOUT", "nan", " must be a number of seconds"),
        ("MIN_TTL", "-1", " must be a number of seconds"),
        ("TOKEN_SOURCE", "env,bogus", f": token source 'bogus' is unknown: {USE}"),
        ("SELF_SIGNED_JWT", "maybe", " must be on or off"),
    ],
)
def test_a_malformed_variable_is_refused_by_its_name(
    tmp_path: Path, variable: str, value: str, fault: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path / "c.json", "{}", **{variable: value})

    assert str(raised.value) == PREFIX + variable + fault


def test_a_file_that_cannot_be_read_is_not_taken_for_an_absent_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_config({PREFIX + "CONFIG": str(tmp_path)})

    assert str(raised.value) == f"cannot read {str(tmp_path)!r}: Is a directory"
