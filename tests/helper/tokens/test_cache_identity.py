"""Cache identity: a cached `get` answers as an uncached one, after any change of a file or a variable.

The token server derives each token from the request, so that equal tokens mean equal requests.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helper.tokens.cached_sources import (
    EMULATORS,
    GCLOUD,
    SOURCES,
    User,
    replace_alike,
    use_federation,
    use_gcloud,
    use_impersonation,
    use_key_file,
)

from docker_credential_gcr.helper import config, paths, registries
from docker_credential_gcr.helper.google_auth import external_account
from docker_credential_gcr.helper.token_sources import key_file
from docker_credential_gcr.helper.tokens import DIRECTORY, TokenRequest


@pytest.mark.parametrize("name", SOURCES)
def test_z74_a_file_that_is_replaced_by_one_of_equal_age_and_size_is_another(user: User, name: str) -> None:
    files = SOURCES[name](user)
    first = user.get()
    bought = user.seller.count
    assert (first[0], user.get()) == (0, first)
    assert user.seller.count == bought, "the second one is cached"

    for path in files:
        replace_alike(path)
        assert user.get() == user.get_uncached() != first


# The changed value of each attribute of the configuration, by its member in the file.
MEMBERS: dict[str, tuple[dict[str, object], ...]] = {
    "account": ({"Account": "ca@p.iam"}, {"Account": "other@p.iam"}, {"Account": 1}),
    "delegates": ({"Delegates": ["d@p.iam"]}, {"Delegates": 1}),
    "impersonate": ({"Impersonate": "other@p.iam"}, {"Impersonate": None}, {"Impersonate": 1}),
    "insecure_hosts": (),  # has a variable alone
    "is_anonymous_on_error": ({"OnError": "anonymous", "Account": "other@p.iam"}, {"OnError": "bogus"}),
    "is_explicit": ({"TokenSources": ["store", "none"]}, {"TokenSources": []}),
    "is_self_signed": ({"SelfSignedJWT": True}, {"SelfSignedJWT": 1}),
    "lifetime_s": ({"Lifetime": 600}, {"Lifetime": 1}),
    "min_ttl_s": ({"MinTTL": 60}, {"MinTTL": "bogus"}),
    "registries": ({"Registries": {}}, {"Registries": 1}),
    "scopes": ({"Scopes": ["https://www.googleapis.com/auth/devstorage.read_only"]}, {"Scopes": 1}),
    "settings": (),  # those of this table
    "timeout_s": ({"Timeout": 20}, {"Timeout": "bogus"}),
    "token_sources": ({"TokenSources": ["file:other.json"]}, {"TokenSources": ["bogus"]}),
}


@pytest.mark.parametrize("name", SOURCES)
def test_z76_a_cached_get_answers_as_an_uncached_one_when_the_configuration_changes(
    user: User, name: str
) -> None:
    SOURCES[name](user)
    make_others(user)
    content, different = user.content, []
    assert user.get()[0] == 0

    for members in (members for changes in MEMBERS.values() for members in changes):
        own = content["Registries"].get(user.host, {}) | members
        for changed in (content | members, content | {"Registries": {user.host: own}}):
            user.content = changed
            if user.get() != user.get_uncached():
                different.append(changed)
    assert different == []


OTHER_FILE, NO_FILE, NO_DIRECTORY = "other.json", "absent.json", "absent"
# The changed value of each variable; None removes it. A value may name a file of `make_others`.
VALUES: dict[str, tuple[str | None, ...]] = {
    "APPDATA": ("other",),
    "AWS_ACCESS_KEY_ID": ("AKIDOTHER",),
    "AWS_DEFAULT_REGION": ("eu-west-1",),
    "AWS_REGION": ("eu-west-1",),
    "CLOUDSDK_ACTIVE_CONFIG_NAME": ("b", "absent"),
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS": ("SELLER/iam2/", "ftp://x", None),
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_STS": ("SELLER/other",),
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": ("token2", NO_FILE),
    "CLOUDSDK_AUTH_AUTH_HOST": ("SELLER/auth",),
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": (OTHER_FILE, NO_FILE),
    "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": ("true",),
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT": ("robot@p.iam",),
    "CLOUDSDK_AUTH_TOKEN_HOST": ("SELLER/token2", "ftp://x", None),
    "CURL_CA_BUNDLE": (NO_FILE,),
    "CLOUDSDK_CONFIG": ("other", NO_DIRECTORY),
    "CLOUDSDK_CORE_ACCOUNT": ("other@x.example",),
    "DOCKER_CONFIG": ("other",),
    "DOCKER_CREDENTIAL_GCR_CACHE": ("off", "bogus"),
    "DOCKER_CREDENTIAL_GCR_CACHE_DIR": ("other", "/proc/absent"),
    "DOCKER_CREDENTIAL_GCR_CA_FILE": (OTHER_FILE, NO_FILE),
    "DOCKER_CREDENTIAL_GCR_CONFIG": ("other/docker_credential_gcr_config.json", OTHER_FILE, NO_FILE),
    "DOCKER_CREDENTIAL_GCR_INSECURE_TOKEN_HOSTS": ("other.example", None),
    "DOCKER_CREDENTIAL_GCR_KEYRING": ("file", "off", "bogus"),
    "DOCKER_CREDENTIAL_GCR_LOG": ("log",),
    "DOCKER_CREDENTIAL_GCR_MIN_TTL": ("60", "1000", "bogus"),
    "DOCKER_CREDENTIAL_GCR_SELF_SIGNED_JWT": ("on", "bogus"),
    "DOCKER_CREDENTIAL_GCR_STORE": ("login2.json", OTHER_FILE, NO_FILE),
    "DOCKER_CREDENTIAL_GCR_TIMEOUT": ("20", "bogus"),
    "DOCKER_CREDENTIAL_GCR_TOKEN_SOURCE": ("none", "store", "store,env", "file:other.json", "bogus"),
    "GCE_METADATA_HOST": ("HOST", "metadata host", None),
    "GCE_METADATA_IP": ("HOST", "metadata host"),
    "GCR_EMULATOR_URL": ("SELLER",),
    "GOOGLE_API_CERTIFICATE_CONFIG": (OTHER_FILE, NO_FILE),
    "GOOGLE_APPLICATION_CREDENTIALS": (OTHER_FILE, NO_FILE, None),
    "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": ("0", None),
    "HOME": ("other-home", NO_DIRECTORY),
    "LOCALAPPDATA": ("other",),
    "METADATA_SERVER_DETECTION": ("none", "assume-present"),
    "REGISTRY_AUTH_FILE": (OTHER_FILE,),
    "REQUESTS_CA_BUNDLE": (NO_FILE,),
    "SUDO_USER": ("other",),
    "USERPROFILE": ("other",),
    "XDG_CACHE_HOME": ("/proc/absent",),
    "XDG_CONFIG_HOME": ("other",),
    "XDG_RUNTIME_DIR": ("other",),
}
ASKS_GOOGLE = {  # would send a request to Google
    ("a self-signed token", "DOCKER_CREDENTIAL_GCR_SELF_SIGNED_JWT"),
    ("impersonation", "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"),
    ("a metadata server", "GCE_METADATA_HOST"),
}


def make_others(user: User) -> None:
    """Writes the files that the table's values name, each with its own account."""
    user.write(user.folder / OTHER_FILE, user.make_key("other@p.iam"))
    user.write(user.folder / "token2", "ya29.other")
    user.write(user.folder / "login2.json", {"gcrCreds": {"refresh_token": "1//other"}})
    for directory in (user.folder / "other", user.folder / "other-home/.config/gcloud"):
        user.write(directory / "application_default_credentials.json", user.make_key("third@p.iam"))
        user.write(directory / "docker_credentials.json", {"gcrCreds": {"refresh_token": "1//third"}})
        user.write(directory / "docker_credential_gcr_config.json", user.content)
        user.write(directory / "active_config", "c")
        user.write(directory / "configurations/config_c", "[core]\naccount = third@x.example\n")


