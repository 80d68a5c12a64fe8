"""Upload sessions: the state between two requests, and the upload's bytes."""

import contextlib
import hashlib
import json

import pytest
import requests
from support.backing_services import STORAGE, serve
from support.emulator_state import ask, list_pieces
from support.images import digest_of

from docker_credential_gcr.emulator.database.images.uploads import Upload
from docker_credential_gcr.emulator.registry.uploads.sessions import sign
from docker_credential_gcr.emulator.settings import Limits, Settings
from docker_credential_gcr.emulator.sites.hosts import locate

REPOSITORY = "my-project/app"
UPLOADS = f"/v2/{REPOSITORY}/blobs/uploads/"
SCOPE = f"repository:{REPOSITORY}:pull,push,delete"
SMALL, LARGE = b"few bytes", bytes(100_000)
OWNER = "principal://P/subject/f"
A, B = locate("gcr.io", "project/a"), locate("gcr.io", "project/b")


class Server:
    """A server on a data directory, which can be restarted, and an editor of it."""

    def __init__(self, data, editor_of):
        self.data = data
        self._editor_of = editor_of
        self._editor = None
        self._stack = contextlib.ExitStack()
        self.start()

    def start(self):
        settings = Settings(port=0, data=self.data, gc_interval_s=0, limits=Limits(upload_lifetime_s=200))
        self.url = self._stack.enter_context(serve(settings)).url
        if self._editor is None:
            self._editor = self._editor_of(self.url)
        self._editor.url = self.url
        self._token = self._editor.token(SCOPE)

    def stop(self):
        self._stack.close()

    def call(self, method, path, **options):
        return self._editor.call(method, path, token=self._token, **options)

    def send(self, *chunks):
        """Returns the Location after some chunks."""
        location = self.call("POST", UPLOADS).headers["Location"]
        for chunk in chunks:
            answer = self.call("PATCH", location, data=chunk)
            assert answer.status_code == 202, answer.text
            location = answer.headers["Location"]
        return location

    def rows(self):
        """Returns each upload's sequence, size, digest so far, bytes in the row, and sizes of its pieces."""
        columns = "sequence, size, sha256, length(data), pieces"
        found = ask(self.data, f"SELECT {columns} FROM uploads")  # noqa: S608
        return [(*row, [size for _, size in json.loads(pieces or "[]")]) for *row, pieces in found]

    def files(self):
        return list_pieces(self.data)

    def doomed(self):
        return ask(self.data, "SELECT key, due_at FROM doomed")


@pytest.fixture
def server(tmp_path, editor_of):
    server = Server(tmp_path / "data", editor_of)
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            ("ID", "project/a", f"{OWNER}\n{B.bucket}\n{B.path}\nuser:z@z.co"),
            (f"ID\n{A.bucket}\n{A.path}\n{OWNER}", "project/b", "user:z@z.co"),
            id="D-Z22-a subject of lines",
        ),
        pytest.param(("ID", "project/a", OWNER), ("ID", "project/ab", OWNER), id="another repository"),
        pytest.param(("ID", "project/a", OWNER), ("ID", "project/a", OWNER + "g"), id="another owner"),
    ],
)
def test_each_set_of_fields_has_its_own_signature(one, other):
    def sign_fields(upload_id, name, owner):
        return sign(b"k" * 32, locate("gcr.io", name), Upload(upload_id, owner))

    assert sign_fields(*one) == sign_fields(*one)
    assert sign_fields(*one) != sign_fields(*other)


def test_an_upload_without_bytes_is_kept_nowhere(server):
    server.send()
    assert (server.rows(), server.files(), server.doomed()) == ([], [], [])


