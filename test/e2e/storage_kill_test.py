"""F2: the server is killed again and again, at any moment, under a mixed load of object requests.
An oracle outside of it knows what was acknowledged: that must be there, whole, after every start."""
import http.client
import os
import random
import subprocess
import threading
import time
import urllib.parse

import pytest
from conftest import BIN, Server

KILLS = int(os.environ.get("HODEI_KILLS", "200"))
WRITERS = 4
NAMES_EACH = 6


class Writer(threading.Thread):
    """The only one that changes its names, so that it knows what each may hold: one value when the
    last change was acknowledged, several when answers were lost. None: no such object."""

    def __init__(self, number, server):
        super().__init__(daemon=True)
        self.random = random.Random(number)
        self.server = server
        self.names = {f"w{number}/{i}": {None} for i in range(NAMES_EACH)}
        self.count = 0
        self.acknowledged = 0
        self.wrong = []
        self.connection = None
        self.ended = False

    def run(self):
        while not self.ended:
            name = self.random.choice(list(self.names))
            try:
                self.step(name)
            except (OSError, http.client.HTTPException):
                self.connection = None
                time.sleep(0.002)  # the server is being started again

    def step(self, name):
        kind = self.random.randrange(10)
        if kind < 5:
            self.put(name)
        elif kind < 6:
            self.change(name, None, "DELETE", f"/storage/v1/b/bucket/o/{quoted(name)}", missing_ok=True)
        elif kind < 7:
            self.copy(name)
        else:
            self.check(name)

    def put(self, name):
        self.count += 1
        size = self.random.choice([20, 20, 3000, 100_000])
        value = (f"{name} {self.count} " * (size // 12 + 1)).encode()
        self.change(name, value, "POST", f"/upload/storage/v1/b/bucket/o?uploadType=media&name={quoted(name)}", value)

    def copy(self, name):
        """Onto a name whose value is known from one whose value is known."""
        source = self.random.choice(list(self.names))
        if source == name or len(self.names[source]) != 1 or None in self.names[source]:
            return
        (value,) = self.names[source]
        self.change(name, value, "POST", f"/storage/v1/b/bucket/o/{quoted(source)}/rewriteTo/b/bucket/o/{quoted(name)}", b"")

    def change(self, name, value, method, path, body=None, missing_ok=False):
        self.names[name] = self.names[name] | {value}
        status, text = self.request(method, path, body)
        if status in (200, 204) or (missing_ok and status == 404):
            self.names[name] = {value}
            self.acknowledged += 1
        elif status < 500:
            self.wrong.append(f"{method} {path}: {status} {text[:200]}")

    def check(self, name):
        status, body = self.request("GET", f"/storage/v1/b/bucket/o/{quoted(name)}?alt=media")
        if status >= 500:
            return
        value = None if status == 404 else body
        if status not in (200, 404) or value not in self.names[name]:
            self.wrong.append(f"{name} is {status} {str(value)[:60]}, not one of "
                              f"{[str(v)[:60] for v in self.names[name]]}")
        self.names[name] = {value}

    def request(self, method, path, body=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=30)
        self.connection.request(method, path, body, {"Authorization": f"Bearer {self.server.token}"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()


def quoted(name):
    return urllib.parse.quote(name, safe="")


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "data", flags=["--no-tls"]).start()
    yield server
    server.stop()


def test_nothing_acknowledged_is_lost_when_killed(server):
    first = Writer(0, server)
    status, text = first.request("POST", "/storage/v1/b?project=hodei-local", b'{"name": "bucket"}')
    assert status == 200, text
    writers = [Writer(i, server) for i in range(WRITERS)]
    for writer in writers:
        writer.start()
    moments = random.Random(1)
    for _ in range(KILLS):
        time.sleep(moments.uniform(0, 0.06))  # how long it lives is the point of the test
        server.kill()
        server.start()
    for writer in writers:
        writer.ended = True
        writer.join(timeout=60)
        assert not writer.is_alive()
    for writer in writers:
        writer.connection = None
        for name in writer.names:
            writer.check(name)
        assert writer.wrong == []
    assert sum(writer.acknowledged for writer in writers) > KILLS / 2
    server.stop()
    checked = subprocess.run([BIN / "hodeid", "--data", server.data, "--check"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    print(f"{KILLS} kills, {sum(writer.acknowledged for writer in writers)} acknowledged changes; {checked.stdout.strip()}")
