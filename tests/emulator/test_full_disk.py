"""Full disk (T14): a clean refusal, nothing half-written or lost, and normal service once there is space.

The disk is a tmpfs of a few MiB, mounted in a namespace of the test's own processes.
"""

import collections
import itertools
import json
import random
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from support.images import OCI_MANIFEST, digest_of

pytestmark = [pytest.mark.needs("unshare", "nsenter"), pytest.mark.needs_root("mount a small disk")]

PROGRAMS = Path(sys.executable).parent
WAIT_S = 60
MIB = 1024 * 1024
REPOSITORY = "my-project/app"
PATH = f"/v2/{REPOSITORY}"
MESSAGE = "the registry's disk is full, and acknowledged data is safe: free space and try again"
FULL = {"errors": [{"code": "UNAVAILABLE", "message": MESSAGE}]}


class Disk:
    """A small tmpfs, at `inside` for the processes in its namespace, and at `path` for the test."""

    def __init__(self, mount, size):
        mount.mkdir()
        script = 'mount -t tmpfs -o size="$2" gcr-emulator-test "$1" && echo mounted && exec cat'
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", mount, size]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._keeper = subprocess.Popen(list(map(str, command)), **pipes)
        self.is_mounted = self._keeper.stdout.readline() == b"mounted\n"
        self.inside = mount
        self.path = Path(f"/proc/{self._keeper.pid}/root{mount}")
        self._filler = self.path / "filler"

    def fill(self, *, leave=0):
        """Fills the disk, except for `leave` bytes."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                file.truncate(max(0, file.tell() - leave))

    def free(self):
        """Frees the space that `fill` has used."""
        self._filler.unlink()

    def enter(self, *command):
        """Returns the command line that runs `command` in the disk's namespace."""
        return ["nsenter", f"--mount=/proc/{self._keeper.pid}/ns/mnt", *map(str, command)]

    def close(self):
        """Unmounts the disk with its last process; returns the output of mount."""
        return self._keeper.communicate(timeout=WAIT_S)[1].decode().strip()