def test_few_bytes_are_in_the_row_and_more_are_pieces(server):
    location = server.send(SMALL, SMALL)
    assert server.rows() == [(2, 18, None, 18, [])]
    # The first piece begins with the bytes of the row.
    location = server.call("PATCH", location, data=LARGE).headers["Location"]
    sofar = SMALL + SMALL + LARGE
    assert server.rows() == [(3, 100_018, hashlib.sha256(sofar).hexdigest(), None, [100_018])]
    location = server.call("PATCH", location, data=SMALL).headers["Location"]
    assert server.rows() == [(4, 100_027, hashlib.sha256(sofar + SMALL).hexdigest(), None, [100_018, 9])]
    assert (server.files(), server.doomed()) == ([9, 100_018], [])
    whole = sofar + SMALL + b"!"
    assert server.call("PUT", f"{location}?digest={digest_of(whole)}", data=b"!").status_code == 201
    assert (server.rows(), server.files(), server.doomed()) == ([], [1, 9, 100_018], [])
    blob = f"/v2/{REPOSITORY}/blobs/{digest_of(whole)}"
    assert server.call("GET", blob).content == whole
    part = server.call("GET", blob, headers={"Range": "bytes=100010-100027"})
    assert (part.status_code, part.content) == (206, whole[100_010:100_028])


def test_a_row_holds_64_kib(server):
    server.send(bytes(65_536))
    server.send(bytes(65_537))
    assert sorted(size for *_, size, _ in server.rows() if size) == [65_536]
    assert server.files() == [65_537]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("chunks", [(SMALL,), (SMALL, SMALL), (LARGE,), (LARGE, SMALL, LARGE)])
@pytest.mark.parametrize("last", [b"", SMALL, LARGE], ids=["nothing", "small", "large"])
def test_an_upload_continues_after_a_restart_with_every_byte(server, chunks, last, algorithm):
    location = server.send(*chunks)
    server.stop()
    server.start()
    size = sum(map(len, chunks))
    assert server.call("GET", location).headers["Range"] == f"0-{size - 1}"
    whole = b"".join(chunks) + last
    done = server.call("PUT", f"{location}?digest={digest_of(whole, algorithm)}", data=last)
    assert done.status_code == 201
    assert server.call("GET", f"/v2/{REPOSITORY}/blobs/{digest_of(whole, algorithm)}").content == whole


def test_after_a_restart_the_digest_so_far_is_not_known_and_found_at_the_end(server):
    location = server.send(LARGE)
    server.stop()
    server.start()
    location = server.call("PATCH", location, data=SMALL).headers["Location"]
    assert [row[2] for row in server.rows()] == [None]
    wrong = server.call("PUT", f"{location}?digest={digest_of(SMALL)}")
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")
    assert (server.rows(), server.files(), server.doomed()) == ([], [], [])


def test_the_digest_is_of_the_accepted_bytes_when_two_requests_use_one_location(server):
    """Lets the refused request end last, with as many bytes: its hasher must not become the upload's."""
    location, accepted = server.send(LARGE), []

    def send_slowly():
        yield b"e" * 50_000
        while not server.doomed():  # the request has not looked up its upload
            pass
        accepted.append(server.call("PATCH", location, data=b"a" * 100_000))
        yield b"e" * 50_000

    refused = server.call("PATCH", location, data=send_slowly())
    assert (accepted[0].status_code, refused.status_code) == (202, 404)
    location = server.call("PATCH", accepted[0].headers["Location"], data=SMALL).headers["Location"]
    claimed, whole = (LARGE + letter * 100_000 + SMALL for letter in (b"e", b"a"))
    assert [row[2] for row in server.rows()] in ([None], [hashlib.sha256(whole).hexdigest()])
    wrong = server.call("PUT", f"{location}?digest={digest_of(claimed)}")
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("chunks", [(SMALL,), (LARGE,), (LARGE, LARGE)])
@pytest.mark.parametrize("end", ["cancelled", "wrong digest", "wrong digest of more"])
def test_an_upload_that_ends_without_a_blob_leaves_nothing(server, chunks, end):
    location = server.send(*chunks)
    if end == "cancelled":
        assert server.call("DELETE", location).status_code == 204
    else:
        last = LARGE if end == "wrong digest of more" else b""
        url = f"{location}?digest=sha256:{'0' * 64}"
        assert server.call("PUT", url, data=last).status_code == 400
    assert server.call("GET", location).status_code == 404
    assert (server.rows(), server.files(), server.doomed()) == ([], [], [])


