"""Opening an object store: its URL, endpoints and credentials, and the errors of each."""

import json

import pytest
from support.servers.loopback import serving
from support.servers.s3_stub import S3Stub
from support.servers.seaweedfs import NEEDS

from docker_credential_gcr.emulator.storage.open_store import UnusableStore, find_link_warning, open_store

SECRET = "wJalrXUtnFEMI-secret"
KEY = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": SECRET}


@pytest.fixture
def stub():
    with serving(S3Stub()) as stub:
        yield stub


def refuse(url, **options):
    """Returns the message about a store that cannot be used."""
    with pytest.raises(UnusableStore) as caught:
        open_store(url, **options)
    message = str(caught.value)
    assert SECRET not in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "images",
        "s3:/images",
        "s3://",
        "s3://ab",
        "S3://images",
        "s3://images/../other",
        "s3://images/a//b",
        "s3://images/%2e",
        "s3://images?x=y",
        f"s3://id:{SECRET}@images",
        "azure://images",
        "https://s3.amazonaws.com/images",
        "s3://images\n",
    ],
)
def test_what_is_not_the_url_of_a_bucket_is_refused(set_environ, url):
    set_environ(**KEY)
    assert refuse(url) == (
        "--storage is not the URL of a bucket: give s3://BUCKET, gs://BUCKET, or either with /FOLDER"
    )


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "localhost:9000",
        "ftp://host",
        "http://",
        f"http://id:{SECRET}@host",
        "http://host?a",
        "http://host:x",
    ],
)
def test_an_endpoint_is_an_address(set_environ, endpoint):
    set_environ(**KEY)
    for option in ("endpoint", "public_endpoint"):
        message = refuse("s3://images", **{option: endpoint})
        name = option.replace("_", "-").replace("endpoint", "").rstrip("-")
        assert message == (
            f"--storage-{name + '-' if name else ''}endpoint is not an address: "
            "give https://HOST or http://HOST:PORT"
        )


@pytest.mark.parametrize("folder", ["", "/", "/folder", "/folder/", "/a/b-c_d.e=1"])
def test_a_folder_is_a_prefix_of_every_key(set_environ, stub, folder):
    set_environ(**KEY)
    store = open_store(f"s3://bucket{folder}", endpoint=stub.url)
    stub.objects[f"{folder.strip('/')}/pieces/ab/one".strip("/")] = b"bytes"
    stub.objects["other/pieces/ab/two"] = b"bytes"
    assert list(store.list("pieces/")) == ["pieces/ab/one"]


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_s10_without_credentials_nothing_is_asked_and_the_message_names_them(tmp_path, scheme):
    environ = {"HOME": str(tmp_path)}
    message = refuse(f"{scheme}://images", environ=environ)
    expected = "AWS_METADATA_ENDPOINT=" if scheme == "s3" else "GCE_METADATA_HOST="
    assert message.startswith("no credentials for the object store: set ")
    assert expected in message


def test_s10_the_metadata_server_is_asked_where_a_variable_names_it(set_environ, stub):
    with serving(S3Stub()) as metadata:
        role = {"AccessKeyId": "temporary", "SecretAccessKey": SECRET, "Token": "token", "Code": "Success"}
        answers = {
            "/latest/api/token": b"session",
            "/latest/meta-data/iam/security-credentials/": b"role",
            "/latest/meta-data/iam/security-credentials/role": json.dumps(
                {
                    **role,
                    "Expiration": "2100-01-01T00:00:00Z",
                    "LastUpdated": "2026-01-01T00:00:00Z",
                    "Type": "x",
                }
            ).encode(),
        }

        def answer(handler):
            handler.end(200, answers[handler.path])
            return True

        metadata.intercept = answer
        set_environ(AWS_METADATA_ENDPOINT=metadata.url)
        open_store("s3://bucket", endpoint=stub.url)
        assert {asked.target for asked in metadata.requests} == set(answers)
    assert "Credential=temporary/" in stub.requests[0].headers["authorization"]


def test_one_request_proves_bucket_and_credentials(set_environ, stub):
    set_environ(**KEY, AWS_REGION="eu-central-1")
    open_store("s3://bucket", endpoint=stub.url)
    [asked] = stub.requests
    assert (asked.method, asked.target) == ("GET", "/bucket?list-type=2&prefix=probe%2F")
    assert "/eu-central-1/s3/" in asked.headers["authorization"]


