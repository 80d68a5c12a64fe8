"""Users and their logins, created by a test without a browser."""

import pytest
import requests

from docker_credential_gcr.emulator.identity.oauth.clients import APPLICATION_DEFAULT

PLATFORM = "https://www.googleapis.com/auth/cloud-platform"


def post(gcr_emulator, name, document, **options):
    return requests.post(f"{gcr_emulator.url}/_emulator/{name}", json=document, timeout=30, **options)


def refresh(gcr_emulator, file):
    form = {name: file[name] for name in ("client_id", "client_secret", "refresh_token")}
    form["grant_type"] = "refresh_token"
    return requests.post(f"{gcr_emulator.url}/token", data=form, timeout=30)


def find_user(gcr_emulator, file):
    """Returns userinfo for the user of the file."""
    token = refresh(gcr_emulator, file).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{gcr_emulator.url}/v1/userinfo", headers=headers, timeout=30).json()


def test_a_person_is_made_once_and_may_be_renamed(gcr_emulator):
    first = post(gcr_emulator, "users", {"email": "ada@example.com", "name": "Ada"})
    again = post(gcr_emulator, "users", {"email": "ada@example.com"})
    renamed = post(gcr_emulator, "users", {"email": "ada@example.com", "name": "Ada Lovelace"})
    number = first.json()["sub"]
    assert first.json() == again.json() == {"email": "ada@example.com", "name": "Ada", "sub": number}
    assert renamed.json() == {"email": "ada@example.com", "name": "Ada Lovelace", "sub": number}
    assert len(number) == 21


def test_a_login_is_a_file_that_buys_tokens(gcr_emulator):
    number = post(gcr_emulator, "users", {"email": "ada@example.com"}).json()["sub"]
    answer = post(gcr_emulator, "refreshTokens", {"email": "ada@example.com"})
    file = answer.json()
    assert file == {
        "type": "authorized_user",
        "client_id": APPLICATION_DEFAULT.client_id,
        "client_secret": APPLICATION_DEFAULT.secret,
        "refresh_token": file["refresh_token"],
    }
    assert find_user(gcr_emulator, file) == {
        "sub": number,
        "email": "ada@example.com",
        "email_verified": True,
    }


def test_a_login_has_the_scopes_that_were_asked_for(gcr_emulator):
    gcr_emulator.grant("roles/viewer", "user:ada@example.com")
    file = post(gcr_emulator, "refreshTokens", {"email": "ada@example.com", "scopes": [PLATFORM]}).json()
    assert refresh(gcr_emulator, file).json()["scope"] == PLATFORM


def test_who_is_in_a_policy_pulls_with_a_login(gcr_emulator, editor):
    editor.push_image("my-project/app", "v1", b"layer")
    gcr_emulator.grant("roles/viewer", "user:ada@example.com")
    file = post(gcr_emulator, "refreshTokens", {"email": "ada@example.com"}).json()
    token = refresh(gcr_emulator, file).json()["access_token"]
    url = f"{gcr_emulator.url}/v2/my-project/app/manifests/v1"
    statuses = [requests.get(url, auth=("oauth2accesstoken", token), timeout=30).status_code]
    requests.post(f"{gcr_emulator.url}/revoke", data={"token": token}, timeout=30)
    statuses.append(requests.get(url, auth=("oauth2accesstoken", token), timeout=30).status_code)
    assert statuses == [200, 401]


def test_a_registry_token_ends_with_its_login(gcr_emulator, editor):
    editor.push_image("my-project/app", "v1", b"layer")
    gcr_emulator.grant("roles/viewer", "user:ada@example.com")
    file = post(gcr_emulator, "refreshTokens", {"email": "ada@example.com"}).json()
    auth = ("_token", refresh(gcr_emulator, file).json()["access_token"])
    url = f"{gcr_emulator.url}/v2/token?scope=repository:my-project/app:pull"
    bearer = {"Authorization": f"Bearer {requests.get(url, auth=auth, timeout=30).json()['token']}"}
    image = f"{gcr_emulator.url}/v2/my-project/app/manifests/v1"
    statuses = [requests.get(image, headers=bearer, timeout=30).status_code for _ in range(2)]
    requests.post(f"{gcr_emulator.url}/revoke", data={"token": file["refresh_token"]}, timeout=30)
    statuses.append(requests.get(image, headers=bearer, timeout=30).status_code)
    assert statuses == [200, 200, 401]


