"""Threat T19, secrets that can be guessed: faults of other registries."""

import ast
import json
from pathlib import Path

import pytest
from support.backing_services import serve
from support.registry_client import RegistryClient

import docker_credential_gcr.emulator
from docker_credential_gcr.emulator.settings import Limits, Settings

PULL = "repository:my-project/app:pull"
PACKAGE = Path(docker_credential_gcr.emulator.__file__).parent
# Suffixes of the names of values that must not be guessed byte by byte.
SECRETS = ("mac", "password", "secret", "signature", "token", "verifier")


def is_secret(node):
    """Returns whether an operand is a secret by its name, or its encoding."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "encode":
        node = node.func.value
    name = getattr(node, "id", "") or getattr(node, "attr", "")
    # A constant in the source is not a secret.
    return not name.isupper() and name.lower().rpartition("_")[2] in SECRETS


def find_plain_comparisons(source):
    """Returns the lines that compare a secret in a time that depends on the common prefix."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(map(is_secret, (node.left, *node.comparators)))
    ]


class TestT19TimeTellsNothing:
    def test_no_secret_is_compared_with_an_equals_sign(self):
        found = {
            f"{path.relative_to(PACKAGE)}:{line}"
            for path in PACKAGE.rglob("*.py")
            for line in find_plain_comparisons(path.read_text("utf-8"))
        }
        assert found == set()

    @pytest.mark.parametrize(
        ("source", "lines"),
        [
            ("if token == expected: pass", [1]),
            ("x = 1\nreturn_ = self._operator_token != other", [2]),
            ("ok = sign(x) == found.signature.encode()", [1]),
            ("hmac.compare_digest(token, expected)\ntoken is None\nlen(token) == 2\ntoken_type != x", []),
            ("requested_token_type == _ACCESS_TOKEN", []),
        ],
    )
    def test_such_a_comparison_would_be_seen(self, source, lines):
        assert find_plain_comparisons(source) == lines


def shown(answer):
    """Returns the parts of a response that are the same each time."""
    own = {"date", "x-request-id"}
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in own}
    return answer.status_code, answer.content, tuple(sorted(headers.items()))


class TestT19NobodyIsTold:
    def test_who_exists(self, gcr_emulator, registry, account, make_account, other_private_key):
        other, gone = make_account(account="other"), make_account(account="gone")
        path = f"/v1/projects/my-project/serviceAccounts/{gone.document['client_email']}"
        registry.at("localhost").call("DELETE", path).raise_for_status()
        expired = account.access_token()
        gcr_emulator.clock.shift(3601)

        def forge(**changes):
            return ("_json_key", json.dumps({**account.document, **changes}))

        refused = {
            "unknown user name": ("unknown", account.key_file),
            "unknown account": forge(client_email="unknown@my-project.iam.gserviceaccount.com"),
            "unknown key": forge(private_key_id="0" * 40),
            "key of another account": forge(private_key_id=other.document["private_key_id"]),
            "another private key": forge(private_key=other_private_key),
            "no private key": forge(private_key="x"),
            "account that is gone": gone.basic,
            "token that has expired": ("_token", expired),
            "token that we did not issue": ("_token", "ya29.x"),
            "signed by an account that is gone": ("_token", gone.sign()),
            "signed by an unknown key": ("_token", account.sign(kid="0" * 40)),
        }
        answers = {name: shown(registry.ask_token(PULL, auth=auth)) for name, auth in refused.items()}
        assert set(answers.values()) == {answers["unknown user name"]}
        assert answers["unknown user name"][0] == 401
        directly = {shown(registry.call("GET", "/v2/", auth=auth)) for auth in refused.values()}
        assert len(directly) == 1

    @pytest.mark.parametrize("actions", ["pull", "push,pull", "delete"])
    def test_which_projects_and_images_exist(self, registry, make_account, editor, actions):
        editor.push_image("my-project/app", "v1", b"layer")
        stranger = make_account(None, account="stranger")
        for auth in (None, stranger.basic):
            answers = [
                registry.ask_token(f"repository:{name}:{actions}", auth=auth)
                for name in ("my-project/app", "my-project/none", "no-project/app")
            ]
            told = {
                (answer.status_code, answer.text.replace("no-project", "my-project")) for answer in answers
            }
            assert len(told) == 1
            assert answers[0].status_code in (401, 403)

    def test_what_lies_in_a_private_project(self, registry, make_account, editor):
        digest = editor.push_image("my-project/app", "v1", b"layer")
        stranger = make_account(None, account="stranger")
        for tail in (f"manifests/{digest}", "manifests/none", "tags/list", f"blobs/{digest}"):
            for auth, status in ((None, 401), (stranger.basic, 403)):
                answers = {
                    shown(registry.call("GET", f"/v2/{name}/{tail}", auth=auth))[:2]
                    for name in ("my-project/app", "my-project/none", "no-project/app")
                }
                (told,) = answers
                assert told[0] == status


class TestT19Attempts:
    def test_are_bounded_by_the_rate_where_there_is_one(self):
        limits = Limits(request_rate=0.001, request_burst=5)
        with serve(Settings(port=0, limits=limits)) as ready:
            limited = RegistryClient(ready.url, host="gcr.io")
            answers = [limited.ask_token(PULL, auth=("_token", f"guess {number}")) for number in range(8)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
        assert {answer.json()["errors"][0]["code"] for answer in answers[5:]} == {"TOOMANYREQUESTS"}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers[5:])

    def test_lock_no_account_out(self, registry, account):
        for number in range(50):
            guess = json.dumps({**account.document, "private_key": f"guess {number}"})
            assert registry.ask_token(PULL, auth=("_json_key", guess)).status_code == 401
        assert registry.ask_token("repository:my-project/app:push", auth=account.basic).status_code == 200

    def test_cost_no_more_than_a_key_of_the_registered_size(self, registry, account):
        # The check of a private key of 8192 bits would block the server for five seconds.
        long = "-----BEGIN PRIVATE KEY-----\n" + "A" * 6000
        for text in (long, "x" * 30_000):
            forged = json.dumps({**account.document, "private_key": text})
            assert registry.ask_token(PULL, auth=("_json_key", forged)).status_code == 401