class Server:
    """The emulator as a program, with its data on the disk."""

    def __init__(self, disk, *arguments):
        command = [PROGRAMS / "gcr-emulator", "serve", "--port", "0", "--data", disk.inside / "data"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = subprocess.Popen(disk.enter(*command, *arguments), text=True, **pipes)
        line = self._process.stdout.readline()
        assert line, self._process.stderr.read()
        self.url = json.loads(line)["url"]

    def stop(self, number=signal.SIGTERM):
        """Stops the server; returns its status and stderr."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        _, error = self._process.communicate(timeout=WAIT_S)
        return self._process.returncode, error


@pytest.fixture
def disk(tmp_path):
    disk = Disk(tmp_path / "disk", 12 * MIB)
    if not disk.is_mounted:
        pytest.skip(f"root may not mount here: run with CAP_SYS_ADMIN: {disk.close()}")
    yield disk
    disk.close()


@pytest.fixture
def serve(disk):
    """Starts a server on the disk, after stopping the previous one."""
    running = []

    def start(*arguments, stop=signal.SIGTERM):
        if running:
            status, error = running.pop().stop(stop)
            assert (status, error) == (0 if stop == signal.SIGTERM else -stop, "")
        running.append(Server(disk, *arguments))
        return running[0]

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def editor(serve, editor_of):
    """Returns an editor at a server on the disk, with a token for the repository that lasts for the test."""
    editor = editor_of(serve().url)
    editor.at_hand = token = editor.token(f"repository:{REPOSITORY}:pull,push")
    editor.ask = lambda method, path, **options: editor.call(method, path, token=token, **options)
    return editor


@pytest.fixture
def random_bytes():
    return random.Random("a full disk").randbytes


def push(editor, tag, data):
    """Pushes an image of one blob; returns the manifest's digest, or the refusal."""
    digest = digest_of(data)
    answer = editor.ask("POST", f"{PATH}/blobs/uploads/?digest={digest}", data=data)
    if answer.status_code != 201:
        return answer
    layer = {"mediaType": "application/x", "digest": digest, "size": len(data)}
    document = json.dumps({"schemaVersion": 2, "config": layer, "layers": []})
    headers = {"Content-Type": OCI_MANIFEST}
    answer = editor.ask("PUT", f"{PATH}/manifests/{tag}", data=document, headers=headers)
    return answer.headers["Docker-Content-Digest"] if answer.status_code == 201 else answer


def push_until_refused(editor, images):
    """Returns the acknowledged manifests, by tag, and the refusal that ended the pushes."""
    acknowledged = {}
    for number, data in enumerate(images):
        outcome = push(editor, f"v{number}", data)
        if not isinstance(outcome, str):
            return acknowledged, outcome
        acknowledged[f"v{number}"] = outcome
    raise AssertionError("the disk is never full")


def pull(editor, tags):
    """Returns the bytes of the tags' manifests; checks the blobs."""
    pulled = {}
    for tag in tags:
        manifest = editor.ask("GET", f"{PATH}/manifests/{tag}").content
        config = json.loads(manifest)["config"]["digest"]
        assert digest_of(editor.ask("GET", f"{PATH}/blobs/{config}").content) == config
        pulled[tag] = digest_of(manifest)
    return pulled


def find_sizes(disk):
    return [path.stat().st_size for path in (disk.path / "data").glob("pieces/*/*")]


@pytest.mark.parametrize(
    "size", [200_000, 60_000, 200], ids=["T14-full-of-files", "T14-full-of-rows", "T14-full-of-small-rows"]
)
def test_full_disk_loses_nothing_acknowledged_and_is_forgotten_with_the_first_space(
    disk, serve, editor, random_bytes, size
):
    images = (random_bytes(size) for _ in range(1000))
    disk.fill(leave=2 * MIB if size > 1000 else MIB // 4)

    acknowledged, refused = push_until_refused(editor, images)

    assert (refused.status_code, refused.json()) == (507, FULL)
    assert len(acknowledged) > 2
    assert pull(editor, acknowledged) == acknowledged
    # The last acknowledged blob may have no manifest; no file is incomplete.
    assert set(find_sizes(disk)) <= {size}
    assert len(find_sizes(disk)) - len(acknowledged) * (size > 65_536) in (0, 1)
    disk.free()
    acknowledged["more"] = push(editor, "more", random_bytes(size))
    disk.fill()
    for signal_number in (signal.SIGKILL, signal.SIGTERM):
        editor.url = serve(stop=signal_number).url
        assert pull(editor, acknowledged) == acknowledged


def test_t14_chunk_that_found_no_space_can_be_sent_again_where_it_was_sent(disk, editor, random_bytes):
    first, second = random_bytes(300_000), random_bytes(2 * MIB)
    location = editor.ask("POST", f"{PATH}/blobs/uploads/").headers["Location"]
    location = editor.ask("PATCH", location, data=first).headers["Location"]
    disk.fill(leave=MIB)

    refused = editor.ask("PATCH", location, data=second)

    assert (refused.status_code, refused.json()) == (507, FULL)
    assert find_sizes(disk) == [len(first)]
    assert editor.ask("GET", location).headers["Range"] == f"0-{len(first) - 1}"
    disk.free()
    location = editor.ask("PATCH", location, data=second).headers["Location"]
    digest = digest_of(first + second)
    assert editor.ask("PUT", f"{location}?digest={digest}").status_code == 201
    assert editor.ask("GET", f"{PATH}/blobs/{digest}").content == first + second


@pytest.mark.parametrize("left", [0, 16 * 1024, 64 * 1024], ids="T14-{}-bytes-left".format)
def test_server_that_has_no_space_to_begin_says_so_in_one_line(disk, left):
    disk.fill(leave=left)
    command = [PROGRAMS / "gcr-emulator", "serve", "--port", "0", "--data", disk.inside / "data"]

    done = subprocess.run(disk.enter(*command), capture_output=True, text=True, timeout=WAIT_S, check=False)

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith("gcr-emulator: ")
    assert MESSAGE in done.stderr or "No space left on device" in done.stderr


def test_t14_server_with_a_full_disk_is_ready_and_says_that_it_is_full(disk, editor):
    def ask(path):
        answer = requests.get(f"{editor.url}{path}", timeout=WAIT_S)
        return answer.status_code, answer.json()

    assert ask("/readyz") == (200, {"status": "ok", "storage": "ok"})
    disk.fill()
    assert ask("/readyz") == (200, {"status": "ok", "storage": "full"})
    disk.free()
    assert ask("/readyz") == (200, {"status": "ok", "storage": "ok"})


def test_b_z26_full_disk_leaves_the_server_ready_while_others_push(disk, editor, random_bytes):
    disk.fill()
    over, answers = threading.Event(), collections.Counter()

    def push_again_and_again(number):
        session = requests.Session()
        for size in itertools.cycle((100, 5000, 100_000)):
            if over.is_set():
                return
            data = random_bytes(size)
            headers = {"Authorization": f"Bearer {editor.at_hand}"}
            url = f"{editor.url}{PATH}/blobs/uploads/?digest={digest_of(data)}"
            session.post(url, data=data, headers=headers, timeout=WAIT_S)
            account = {"accountId": f"account-{number}-{size}"}
            session.post(f"{editor.url}/v1/projects/my-project/serviceAccounts", json=account, timeout=WAIT_S)

    with ThreadPoolExecutor(4) as pool:
        pushing = [pool.submit(push_again_and_again, number) for number in range(4)]
        try:
            for _ in range(60):
                answer = requests.get(f"{editor.url}/readyz", timeout=WAIT_S)
                answers[answer.status_code, answer.text] += 1
        finally:
            over.set()
        for each in pushing:
            each.result()

    assert answers == {(200, '{"status": "ok", "storage": "full"}'): 60}


def test_t14_full_disk_is_said_in_googles_form_by_googles_apis(disk, editor):
    disk.fill()
    answers = []
    # The first few fit into the free pages of the database.
    while not answers or answers[-1].status_code == 200:
        document = {"projectId": f"project-{len(answers)}", "name": "x" * 100}
        answers.append(requests.post(f"{editor.url}/v1/projects", json=document, timeout=WAIT_S))
        assert len(answers) < 1000

    error = {"code": 503, "message": MESSAGE, "status": "UNAVAILABLE"}
    assert answers[-1].json() == {"error": error}
    made = {f"project-{number}" for number in range(len(answers) - 1)}
    listed = requests.get(f"{editor.url}/v1/projects", timeout=WAIT_S).json()["projects"]
    assert {project["projectId"] for project in listed} == {"my-project", *made}


def test_next_server_on_a_full_disk_forgets_what_a_test_had_set(disk, serve):
    requests.put(f"{serve().url}/_emulator/clock", json={"now": 5}, timeout=WAIT_S)
    disk.fill()
    url = serve(stop=signal.SIGKILL).url
    (asked,) = requests.get(f"{url}/_emulator/journal", timeout=WAIT_S).json()["requests"]
    assert asked["time"] > 1_000_000_000


def test_full_disk_ends_no_worker_that_counts_requests_of_a_new_kind(disk, serve):
    server = serve("--workers", "2")
    disk.fill()
    methods = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS")
    hosts = ("gcr.io", "eu.gcr.io", "us-docker.pkg.dev", "storage.googleapis.com")
    for method, host in itertools.product(methods, hosts):
        for _ in range(4):  # either worker takes some
            headers = {"Host": host, "Connection": "close"}
            requests.request(method, f"{server.url}/v2/", headers=headers, timeout=WAIT_S)
    page = requests.get(f"{server.url}/metrics", timeout=WAIT_S).text
    assert page.count("gcr_emulator_request_duration_seconds_count{") == len(methods) * len(hosts)
    assert server.stop() == (0, "")
