"""Pod identity: the token of a pod's service account is exchanged at Google's STS."""

import json
from typing import Any

import pytest

AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
OPTION = f"--sts-audience={AUDIENCE}"
TOKEN = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "audience": AUDIENCE,
    "scope": "https://www.googleapis.com/auth/cloud-platform",
    "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "subject_token": TOKEN,
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
}
ACCOUNT = "puller@my-project.iam.gserviceaccount.com"
GENERATE = f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"


@pytest.fixture
def ask(plugin: Any, sts: Any) -> Any:
    """Requests the credential for an image of a registry on loopback, with the pod's token."""
    plugin.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_STS"] = sts.url
    plugin.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"] = sts.url
    plugin.configure(Registries={"localhost:5000": {"TokenSources": [f"file:{plugin.directory / 'absent'}"]}})

    def ask(image: str = "localhost:5000/p/app", *arguments: str, **fields: object) -> Any:
        return plugin.ask(image, *(arguments or (OPTION,)), **{"serviceAccountToken": TOKEN} | fields)

    return ask


def test_the_token_is_exchanged_and_the_node_s_sources_are_not_asked(ask: Any, sts: Any, check: Any) -> None:
    response = ask().response

    check(response, "localhost:5000/p/app")
    assert response["auth"] == {
        "localhost:5000": {"username": "oauth2accesstoken", "password": "ya29.federated"}
    }
    # The time since the exchange is subtracted.
    assert 3240 <= int(response["cacheDuration"].removesuffix("s")) <= 3300
    assert sts.requests == [("/v1/token", EXCHANGE)]


def test_a_node_keeps_no_pod_s_token(ask: Any, sts: Any, plugin: Any) -> None:
    ask(), ask()

    assert len(sts.requests) == 2
    assert not plugin.cache.exists()


def test_an_annotated_service_account_gets_the_token_of_google_s_account(ask: Any, sts: Any) -> None:
    sts.answers[GENERATE] = {"accessToken": "ya29.account", "expireTime": "2999-01-01T00:00:00Z"}

    response = ask(serviceAccountAnnotations={"iam.gke.io/gcp-service-account": ACCOUNT}).response

    assert response["auth"]["localhost:5000"]["password"] == "ya29.account"
    document = {"delegates": [], "scope": [EXCHANGE["scope"]], "lifetime": "3600s"}
    assert sts.requests == [("/v1/token", EXCHANGE), (GENERATE, document)]


def test_a_foreign_image_exchanges_nothing(ask: Any, sts: Any) -> None:
    assert ask("quay.io/team/app").response["auth"] is None
    assert sts.requests == []


def test_an_sts_that_is_not_google_s_gives_nothing_for_google_s_hosts(ask: Any, sts: Any) -> None:
    outcome = ask("gcr.io/p/app")

    assert (outcome.status, outcome.stdout, sts.requests) == (1, "", [])
    assert "its tokens are not sent to Google's gcr.io" in outcome.stderr


def test_google_s_sts_gives_nothing_for_a_registry_on_loopback(ask: Any, plugin: Any) -> None:
    del plugin.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_STS"]

    outcome = ask()

    assert (outcome.status, outcome.stdout) == (1, "")
    assert (
        "the service account token is Google's: its tokens are not sent to localhost:5000" in outcome.stderr
    )


def test_without_an_audience_the_node_s_credential_does_not_stand_in(ask: Any, plugin: Any) -> None:
    plugin.use_token("ya29.node")

    outcome = ask("gcr.io/p/app", "--sts-audience=")

    assert (outcome.status, outcome.stdout, outcome.stderr) == (
        1,
        "",
        "gcr-credential-provider: no access token for gcr.io: service account token: "
        "there is no --sts-audience to exchange it for\n"
        "hint: add --sts-audience to `args`, or remove `tokenAttributes` from the kubelet's configuration\n",
    )


NO_TOKEN = (
    "gcr-credential-provider: no access token for gcr.io: service account token: the kubelet sent none\n"
    "hint: set `requireServiceAccount` to true in `tokenAttributes` of the kubelet's configuration, "
    "or remove --sts-audience from `args`\n"
)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"Impersonate": ACCOUNT},
        {"Account": ACCOUNT},
        {"Registries": {"gcr.io": {"Impersonate": ACCOUNT}}},
    ],
    ids=lambda settings: f"I-Z61-{' '.join(settings) or 'no settings'}",
)
@pytest.mark.parametrize("fields", [{}, {"serviceAccountToken": ""}, {"serviceAccountToken": None}])
def test_z61_a_request_without_a_pod_s_token_gets_nothing_from_the_node(
    plugin: Any, sts: Any, settings: dict[str, object], fields: dict[str, object]
) -> None:
    plugin.use_token("ya29.node")
    plugin.configure(**json.loads(plugin.config.read_text()), **settings)
    plugin.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS"] = sts.url

    outcome = plugin.ask("gcr.io/p/app", OPTION, **fields)

    assert (outcome.status, outcome.stdout, outcome.stderr) == (1, "", NO_TOKEN)
    assert sts.requests == []


def test_z61_a_foreign_image_is_no_failure_without_a_pod_s_token(plugin: Any) -> None:
    assert plugin.ask("quay.io/team/app", OPTION).response["auth"] is None


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (400, {"error": "invalid_grant", "error_description": f"bad {TOKEN}"}, "answered 400: invalid_grant"),
        (403, {"error": {"status": "PERMISSION_DENIED", "message": "no"}}, "answered 403: PERMISSION_DENIED"),
        (200, {"expires_in": 3600}, "answered without an access token"),
        (200, {"access_token": "ya29.x", "expires_in": 5}, "answered an expired access token"),
    ],
)  # fmt: skip
def test_a_refusal_is_said_without_the_token(
    ask: Any, sts: Any, status: int, answer: dict[str, object], said: str
) -> None:
    sts.status, sts.answers["/v1/token"] = status, answer

    outcome = ask()

    assert (outcome.status, outcome.stdout) == (1, "")
    assert said in outcome.stderr
    assert "eyJ" not in outcome.stderr


def test_a_token_that_cannot_be_sent_is_refused(ask: Any, sts: Any) -> None:
    outcome = ask(serviceAccountToken="two\nlines")

    assert (outcome.status, outcome.stdout, sts.requests) == (1, "", [])
    assert "the service account token is not a token that can be sent" in outcome.stderr


def test_a_waived_failure_of_the_exchange_is_an_answer_without_a_credential(
    ask: Any, sts: Any, plugin: Any
) -> None:
    sts.status = 403
    configured = json.loads(plugin.config.read_text())
    plugin.configure(**configured, OnError="anonymous")

    outcome = ask()

    assert (outcome.status, json.loads(outcome.stdout)["auth"]) == (0, None)
    assert "anonymous, as configured" in outcome.stderr