def test_a_blob_that_is_there_keeps_its_bytes_and_those_of_the_upload_go(server):
    for _ in range(2):
        location = server.send(LARGE)
        assert server.call("PUT", f"{location}?digest={digest_of(LARGE)}").status_code == 201
    assert (server.files(), server.doomed()) == ([len(LARGE)], [])


@pytest.mark.sqlite("the file of a blob")
@pytest.mark.parametrize("damage", ["gone", "short"])
def test_a_blob_whose_bytes_were_lost_has_those_of_the_next_push(server, damage):
    path = f"{UPLOADS}?digest={digest_of(LARGE)}"
    blob = f"/v2/{REPOSITORY}/blobs/{digest_of(LARGE)}"
    assert server.call("POST", path, data=LARGE).status_code == 201
    (piece,) = server.data.glob("pieces/*/*")
    if damage == "gone":
        piece.unlink()
    else:
        piece.write_bytes(b"short")
    assert server.call("GET", blob).status_code == 500
    assert server.call("POST", path, data=LARGE).status_code == 201
    assert server.call("GET", blob).content == LARGE
    assert (server.files(), server.doomed()) == ([len(LARGE)], [])


def test_the_bytes_of_a_repository_that_goes_go_with_the_next_collection(server):
    url = f"{server.url}/v1/projects/my-project/locations/us/repositories"
    requests.post(url, params={"repositoryId": "i"}, json={"format": "DOCKER"}, timeout=30).raise_for_status()
    host = {"Host": "us-docker.pkg.dev"}
    answer = server._editor.ask_token("repository:my-project/i/app:pull,push", host=host["Host"])
    options = {"token": answer.json()["token"], "headers": host}
    begun = server._editor.call("POST", "/v2/my-project/i/app/blobs/uploads/", **options)
    sent = server._editor.call("PATCH", begun.headers["Location"], data=LARGE, **options)
    requests.delete(f"{url}/i", timeout=30).raise_for_status()

    refused = server._editor.call("PUT", f"{sent.headers['Location']}?digest={digest_of(LARGE)}", **options)

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (404, "NAME_UNKNOWN")
    assert requests.get(f"{url}/i", timeout=30).status_code == 404
    collected = requests.post(f"{server.url}/_emulator/gc", timeout=30).json()
    # The size of an object is not asked for.
    assert (collected["files"], collected["bytes"]) == (1, 0 if STORAGE else len(LARGE))
    assert (server.files(), server.doomed()) == ([], [])


@pytest.mark.sqlite("no other server, whose requests still run")
def test_what_a_request_left_that_never_ended_goes_at_the_next_start(server):
    server.stop()
    key = f"pieces/0f/{'0f' * 16}-1-0123456789abcdef"
    (server.data / "pieces/0f").mkdir(parents=True)
    (server.data / key).write_bytes(b"part")
    ask(server.data, f"INSERT INTO doomed VALUES ('{key}', {2**40})")  # noqa: S608
    server.start()
    assert (server.files(), server.doomed()) == ([], [])


def test_a_reset_leaves_no_byte(server):
    server.send(LARGE)
    server.call("POST", f"{UPLOADS}?digest={digest_of(LARGE)}", data=LARGE)
    assert len(server.files()) == 2
    requests.post(f"{server.url}/_emulator/reset", timeout=30).raise_for_status()
    assert (server.rows(), server.files(), server.doomed()) == ([], [], [])


def test_an_upload_takes_ten_thousand_pieces(server):
    location = server.send(LARGE)
    many = json.dumps([[f"pieces/ab/{number}", 1] for number in range(10_000)])
    ask(server.data, f"UPDATE uploads SET pieces = '{many}', size = 10000")  # noqa: S608
    before = server.files()
    refused = server.call("PATCH", location, data=SMALL)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (413, "SIZE_INVALID")
    assert (server.files(), server.doomed()) == (before, [])