def test_an_endpoint_is_read_from_the_environment_and_the_option_wins(set_environ, stub):
    set_environ(**KEY, AWS_ENDPOINT_URL=stub.url)
    open_store("s3://bucket")
    set_environ(**KEY, AWS_ENDPOINT_URL_S3="http://127.0.0.1:1", AWS_ENDPOINT_URL="http://127.0.0.1:1")
    open_store("s3://bucket", endpoint=stub.url)
    assert len(stub.requests) == 2


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "NoSuchBucket", "there is no bucket s3://bucket: create it, or correct --storage"),
        (
            403,
            "SignatureDoesNotMatch",
            "the object store refuses the credentials for s3://bucket (status 403 SignatureDoesNotMatch): "
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, and the rights to list, read, write and delete "
            "its objects",
        ),
        (301, "PermanentRedirect", "the bucket s3://bucket is in another region: set AWS_REGION"),
        (
            500,
            "InternalError",
            "the object store at HOST fails (status 500 InternalError): start it, or correct "
            "--storage-endpoint",
        ),
    ],
)
def test_each_refusal_of_the_store_is_one_line_that_says_what_to_do(set_environ, stub, status, code, message):
    set_environ(**KEY)
    stub.intercept = lambda handler: handler.refuse(status, code)
    assert refuse("s3://bucket", endpoint=stub.url) == message.replace("HOST", stub.host)


def test_a_store_that_nobody_runs_is_one_line_too(set_environ):
    set_environ(**KEY)
    with serving(S3Stub()) as stub:
        pass
    assert refuse("s3://bucket", endpoint=stub.url) == (
        f"the object store at {stub.host} fails (no connection): start it, or correct --storage-endpoint"
    )


@NEEDS
def test_a_real_store_refuses_a_wrong_key_and_a_bucket_that_is_missing(set_environ, seaweedfs):
    set_environ(**{**seaweedfs.environ, "AWS_SECRET_ACCESS_KEY": SECRET})
    assert "refuses the credentials" in refuse("s3://images", endpoint=seaweedfs.url)
    set_environ(**seaweedfs.environ)
    assert refuse("s3://no-such-bucket", endpoint=seaweedfs.url).startswith("there is no bucket")


@pytest.mark.parametrize(
    "content", [None, "not JSON", '{"type": "external_account"}', f'{{"private_key": "{SECRET}"}}']
)
def test_a_file_of_credentials_that_cannot_be_read_is_told_without_its_text(set_environ, tmp_path, content):
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    set_environ(GOOGLE_APPLICATION_CREDENTIALS=str(path))
    assert refuse("gs://images") == (
        "the credentials of the object store cannot be read: check the files and variables that hold them"
    )


@pytest.mark.parametrize(
    ("endpoint", "is_warned"),
    [
        (None, False),
        ("https://s3.example.com", False),
        ("https://203.0.113.9.example.com", False),
        ("http://8.8.8.8:9000", False),
        ("http://127.0.0.1:9000", True),
        ("http://[::1]:9000", True),
        ("http://10.1.2.3", True),
        ("http://localhost:9000", True),
        ("http://store:9000", True),
        ("http://store.images.svc:9000", True),
        ("http://store.corp.internal", True),
    ],
)
def test_s9_links_to_a_private_address_are_warned_of(endpoint, is_warned):
    environ = {} if endpoint is None else {"AWS_ENDPOINT_URL": endpoint}
    for options in ({"endpoint": endpoint, "environ": {}}, {"environ": environ}):
        warning = find_link_warning("s3://images", **options)
        assert (warning is not None) == is_warned
        assert warning is None or warning.endswith("with --storage-public-endpoint")
        public = "https://images.example.com"
        assert find_link_warning("s3://images", public_endpoint=public, **options) is None


def test_s10_googles_metadata_server_is_asked_where_a_variable_names_it(set_environ, stub):
    with serving(S3Stub()) as metadata:
        token = {"access_token": "ya29.temporary", "expires_in": 3600, "token_type": "Bearer"}

        def answer(handler):
            handler.end(200, json.dumps(token).encode())
            return True

        metadata.intercept = answer
        set_environ(GCE_METADATA_HOST=metadata.host)
        open_store("gs://bucket", endpoint=stub.url)
        assert [asked.headers["metadata-flavor"] for asked in metadata.requests] == ["Google"]
    assert stub.requests[0].headers["authorization"] == "Bearer ya29.temporary"