def test_z76_the_table_names_every_variable_and_every_member() -> None:
    assert {*paths.VARIABLES, *external_account.VARIABLES} - {*VALUES} == set()
    assert {*config.Config.__slots__, *config.Settings.__slots__} - {*MEMBERS} == set()


@pytest.mark.parametrize("name", SOURCES)
def test_z76_a_cached_get_answers_as_an_uncached_one_when_a_variable_changes(user: User, name: str) -> None:
    SOURCES[name](user)
    make_others(user)
    first, different = user.get(), []
    assert first[0] == 0

    for variable, values in VALUES.items():
        for value in values if (name, variable) not in ASKS_GOOGLE else filter(None, values):
            host = user.seller.url.removeprefix("http://").replace("localhost", "127.0.0.1")
            changed = {variable: value and value.replace("SELLER", user.seller.url).replace("HOST", host)}
            if user.get(**changed) != user.get_uncached(**changed):
                different.append(changed)
    assert (different, user.get()) == ([], first)


CHANGED_WHILE_ASKED = [name for name in SOURCES if name not in ("a self-signed token", "gcloud")]


@pytest.mark.parametrize("name", CHANGED_WHILE_ASKED)
def test_z75_a_token_is_not_kept_when_a_file_changes_while_it_is_bought(user: User, name: str) -> None:
    for path in SOURCES[name](user):
        user.seller.before_answer = lambda path=path: replace_alike(path)
        first = user.get()
        user.seller.before_answer = lambda: None

        assert list((user.folder / "cache").glob("?" * 32 + ".json")) == []
        assert user.get() == user.get_uncached() != first


def test_z75_a_token_that_is_renewed_early_is_not_kept_when_a_file_changes_meanwhile(user: User) -> None:
    (key,) = use_key_file(user)
    first = user.get()
    (entry,) = (user.folder / "cache").glob("?" * 32 + ".json")
    token = json.loads(entry.read_text())
    token |= {"expires_at": token["expires_at"] - 3500, "obtained_at": token["obtained_at"] - 3500}
    entry.write_text(json.dumps(token))
    bought = user.seller.count
    user.seller.before_answer = lambda: replace_alike(key)

    assert (user.get(), user.seller.count) == (first, bought + 1)
    assert json.loads(entry.read_text()) == token
    user.seller.before_answer = lambda: None
    assert user.get() == user.get_uncached() != first


