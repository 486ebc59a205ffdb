"""Requests to the real server under load: CPU of a trivial and of an authenticated GET, durable submits.

The peers answer in the same rounds: an epoll loop, nginx, docker-registry, and fdatasync on the same disk.
"""
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from _peers import ROUNDS, Missing, docker_registry, floor, load, nginx, push_manifest, request  # noqa: E402
from conftest import Server  # noqa: E402
from noop_jobs import Api, noop_package  # noqa: E402

GETS = 20000
# A disk's speed drifts by the second, so floor and submits take turns within a round.
SLICES = 5
SYNCS = 20  # of a slice, as the next two
SUBMITS_ONE = 20
SUBMITS_MANY = 400


def fdatasync_ms(folder):
    """The floor of one durable commit on this disk."""
    fd = os.open(os.path.join(folder, "floor"), os.O_WRONLY | os.O_CREAT)
    start = time.monotonic()
    for i in range(SYNCS):
        os.pwrite(fd, b"x" * 4096, i * 4096)
        os.fdatasync(fd)
    os.close(fd)
    return (time.monotonic() - start) * 1000 / SYNCS


def submit_request(token):
    body = json.dumps({"jobId": "load_%SERIAL%", "trainingInput": {
        "scaleTier": "CUSTOM", "masterType": "n1-highmem-96", "region": "us-central1", "runtimeVersion": "2.11",
        "pythonVersion": "3.7", "packageUris": ["gs://bench-api/noop-1.tar.gz"], "pythonModule": "noop.task"}}).encode()
    return request("POST", "/v1/projects/hodei-local/jobs",
                   {"Authorization": "Bearer " + token, "Content-Type": "application/json"}, body)


def optional(stack, peer):
    """The peer's (port, pid), or the reason why it is not here."""
    try:
        return stack.enter_context(peer), ""
    except Missing as missing:
        return None, str(missing)


def measure_gets(server, stack):
    pid = server.process.pid
    port = int(server.url.rsplit(":", 1)[1])
    health = request("GET", "/healthz")
    job = request("GET", "/v1/projects/hodei-local/jobs/load_00000000", {"Authorization": "Bearer " + server.token})
    api = Api(server)
    api.connection.request("GET", "/healthz")
    answer = api.connection.getresponse()
    text = answer.read()
    raw = b"HTTP/1.1 200 OK\r\n" + "".join(f"{k}: {v}\r\n" for k, v in answer.getheaders()).encode() + b"\r\n" + text
    floor_at = stack.enter_context(floor(raw))
    nginx_at, no_nginx = optional(stack, nginx('location /healthz { default_type text/plain; return 200 "ok\\n"; }'))
    registry_at, no_registry = optional(stack, docker_registry())
    manifest = push_manifest(registry_at[0]) if registry_at else b""

    def cpu(where, what, count=GETS):
        return load(where[0], what, requests=count, pids=[where[1]])["cpu_us"]

    for _ in range(ROUNDS):
        ours = cpu((port, pid), health)
        print(f"bench healthz_over_floor {ours:.2f} us peer=epoll:{cpu(floor_at, health):.2f} max_ratio=1.5")
        print(f"bench healthz_over_nginx {ours:.2f} us " +
              (f"peer=nginx:{cpu(nginx_at, health):.2f} max_ratio=1.3" if nginx_at else f"max_ratio=1.3 skip={no_nginx}"))
        ours = cpu((port, pid), job)
        print(f"bench job_get {ours:.2f} us max=25 note=CPU of the server, authenticated, 64 connections")
        # The ratio is the registry's CPU over ours, so a lower figure of ours is a higher ratio.
        if registry_at:
            print(f"bench registry_manifest_over_job_get {cpu(registry_at, manifest, 2000):.0f} us "
                  f"peer=job_get:{ours:.2f} min_ratio=30 note=CPU of docker-registry's manifest GET over ours")
        else:
            print(f"bench registry_manifest_over_job_get {ours:.2f} us min_ratio=30 skip={no_registry}")


def measure_submits(server, folder):
    pid = server.process.pid
    port = int(server.url.rsplit(":", 1)[1])
    raw = submit_request(server.token)
    first = 1
    for _ in range(ROUNDS):
        syncs, ones, manys = [], [], []
        for _ in range(SLICES):
            syncs.append(fdatasync_ms(folder))
            ones.append(load(port, raw, connections=1, requests=SUBMITS_ONE, first=first, pids=[pid]))
            first += SUBMITS_ONE
            manys.append(load(port, raw, requests=SUBMITS_MANY, first=first, pids=[pid]))
            first += SUBMITS_MANY
        sync = statistics.median(syncs)
        one_rate = statistics.median(one["rate"] for one in ones)
        many_rate = statistics.median(many["rate"] for many in manys)
        one_ms = 1000 / one_rate
        print(f"bench submit_over_fdatasync {one_ms - sync:.2f} ms max=1 note=one client's durable submit less one fdatasync of the round")
        print(f"bench submit_one_client {one_ms:.2f} ms peer=fdatasync:{sync:.2f}")
        print(f"bench submit_64_clients {many_rate:.0f} jobs/s peer=one_client:{one_rate:.0f} min_ratio=20")
        print(f"bench submit_cpu {statistics.median(many['cpu_us'] for many in manys):.0f} us note=CPU of the server per durable submit, 64 clients")


def main():
    folder = tempfile.mkdtemp(prefix="hodei-api-")
    # Strict capacity keeps every job of this benchmark queued: only the submit is measured.
    server = Server(pathlib.Path(folder) / "data", "capacity:\n  policy: STRICT\n").start()
    try:
        api = Api(server)
        api.call("POST", "/storage/v1/b?project=hodei-local", {"name": "bench-api"})
        api.call("POST", "/upload/storage/v1/b/bench-api/o?uploadType=media&name=noop-1.tar.gz", noop_package())
        load(int(server.url.rsplit(":", 1)[1]), submit_request(server.token), connections=1, requests=1)
        with contextlib.ExitStack() as stack:
            measure_gets(server, stack)
        measure_submits(server, folder)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
