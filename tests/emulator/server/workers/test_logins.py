"""Logins of users when each request may reach another worker."""

import requests


def log_in(emulator):
    """Returns the file of a new login of Ada."""
    emulator.grant("roles/viewer", "user:ada@example.com")
    url = f"{emulator.url}/_emulator/refreshTokens"
    return requests.post(url, json={"email": "ada@example.com"}, timeout=30).json()


def refresh(emulator, file):
    form = {**file, "grant_type": "refresh_token"}
    return requests.post(f"{emulator.url}/token", data=form, timeout=30)


def test_login_of_one_worker_is_known_to_the_other_and_ends_for_both(emulator, workers, pair):
    first, other = pair
    with workers.only(first):
        file = log_in(emulator)
    with workers.only(other):
        tokens = refresh(emulator, file).json()
        assert requests.post(f"{emulator.url}/revoke", data={"token": tokens["access_token"]}, timeout=30).ok
    with workers.only(first):
        assert refresh(emulator, file).json()["error"] == "invalid_grant"
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert requests.get(f"{emulator.url}/v1/userinfo", headers=headers, timeout=30).status_code == 401


def test_all_workers_sign_id_tokens_with_the_key_that_one_has_made(emulator, workers, pair):
    file = log_in(emulator)
    keys, key_ids = [], []
    for pid in pair:
        with workers.only(pid):
            keys.append(requests.get(f"{emulator.url}/oauth2/v3/certs", timeout=30).json())
            token = refresh(emulator, file).json()["id_token"]
            info = requests.get(f"{emulator.url}/tokeninfo", params={"id_token": token}, timeout=30)
            key_ids.append(info.json()["kid"])
    assert keys[0] == keys[1]
    assert key_ids == [keys[0]["keys"][0]["kid"]] * 2
