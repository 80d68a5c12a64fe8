"""Server as a program: its start, its refusals, and what survives its end."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from support.child_processes import LIMIT_S, running
from support.images import digest_of
from support.sqlite_files import opened

from docker_credential_gcr.emulator.database.schema import REVISION
from docker_credential_gcr.emulator.runtime.permissions import narrow_permissions
from docker_credential_gcr.emulator.server.in_thread import InThread
from docker_credential_gcr.emulator.settings import Settings

COMMAND = [sys.executable, "-m", "docker_credential_gcr.emulator.cli.main"]


@contextmanager
def serving(*arguments, port="0", until=signal.SIGTERM):
    command = [*COMMAND, "serve", "--port", port, *arguments]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield json.loads(line), process
        process.send_signal(until)
        process.rest = process.communicate(timeout=LIMIT_S)


def run(*arguments):
    done = subprocess.run(
        [*COMMAND, "serve", *arguments], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    return done.returncode, done.stdout, done.stderr


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_ready_document_is_one_line_and_the_same_in_the_file(tmp_path):
    ready_file = tmp_path / "ready.json"
    data = tmp_path / "data"
    with serving("--data", str(data), "--ready-file", str(ready_file)) as (ready, process):
        assert json.loads(ready_file.read_text()) == ready
        port = ready["url"].rpartition(":")[2]
        assert ready == {
            "url": f"http://localhost:{port}",
            "registry": f"localhost:{port}",
            "pid": process.pid,
            "data": str(data),
            "ca": None,
            "operator_token_file": str(data / "keys" / "operator-token"),
        }
        assert mode_of(ready_file) == 0o600
        assert requests.get(f"{ready['url']}/v2/", timeout=LIMIT_S).status_code == 401
    assert (process.returncode, *process.rest) == (0, "", "")


def test_secrets_are_their_owners_alone(tmp_path):
    data = tmp_path / "data"
    with serving("--data", str(data)):
        for path in (data / "keys").iterdir():
            assert mode_of(path) == 0o600, path
        assert mode_of(data / "keys") == 0o700


def test_without_data_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serving("--project", "my-project") as (ready, _):
        assert Path(ready["data"]).parent == tmp_path
        assert requests.get(f"{ready['url']}/v1/projects/my-project", timeout=LIMIT_S).status_code == 200
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_with_a_request_hanging(number):
    with serving(until=number) as (ready, process):
        port = int(ready["url"].rpartition(":")[2])
        hanging = socket.create_connection(("127.0.0.1", port))
        hanging.sendall(b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc")
    hanging.close()
    assert (process.returncode, *process.rest) == (0, "", "")


def test_d12_address_in_use_is_said_in_one_line_with_the_next_step():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run("--port", str(port)) == (
            1,
            "",
            f"gcr-emulator: cannot listen on 127.0.0.1:{port}: address in use: "
            "stop the program that listens there, or take a free port with --port 0\n",
        )


def test_data_directory_in_use_is_refused(tmp_path):
    with serving("--data", str(tmp_path)):
        message = f"gcr-emulator: {tmp_path} is in use by another server: name another --data\n"
        assert run("--port", "0", "--data", str(tmp_path)) == (1, "", message)


def test_address_of_other_machines_is_refused_unless_allowed():
    message = "gcr-emulator: 0.0.0.0 can be reached from other machines: add --allow-remote to allow that\n"
    assert run("--port", "0", "--host", "0.0.0.0") == (1, "", message)


def test_ready_file_that_cannot_be_written_is_named(tmp_path):
    ready_file = tmp_path / "none" / "ready.json"
    status, _, error = run("--port", "0", "--ready-file", str(ready_file))
    assert (status, error) == (1, f"gcr-emulator: {ready_file}: No such file or directory\n")


def test_database_of_another_revision_is_refused_and_kept(tmp_path):
    with serving("--data", str(tmp_path)):
        pass
    path = tmp_path / "emulator.db"
    with opened(path) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    status, out, error = run("--port", "0", "--data", str(tmp_path))
    assert (status, out) == (1, "")
    assert error == (
        f"gcr-emulator: {path} is of revision '9999', this gcr-emulator writes '{REVISION}': "
        "use the version that made it, or another --data\n"
    )


def test_damaged_database_is_named_with_what_to_do(tmp_path):
    with serving("--data", str(tmp_path)):
        pass
    path = tmp_path / "emulator.db"
    path.write_bytes(b"no database at all " * 500)
    status, out, error = run("--port", "0", "--data", str(tmp_path))
    assert (status, out) == (1, "")
    assert error == (
        f"gcr-emulator: {path} is damaged (file is not a database): see what is left with gcr-emulator "
        f"fsck --data {tmp_path}, and make a new one with gcr-emulator rebuild\n"
    )
    assert path.read_bytes() == b"no database at all " * 500


def test_blobs_without_a_database_are_refused(tmp_path):
    blob = tmp_path / "buckets" / "bucket" / "containers" / "images" / "sha256" / "ab" / ("ab" * 32)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"x")
    narrow_permissions(tmp_path)
    status, out, error = run("--port", "0", "--data", str(tmp_path))
    assert (status, out) == (1, "")
    assert error == (
        f"gcr-emulator: {tmp_path / 'emulator.db'} is missing: bring the database of {tmp_path} back with "
        f"gcr-emulator rebuild --data {tmp_path}, or name another --data\n"
    )
    assert blob.exists()


def test_upload_and_token_survive_a_restart(tmp_path, editor_of):
    part, rest = b"x" * 300_000, b"y" * 10
    with serving("--data", str(tmp_path)) as (ready, _):
        editor = editor_of(ready["url"])
        token = editor.token("repository:my-project/app:pull,push")
        location = editor.call("POST", "/v2/my-project/app/blobs/uploads/", token=token).headers["Location"]
        location = editor.call("PATCH", location, token=token, data=part).headers["Location"]
        begun = editor.call("POST", "/v2/my-project/app/blobs/uploads/", token=token).headers["Location"]
        port = ready["url"].rpartition(":")[2]
    with serving("--data", str(tmp_path), port=port):
        assert editor.call("GET", location, token=token).headers["Range"] == "0-299999"
        digest = digest_of(part + rest)
        assert editor.call("PUT", f"{location}?digest={digest}", token=token, data=rest).status_code == 201
        pulled = editor.call("GET", f"/v2/my-project/app/blobs/{digest}", token=token)
        assert pulled.content == part + rest
        assert editor.call("PATCH", begun, token=token, data=rest).headers["Range"] == "0-9"


def test_two_servers_in_one_process_refuse_each_others_tokens(tmp_path, editor_of):
    first, second = (Settings(port=0, data=tmp_path / name) for name in ("one", "two"))
    with InThread(first) as one, InThread(second) as two:
        token = editor_of(one.url).token("repository:my-project/app:pull,push")
        other = editor_of(two.url)
        assert other.call("GET", "/v2/", token=token).status_code == 401


def test_server_in_a_thread_says_why_it_cannot_start(tmp_path):
    from docker_credential_gcr.emulator.data_directory import DataDirectoryError

    settings = Settings(port=0, data=tmp_path)
    with InThread(settings), pytest.raises(DataDirectoryError), InThread(settings):
        pass


def test_server_in_a_thread_is_one_worker():
    with pytest.raises(ValueError, match="one worker: use gcr-emulator serve for more"):
        InThread(Settings(port=0, workers=2))


def test_strict_server_wants_the_operator_token(tmp_path):
    with InThread(Settings(port=0, data=tmp_path, strict_admin=True)) as ready:
        url = f"{ready.url}/v1/projects"
        assert requests.post(url, json={"projectId": "my-project"}, timeout=LIMIT_S).status_code == 401
        token = Path(ready.operator_token_file).read_text()
        headers = {"Authorization": f"Bearer {token}"}
        assert (
            requests.post(url, json={"projectId": "my-project"}, headers=headers, timeout=LIMIT_S).status_code
            == 200
        )
