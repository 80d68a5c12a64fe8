"""Threat T07, scopes that request too much: faults of other registries."""

import pytest

APP = "my-project/app"
MANIFEST, UPLOADS = f"/v2/{APP}/manifests/v1", f"/v2/{APP}/blobs/uploads/"


def refusal(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["message"]


@pytest.fixture
def registry(settled):
    return settled.registry


@pytest.fixture
def account(settled):
    return settled.account


@pytest.fixture
def opened(registry, account):
    """Returns a function from scopes to what their token allows: a set of pull, push, delete.

    Deletes a blob, because a token for push can delete a manifest, as gcloud does.
    """
    requests = {
        "pull": ("GET", MANIFEST),
        "push": ("POST", UPLOADS),
        "delete": ("DELETE", f"/v2/{APP}/blobs/sha256:{'0' * 64}"),
    }

    def ask(*scopes):
        token = registry.token(*scopes, auth=account.basic)
        return {
            action
            for action, asked in requests.items()
            if registry.call(*asked, token=token).status_code != 401
        }

    return ask


class TestT07ScopesOfTokens:
    @pytest.mark.parametrize("other", ["ap", "app2", "app/sub", "other"])
    def test_a_token_for_another_name_opens_nothing(self, opened, other):
        assert opened(f"repository:{APP}:pull") == {"pull"}
        assert opened(f"repository:my-project/{other}:pull,push,delete") == set()

    def test_a_token_for_the_project_lists_and_opens_no_image_in_it(self, opened):
        assert opened("repository:my-project:pull") == set()

    @pytest.mark.parametrize(
        ("scopes", "actions"),
        [
            ([f"repository:{APP}:pull"] * 2, {"pull"}),
            ([f"repository:{APP}:pull", f"repository:{APP}:push"], {"pull", "push"}),
            ([f"repository:{APP}:pull repository:{APP}:delete"], {"pull", "delete"}),
            ([f"repository:{APP}:pull,pull,pull"], {"pull"}),
            ([f"repository:{APP}:pull", "registry:catalog:*"], {"pull"}),
            ([f"repository:{APP}:pull", f"repository(plugin):{APP}:push"], {"pull", "push"}),
            (["repository:my-project/other:push,pull", f"repository:{APP}:pull"], {"pull"}),
            ([f"repository:{APP}:pull,admin,*-all,owner"], {"pull"}),
            ([f"repository:{APP}:admin"], set()),
            ([f"repository:{APP}:PULL,Push"], set()),
            ([f"repository:{APP}:"], set()),
            ([f"repository:{APP}:%2a"], set()),
            ([f"registry:{APP}:*"], set()),
            ([], set()),
        ],
        # A set has no order, but other processes must find the tests under the same names.
        ids=lambda value: str(sorted(value) if isinstance(value, set) else value),
    )
    def test_a_token_opens_what_was_asked_for_in_known_words_and_no_more(self, opened, scopes, actions):
        assert opened(*scopes) == actions

    @pytest.mark.parametrize(
        "scope",
        [
            "",
            "repository",
            f"repository:{APP}",
            f"repository:{APP}:pull:push",
            f"Repository:{APP}:pull",
            f"REPOSITORY:{APP}:pull",
            "repository:My-Project/App:pull",
            "repository:MY-PROJECT/APP:pull",
            f"repository:{APP}/:pull",
            f"repository:/{APP}:pull",
            "repository:my-project//app:pull",
            "repository:my-project/../my-project/app:pull",
            "repository:my-project%2Fapp:pull",
            f"repository:{APP}\0:pull",
            f"repository:{APP}\n:pull",
            "repository:my-project/\u0430pp:pull",
            "repository:*:pull",
            "repository:my-project/*:pull",
            f"plugin:{APP}:pull",
        ],
    )
    def test_a_name_in_other_letters_is_no_other_way_to_write_it(self, registry, account, opened, scope):
        assert opened() == set()
        answer = registry.ask_token(scope, auth=account.basic)
        status, code, _ = refusal(answer)
        assert (status, code) in ((400, "UNSUPPORTED"), (403, "DENIED"))

    def test_so_many_scopes_and_no_more(self, registry, account, opened):
        scopes = [f"repository:my-project/app-{number}:pull" for number in range(16)]
        assert registry.ask_token(*scopes, auth=account.basic).status_code == 200
        answer = registry.ask_token(*scopes, f"repository:{APP}:pull", auth=account.basic)
        assert refusal(answer) == (400, "UNSUPPORTED", "more than 16 scopes")
        assert opened(f"repository:{APP}:pull", f"repository:{APP}:push") == {"pull", "push"}

    @pytest.mark.parametrize("service", ["eu.gcr.io", "storage.googleapis.com", "*", "", "evil.example"])
    def test_the_service_that_is_named_makes_no_token_for_another(self, registry, account, service):
        token = registry.token(f"repository:{APP}:pull", query=f"service={service}", auth=account.basic)
        assert registry.call("GET", MANIFEST, token=token).status_code == 200
        for host in ("eu.gcr.io", "us.gcr.io"):
            assert registry.at(host).call("GET", MANIFEST, token=token).status_code == 401

    def test_the_account_that_is_named_is_not_whom_the_token_is_for(self, registry, account):
        query = f"account={account.document['client_email']}&client_id=docker"
        answer = registry.ask_token(f"repository:{APP}:pull", query=query)
        assert refusal(answer)[:2] == (401, "UNAUTHORIZED")

    def test_a_long_header_is_answered(self, registry):
        for size in (10_000, 40_000, 120_000):
            for scheme in ("Bearer", "Basic"):
                answer = registry.call("GET", "/v2/", headers={"Authorization": f"{scheme} {'A' * size}"})
                assert refusal(answer) == (401, "UNAUTHORIZED", "Unauthorized access.")