def test_an_unknown_user_cannot_log_in(gcr_emulator):
    answer = post(gcr_emulator, "refreshTokens", {"email": "eve@example.com"})
    assert (answer.status_code, answer.json()) == (
        404,
        {"error": "unknown user eve@example.com: create it at /_emulator/users, or name it in a policy"},
    )


def test_reset_forgets_people_and_their_logins(gcr_emulator):
    post(gcr_emulator, "users", {"email": "ada@example.com"})
    file = post(gcr_emulator, "refreshTokens", {"email": "ada@example.com"}).json()
    gcr_emulator.reset()
    assert refresh(gcr_emulator, file).json()["error"] == "invalid_grant"
    assert post(gcr_emulator, "refreshTokens", {"email": "ada@example.com"}).status_code == 404


EMAIL = "email is not the address of a person, such as ada@example.com"
NO_SCOPE = "scopes holds a string that is not an OAuth scope"
BAD = [
    ("users", [], "the body is not a JSON object"),
    ("users", {}, EMAIL),
    ("users", {"email": 1}, EMAIL),
    ("users", {"email": "ada"}, EMAIL),
    ("users", {"email": "ada@example.com\n"}, EMAIL),
    ("users", {"email": "ci@my-project.iam.gserviceaccount.com"}, EMAIL),
    # Tokens of this user would be accepted as the operator's.
    ("users", {"email": "operator@gcr-emulator.invalid"}, EMAIL),
    ("users", {"email": "x@GCR-emulator.INVALID"}, EMAIL),
    ("users", {"email": "a@b.c", "name": "x" * 101}, "name is not a line of at most 100 characters"),
    ("users", {"email": "a@b.c", "name": "a\nb"}, "name is not a line of at most 100 characters"),
    ("users", {"email": "a@b.c", "admin": True}, "unknown field 'admin': known are email, name"),
    ("refreshTokens", {"email": "operator@gcr-emulator.invalid"}, EMAIL),
    ("refreshTokens", {"email": "a@b.c", "scopes": []}, "scopes is not a list of strings"),
    ("refreshTokens", {"email": "a@b.c", "scopes": [1]}, "scopes is not a list of strings"),
    ("refreshTokens", {"email": "a@b.c", "scopes": ["openid email"]}, NO_SCOPE),
    ("refreshTokens", {"email": "a@b.c", "scopes": ["é"]}, NO_SCOPE),
    ("refreshTokens", {"email": "a@b.c", "scopes": ["cloud-platform"]}, NO_SCOPE),
    ("refreshTokens", {"email": "a@b.c", "name": "A"}, "unknown field 'name': known are email, scopes"),
]


@pytest.mark.parametrize(("name", "document", "text"), BAD)
def test_a_bad_request_is_told_what_is_wrong(gcr_emulator, name, document, text):
    answer = post(gcr_emulator, name, document)
    assert (answer.status_code, answer.json()) == (400, {"error": text})


@pytest.mark.parametrize("name", ["users", "refreshTokens"])
def test_only_the_operator_makes_people_and_logins(gcr_emulator, name):
    gcr_emulator.grant("roles/owner", "user:ada@example.com")
    file = post(gcr_emulator, "refreshTokens", {"email": "ada@example.com"}).json()
    headers = {"Authorization": f"Bearer {refresh(gcr_emulator, file).json()['access_token']}"}
    answer = post(gcr_emulator, name, {"email": "eve@example.com"}, headers=headers)
    assert (answer.status_code, answer.json()) == (403, {"error": "only the operator may do this"})
    page = post(gcr_emulator, name, {"email": "eve@example.com"}, headers={"Origin": "http://evil.example"})
    assert page.status_code == 401
