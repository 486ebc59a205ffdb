"""From a job's write() to a client of the follow endpoint: the whole way, a real job in its sandbox over HTTP."""
import http.client
import io
import json
import pathlib
import re
import shutil
import statistics
import sys
import tarfile
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from conftest import ENVIRONMENT_CACHE, Server  # noqa: E402

LINES = 200
# One clock for both ends: a sandbox sees the machine's monotonic clock.
TASK = f"""import sys, time
for _ in range({LINES}):
    sys.stdout.write("tick %d\\n" % time.monotonic_ns())
    sys.stdout.flush()
    time.sleep(0.02)
"""


def package():
    out = io.BytesIO()
    files = {"tail-1/setup.py": "from setuptools import setup\nsetup(name='tail', version='1', packages=['tail'])\n",
             "tail-1/tail/__init__.py": "", "tail-1/tail/task.py": TASK,
             "tail-1/PKG-INFO": "Metadata-Version: 1.0\nName: tail\nVersion: 1\n"}
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def main():
    folder = tempfile.mkdtemp(prefix="hodei-tail-")
    ENVIRONMENT_CACHE.mkdir(parents=True, exist_ok=True)
    server = Server(pathlib.Path(folder) / "data").start()
    try:
        parts = urllib.parse.urlsplit(server.url)
        headers = {"Authorization": "Bearer " + server.token, "Content-Type": "application/json"}

        def call(method, path, body):
            connection = http.client.HTTPConnection(parts.hostname, parts.port)
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {text[:400]}")

        call("POST", "/storage/v1/b?project=hodei-local", json.dumps({"name": "bench-tail"}))
        call("POST", "/upload/storage/v1/b/bench-tail/o?uploadType=media&name=tail-1.tar.gz", package())
        call("POST", "/v1/projects/hodei-local/jobs", json.dumps({"jobId": "tail", "trainingInput": {
            "scaleTier": "CUSTOM", "masterType": "n1-highmem-2", "region": "us-central1", "runtimeVersion": "2.11",
            "pythonVersion": "3.7", "packageUris": ["gs://bench-tail/tail-1.tar.gz"], "pythonModule": "tail.task"}}))
        follow = http.client.HTTPConnection(parts.hostname, parts.port, timeout=600)
        follow.request("GET", "/v1/projects/hodei-local/jobs/tail:followLogs", headers=headers)
        stream = follow.getresponse()
        milliseconds, last = [], ""
        while True:
            line = stream.readline()
            now = time.monotonic_ns()
            if not line:
                break
            last = line.decode()
            tick = re.search(r"tick (\d+)", last)
            if tick:
                milliseconds.append((now - int(tick.group(1))) / 1e6)
        if len(milliseconds) != LINES:
            raise RuntimeError(f"{len(milliseconds)} of {LINES} lines came; the last of all: {last}")
        milliseconds.sort()
        print(f"bench log_tail_p50 {statistics.median(milliseconds):.2f} ms max=5 note=a job's write() to an HTTP client")
        print(f"bench log_tail_p99 {milliseconds[LINES * 99 // 100]:.2f} ms")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
