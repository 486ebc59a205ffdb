"""CPU of the server per request, read from /proc, with keep-alive connections: healthz, a stored job, submits."""
import concurrent.futures
import os
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from conftest import Server  # noqa: E402
from noop_jobs import Api, noop_package  # noqa: E402


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_per_request(server, path, count):
    api = Api(server)
    before = cpu_seconds(server.process.pid)
    for _ in range(count):
        api.connection.request("GET", path, headers=api.headers)
        answer = api.connection.getresponse()
        answer.read()
        assert answer.status == 200, (path, answer.status)
    return (cpu_seconds(server.process.pid) - before) / count * 1e6


def fdatasync_ms(folder):
    """The floor of one durable commit on this disk."""
    fd = os.open(os.path.join(folder, "floor"), os.O_WRONLY | os.O_CREAT)
    start = time.monotonic()
    for i in range(100):
        os.pwrite(fd, b"x" * 4096, i * 4096)
        os.fdatasync(fd)
    os.close(fd)
    return (time.monotonic() - start) * 10


def main():
    folder = tempfile.mkdtemp(prefix="hodei-api-")
    # Strict capacity keeps every job of this benchmark queued: only the submit is measured.
    server = Server(pathlib.Path(folder) / "data", "capacity:\n  policy: STRICT\n").start()
    try:
        api = Api(server)
        api.call("POST", "/storage/v1/b?project=hodei-local", {"name": "bench-api"})
        api.call("POST", "/upload/storage/v1/b/bench-api/o?uploadType=media&name=noop-1.tar.gz", noop_package())

        def submit(name, with_api=None):
            (with_api or api).call("POST", "/v1/projects/hodei-local/jobs", {"jobId": name, "trainingInput": {
                "scaleTier": "CUSTOM", "masterType": "n1-highmem-96", "region": "us-central1", "runtimeVersion": "2.11",
                "pythonVersion": "3.7", "packageUris": ["gs://bench-api/noop-1.tar.gz"], "pythonModule": "noop.task"}})

        submit("stored")
        print(f"bench healthz_cpu {cpu_per_request(server, '/healthz', 20000):.1f} us target one client; the floor is in net")
        print(f"bench job_get_cpu {cpu_per_request(server, '/v1/projects/hodei-local/jobs/stored', 20000):.1f} us target <= 25")
        floor = fdatasync_ms(folder)
        start = time.monotonic()
        for i in range(200):
            submit(f"one_{i}")
        one = (time.monotonic() - start) / 200 * 1000
        print(f"bench submit_one_client {one:.2f} ms target <= one fdatasync ({floor:.2f} ms) + 1 ms")
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            apis = [Api(server) for _ in range(64)]

            def many(client):
                for i in range(20):
                    submit(f"c{client}_{i}", apis[client])
            start = time.monotonic()
            list(pool.map(many, range(64)))
            rate = 64 * 20 / (time.monotonic() - start)
        print(f"bench submit_64_clients {rate:.0f} jobs/s target >= 20x one client ({1000 / one:.0f}/s): "
              f"ratio {rate * one / 1000:.1f} (the Python clients share the machine)")
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
