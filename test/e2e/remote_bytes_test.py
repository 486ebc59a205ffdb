"""Objects' bytes on a real S3 server: the whole server with storage.s3, before rclone's S3 server."""
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest
from conftest import ROOT, run

KEY, SECRET = "AKTEST", "a-secret-of-the-test"


def s3_program():
    """An rclone that can serve S3: 1.65 and later."""
    for program in (ROOT / "build" / "s3-server" / "rclone", shutil.which("rclone")):
        if program and pathlib.Path(program).exists():
            shown = subprocess.run([program, "serve", "s3", "--help"], capture_output=True, text=True).stdout
            if "--auth-key" in shown:
                return str(program)
    return None


pytestmark = pytest.mark.skipif(s3_program() is None, reason="no rclone that serves S3: ./run test builds one where Go is")


class S3Server:
    """start() and stop() may alternate: the folder and the port stay."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "bytes").mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [s3_program(), "serve", "s3", "--addr", f"127.0.0.1:{self.port}", "--auth-key", f"{KEY},{SECRET}",
             "--config", "/dev/null", "--dir-cache-time", "0s", "--poll-interval", "0", str(self.folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0)
        return self

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)

    def contents(self):
        folder = self.folder / "bytes" / "team" / "content"
        return sorted(folder.iterdir()) if folder.exists() else []


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


@pytest.fixture
def s3(tmp_path):
    server = S3Server(tmp_path / "s3").start()
    yield server
    server.stop()


@pytest.fixture
def server(make_server, s3, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    server = make_server(f"storage:\n  s3:\n    endpoint: {s3.url}\n    bucket: bytes\n    prefix: team/\n"
                         f"    access_key_id: {KEY}\n    secret_key_file: {secret}\n")
    assert call(server, "POST", "/storage/v1/b?project=hodei-local", b'{"name": "bucket"}')[0] == 200
    return server


def call(server, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    connection.request(method, path, body, {"Authorization": f"Bearer {server.token}", **(headers or {})})
    answer = connection.getresponse()
    return answer.status, answer.read()


def put(server, name, value):
    return call(server, "POST", f"/upload/storage/v1/b/bucket/o?uploadType=media&name={urllib.parse.quote(name, safe='')}", value)


def get(server, name, headers=None):
    return call(server, "GET", f"/storage/v1/b/bucket/o/{urllib.parse.quote(name, safe='')}?alt=media", headers=headers)


def test_what_is_acknowledged_is_there_after_a_kill(server, s3):
    values = {"small": b"hello", "empty": b"", "middle": os.urandom(300_000), "large": os.urandom(40 * 2**20)}
    for name, value in values.items():
        assert put(server, name, value)[0] == 200
    assert sorted(f.stat().st_size for f in s3.contents()) == sorted(len(v) for v in values.values() if v)
    server.kill()
    server.start()
    assert get(server, "large", {"Range": "bytes=30000000-30000099"}) == (206, values["large"][30000000:30000100])
    for name, value in values.items():
        status, body = get(server, name)
        assert status == 200 and body == value, name


def test_a_killed_upload_leaves_nothing_and_deleting_frees_the_bytes(server, s3):
    assert put(server, "kept", b"kept")[0] == 200
    sending = threading.Thread(target=lambda: pytest.raises(Exception, put, server, "lost", os.urandom(60 * 2**20)))
    sending.start()
    time.sleep(0.3)  # how far it gets is chance, and meant to be
    server.kill()
    sending.join()
    server.start()
    status, _ = get(server, "lost")
    if status == 200:  # it was quicker
        assert call(server, "DELETE", "/storage/v1/b/bucket/o/lost")[0] == 204
    wait_for(lambda: len(s3.contents()) == 1, 60)
    assert get(server, "kept") == (200, b"kept")
    assert call(server, "DELETE", "/storage/v1/b/bucket/o/kept")[0] == 204
    wait_for(lambda: not s3.contents(), 60)


def test_without_the_s3_server_requests_say_so_and_go_on_when_it_is_back(server, s3):
    assert put(server, "before", b"before")[0] == 200
    s3.stop()
    status, text = put(server, "meanwhile", b"x")
    assert status == 503 and s3.url.encode() in text, text
    assert get(server, "before") == (200, b"before"), "what was written last is here too"
    s3.start()
    assert put(server, "after", b"after")[0] == 200
    assert get(server, "meanwhile")[0] == 404


def test_fsck_backup_and_restore_from_the_command_line(server, s3, tmp_path):
    value = os.urandom(12 * 2**20)
    assert put(server, "large", value)[0] == 200
    assert put(server, "empty", b"")[0] == 200
    env = server.environment()
    checked = run(f"hodei storage fsck --data {server.data} --config {server.config}", env)
    assert checked.stdout.startswith("ok: 2 objects"), checked.stdout
    without = run(f"hodei storage fsck --data {server.data}", env, check=False)
    assert without.returncode == 1 and "storage.s3" in without.stderr
    run(f"hodei backup {tmp_path}/backup --data {server.data} --config {server.config}", env)
    run(f"hodei restore {tmp_path}/backup --data {tmp_path}/restored", env)
    assert "0 problems" in run(f"hodei storage fsck --data {tmp_path}/restored", env).stdout
    (content,) = s3.contents()
    content.write_bytes(value[:-1] + b"?")
    damaged = run(f"hodei storage fsck --data {server.data} --config {server.config}", env, check=False)
    assert damaged.returncode == 1 and "checksum" in damaged.stderr + damaged.stdout, damaged


def test_a_resumable_upload_goes_on_after_a_restart(server, s3):
    value = os.urandom(3 * 2**20)
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    connection.request("POST", "/upload/storage/v1/b/bucket/o?uploadType=resumable&name=resumed", b"{}",
                       {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"})
    answer = connection.getresponse()
    session = urllib.parse.urlsplit(answer.headers["Location"])
    answer.read()
    path = f"{session.path}?{session.query}"
    assert call(server, "PUT", path, value[:2**20], {"Content-Range": f"bytes 0-{2**20 - 1}/{len(value)}"})[0] == 308
    assert s3.contents() == []
    server.kill()
    server.start()
    status, _ = call(server, "PUT", path, value[2**20:], {"Content-Range": f"bytes {2**20}-{len(value) - 1}/{len(value)}"})
    assert status == 200
    assert get(server, "resumed") == (200, value)
