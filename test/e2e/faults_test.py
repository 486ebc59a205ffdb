"""Faults of the machine under the real server: a failing disk, a lost reply, a second server, a bad reload."""
import http.client
import json
import signal
import socket
import subprocess
import time
import urllib.parse

from conftest import BIN, Server


def call(server, method, path, body=None):
    parts = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.request(method, path, json.dumps(body) if body is not None else None,
                       {"Authorization": "Bearer " + server.token, "Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), answer.headers


def make_project(server, project):
    return call(server, "POST", "/v1/projects", {"projectId": project, "name": project})


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def test_a_failed_sync_is_not_acknowledged_and_the_server_says_degraded(tmp_path):  # F9
    server = Server(tmp_path / "data").start()
    server.stop()
    server.start({"HODEI_FAILPOINTS": "meta.commit.sync=error:EIO@1"})
    try:
        assert call(server, "GET", "/healthz")[0] == 200
        status, _, _ = make_project(server, "lost-project")
        assert status >= 500
        status, text, headers = make_project(server, "later-project")
        assert status == 503 and "check the disk first" in text and headers["Retry-After"], text
        assert call(server, "GET", "/healthz")[:2] == (503, "degraded\n")
        assert call(server, "GET", "/v1/projects/hodei-local")[0] == 200
    finally:
        server.stop()
    server.start()
    try:
        assert call(server, "GET", "/healthz")[0] == 200
        assert call(server, "GET", "/v1/projects/lost-project")[0] == 403
        assert make_project(server, "later-project")[0] == 200
    finally:
        server.stop()


def test_a_full_disk_is_507_and_passes_without_a_restart(tmp_path):  # F10
    server = Server(tmp_path / "data").start()
    server.stop()
    server.start({"HODEI_FAILPOINTS": "meta.commit.sync=error:ENOSPC@1"})
    try:
        status, text, headers = make_project(server, "first-try")
        assert status == 507 and headers["Retry-After"], (status, text)
        assert make_project(server, "first-try")[0] == 200
        assert call(server, "GET", "/healthz")[0] == 200
    finally:
        server.stop()


def test_a_full_disk_is_507_for_objects_too(tmp_path):  # F10
    server = Server(tmp_path / "data").start()
    bucket = "/storage/v1/b/full"
    small, large = b"x" * 100, b"x" * (3 << 20)
    uploads = [("object.segment.write", "POST", f"/upload{bucket}/o?uploadType=media&name=json", small),
               ("object.content.write", "POST", f"/upload{bucket}/o?uploadType=media&name=json", large),
               ("object.content.sync", "PUT", "/full/xml", b"y" + large),
               ("object.batch.before_commit", "PATCH", bucket, b'{"labels": {"a": "b"}}')]
    assert call(server, "POST", "/storage/v1/b?project=hodei-local", {"name": "full"})[0] == 200
    server.stop()
    for point, method, path, data in uploads:
        server.start({"HODEI_FAILPOINTS": f"{point}=error:ENOSPC@1"})
        try:
            status, text, headers = send(server, method, path, data)
            assert status == 507 and headers["Retry-After"], (point, status, text)
            assert "no space left" in text, text
            assert send(server, method, path, data)[0] == 200, point
        finally:
            server.stop()


def send(server, method, path, data):
    parts = urllib.parse.urlsplit(server.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.request(method, path, data, {"Authorization": "Bearer " + server.token})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), answer.headers


def test_one_server_for_the_rest(tmp_path):
    server = Server(tmp_path / "data").start()
    try:
        lost_reply(server)
        second_server(server)
        reload_with_bad_and_good_configuration(server)
    finally:
        server.stop()


def lost_reply(server):  # F22
    body = json.dumps({"projectId": "lost-reply", "name": "lost-reply"})
    parts = urllib.parse.urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port)) as peer:
        peer.sendall(f"POST /v1/projects HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {server.token}\r\n"
                     f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    wait_for(lambda: call(server, "GET", "/v1/projects/lost-reply")[0] == 200)
    assert make_project(server, "lost-reply")[0] == 409
    listed = json.loads(call(server, "GET", "/v1/projects")[1])["projects"]
    assert [p["projectId"] for p in listed].count("lost-reply") == 1


def second_server(server):  # F25
    second = subprocess.run([BIN / "hodeid", "--data", server.data, "--listen", "127.0.0.1:0", "--no-tls"],
                            capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert f"in use by another server (pid {server.process.pid}" in second.stderr
    assert call(server, "GET", "/healthz")[0] == 200


def reload_with_bad_and_good_configuration(server):  # F28
    good = server.config.read_text()
    server.config.write_text(good + "\nno_such_setting: 1\n")
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "everything stays as it was" in server.log.read_text())
    assert call(server, "GET", "/healthz")[0] == 200
    chain = server.data / "tls" / "server.pem"
    before = chain.read_text()
    server.config.write_text(good + "\nserver:\n  public_names: [train.example]\n")
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "certificates reloaded" in server.log.read_text())
    assert chain.read_text() != before
    assert call(server, "GET", "/healthz")[0] == 200