def test_z75_a_key_file_behind_a_link_is_the_one_whose_identity_was_taken(user: User) -> None:
    link = user.folder / "link.json"
    for email in ("b@p.iam", "a@p.iam"):
        link.unlink(missing_ok=True)
        link.symlink_to(user.write(user.folder / f"{email}.json", user.make_key(email)))
    source = key_file.find_source(str(link))

    link.unlink()
    link.symlink_to(user.folder / "b@p.iam.json")

    assert (
        "a%40p.iam"
        in source.fetch(TokenRequest(EMULATORS, registries.LOOPBACK, scopes=()), time.monotonic() + 30).value
    )


def test_z75_gcloud_is_asked_for_the_configuration_whose_identity_was_taken(user: User) -> None:
    use_gcloud(user)
    first = user.get_uncached()
    activated = GCLOUD.replace("name=$(cat", "echo b > active_config; name=$(cat")
    user.write(user.folder / "bin/gcloud", activated)

    assert user.get() == first
    assert list((user.folder / "cache").glob("?" * 32 + ".json")) == []
    assert user.get() == user.get_uncached() != first


# Each relative path to a credential: the setting that has the path, and its content by account.
RELATIVE: dict[str, Callable[[User, Path, str], object]] = {
    "the file of a subject token": lambda user, folder, name: user.write(folder / "subject", f"eyJ.{name}"),
    "a key file": lambda user, folder, name: user.write(folder / "key.json", user.make_key(f"{name}@p.iam")),
    "the directory of gcloud, for a login": lambda user, folder, name: user.write(
        folder / "sdk/docker_credentials.json", {"gcrCreds": {"refresh_token": f"1//{name}"}}
    ),
    "the directory of gcloud": lambda user, folder, name: [
        user.write(folder / "sdk/active_config", "x"),
        user.write(folder / "sdk/configurations/config_x", f"[core]\naccount = {name}@x.example\n"),
    ],
    "a token file": lambda user, folder, name: user.write(folder / "token", f"ya29.{name}"),
}


@pytest.mark.parametrize("name", RELATIVE)
def test_z77_a_relative_path_is_another_file_in_another_directory(user: User, name: str) -> None:
    configuration = user.gcloud / "docker_credential_gcr_config.json"
    user.environ["DOCKER_CREDENTIAL_GCR_CONFIG"] = str(configuration)
    if name == "the file of a subject token":
        use_federation(user)
    elif name == "a key file":
        user.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "key.json"
    elif name == "a token file":
        use_impersonation(user)
        user.content["TokenSources"] = ["token-file:token"]
    else:
        use_gcloud(user)
        user.environ["CLOUDSDK_CONFIG"] = "sdk"
        user.content["TokenSources"] = ["store" if "login" in name else "gcloud"]
    folders = [user.folder / "one", user.folder / "two"]
    for folder in folders:
        RELATIVE[name](user, folder, folder.name)

    answers = []
    for folder in (*folders, *folders):
        user.patch.chdir(folder)
        answers.append(user.get())
        assert answers[-1] == user.get_uncached()
    assert answers[0] == answers[2] != answers[1] == answers[3]
    assert [status for status, _, _ in answers] == [0] * 4


# Whether a credential file's tokens depend on the current directory.
SOURCES_OF_SUBJECT_TOKENS: dict[str, tuple[dict[str, object], bool]] = {
    "a relative file": ({"credential_source": {"file": "token"}}, True),
    "a file": ({"credential_source": {"file": "/token"}}, False),
    "a URL": ({"credential_source": {"url": "https://x.example/token"}}, False),
    "a relative program": ({"credential_source": {"executable": {"command": "./oidc --x"}}}, True),
    "a program": ({"credential_source": {"executable": {"command": "/bin/oidc x"}}}, False),
    "a program's relative file": (
        {"credential_source": {"executable": {"command": "/bin/oidc", "output_file": "kept"}}},
        True,
    ),
    "a relative certificate": (
        {"credential_source": {"certificate": {"certificate_config_location": "x.json"}}},
        True,
    ),
    "a relative chain": ({"credential_source": {"certificate": {"trust_chain_path": "x.pem"}}}, True),
    "a relative authority": ({"ca_cert_path": "x.pem"}, True),
    "an authority": ({"ca_cert_path": "/x.pem"}, False),
}


@pytest.mark.parametrize("name", SOURCES_OF_SUBJECT_TOKENS)
def test_z77_a_relative_path_in_a_credential_file_makes_its_tokens_depend_on_the_directory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/absent")
    monkeypatch.delenv(external_account.CERTIFICATE_CONFIG, raising=False)
    document, is_relative = SOURCES_OF_SUBJECT_TOKENS[name]

    found = external_account.list_dependencies(document)

    assert found == external_account.VARIABLES + ((DIRECTORY,) if is_relative else ())
