"""The secrets in the data directory: an empty or malformed one is refused in one line, by its path (Z19)."""

import pytest
import requests

from docker_credential_gcr.emulator.data_directory import DataDirectory, DataDirectoryError
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

MALFORMED = {
    "empty": b"",
    "a line break": b"\n",
    "blanks": b"  \n",
    "not ASCII": "gemäß".encode(),
    "not UTF-8": b"\xff\xfe",
    "a NUL": b"token\0",
    "two words": b"my token",
    "two lines": b"first\nsecond",
    "JSON": b'{"token": "x"}',
}
FILES = {
    "operator-token": "does not hold an operator token, which is letters, digits and -._~+/: delete it, and",
    "signing-key.pem": "is not a signing key: delete it, and the server creates another, "
    "which makes all tokens invalid",
    "issuer-key.pem": "is not an issuer's key: delete it, and",
    "id-token-key.pem": "is not a key for ID tokens: delete it, and",
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=[f"A-Z19-{name}" for name in MALFORMED])
@pytest.mark.parametrize("name", FILES)
def test_server_refuses_a_malformed_secret_and_names_its_file(tmp_path, run, name, content):
    path = tmp_path / "data" / "keys" / name
    path.parent.mkdir(parents=True, mode=0o700)
    path.parent.parent.chmod(0o700)
    path.write_bytes(content)
    path.chmod(0o600)

    code, out, err = run("serve", "--port", "0", "--data", tmp_path / "data", "--strict-admin")

    assert (code, out, err.count("\n")) == (1, "", 1), err
    assert err.startswith(f"gcr-emulator: {path} {FILES[name]}")
    assert content.strip() == b"" or content.decode("latin-1").strip() not in err
    assert path.read_bytes() == content


def test_a_z19_operator_token_of_a_persons_own_may_end_with_a_line_break(tmp_path):
    data = tmp_path / "data"
    DataDirectory(data).close()
    (data / "keys" / "operator-token").write_text("my-own.token_1~+/==\n")
    (data / "keys" / "operator-token").chmod(0o600)
    with InThread(Settings(port=0, data=data, strict_admin=True)) as ready:
        headers = {"Authorization": "Bearer my-own.token_1~+/=="}
        assert requests.get(f"{ready.url}/v1/projects", headers=headers, timeout=30).status_code == 200


def test_a_z19_refusal_is_an_error_of_the_data_directory(tmp_path):
    directory = DataDirectory(tmp_path / "data")
    directory.operator_token_path.write_bytes(b"")
    with pytest.raises(DataDirectoryError):
        directory.load_operator_token()
    directory.close()
