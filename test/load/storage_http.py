"""Cloud Storage over HTTP beside nginx and the bare disk: 4 KiB and 1 GiB downloads, durable 1 GiB uploads, listings of
large buckets, and resident memory under 64 uploads at once.

Sizes by the environment: HODEI_BENCH_LARGE_MIB (1024), HODEI_BENCH_LIST_OBJECTS (1000000; 10000000 takes minutes and
some GiB), HODEI_BENCH_UPLOAD_MIB (64, of each of the 64 uploads; 1024 needs 64 GiB of disk).
"""
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from _peers import ROUNDS, Missing, load, nginx, request  # noqa: E402
from conftest import Server  # noqa: E402
from noop_jobs import Api  # noqa: E402

GETS = 20000
LARGE = int(os.environ.get("HODEI_BENCH_LARGE_MIB", "1024")) << 20
LISTED = int(os.environ.get("HODEI_BENCH_LIST_OBJECTS", "1000000"))
UPLOAD = int(os.environ.get("HODEI_BENCH_UPLOAD_MIB", "64")) << 20
UPLOADS = 64
PIECE = 1 << 20


def row(name, value, unit, rest=""):
    print(f"bench {name} {value:.4g} {unit} {rest}".rstrip(), flush=True)


def cpu_seconds(pid):
    """CPU time of a process, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)


def rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_head(connection):
    """(status, body length, bytes of the body that came with the head)."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece:
            raise RuntimeError(f"the server hung up: {head[:300]}")
        head += piece
    head, _, rest = head.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    return int(head.split()[1]), length, rest


def download(port, pid, raw):
    """Bytes and server CPU seconds per second of one download; the bytes are dropped in the kernel."""
    with connect(port) as connection:
        before = cpu_seconds(pid)
        start = time.monotonic()
        connection.sendall(raw)
        status, length, rest = read_head(connection)
        if status != 200:
            raise RuntimeError(f"status {status}: {rest[:300]}")
        left = length - len(rest)
        buffer = bytearray(PIECE)
        while left > 0:
            got = connection.recv_into(buffer, min(left, PIECE), socket.MSG_TRUNC)
            if got == 0:
                raise RuntimeError("the download ended early")
            left -= got
        seconds = time.monotonic() - start
        return length / seconds / 1e9, (cpu_seconds(pid) - before) / (length / (1 << 30))


def upload(port, token, name, source, size):
    """Sends the first `size` bytes of the file `source`; seconds until the answer."""
    raw = request("POST", f"/upload/storage/v1/b/bench-http/o?uploadType=media&name={name}",
                  {"Authorization": "Bearer " + token, "Content-Type": "application/octet-stream"})
    raw = raw.replace(b"Content-Length: 0", b"Content-Length: %d" % size)
    with connect(port) as connection, open(source, "rb") as file:
        start = time.monotonic()
        connection.sendall(raw)
        sent = 0
        while sent < size:
            sent += os.sendfile(connection.fileno(), file.fileno(), sent, min(PIECE, size - sent))
        status, _, rest = read_head(connection)
        if status != 200:
            raise RuntimeError(f"status {status}: {rest[:300]}")
        return time.monotonic() - start


def make_file(path, size):
    with open(path, "wb") as file:
        for index in range(size // PIECE):
            file.write(index.to_bytes(8, "big") + BLOCK[8:])


BLOCK = os.urandom(PIECE)


def md5_rate(size):
    digest = hashlib.md5()
    start = time.monotonic()
    for _ in range(size // PIECE):
        digest.update(BLOCK)
    return size / (time.monotonic() - start) / 1e9


def dd_rate(source, target):
    start = time.monotonic()
    subprocess.run(["dd", f"if={source}", f"of={target}", "bs=1M", "conv=fdatasync"], check=True, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    os.unlink(target)
    return os.path.getsize(source) / seconds / 1e9


class Bench:
    def __init__(self, server, folder):
        self.server = server
        self.folder = folder
        self.pid = server.process.pid
        self.port = int(server.url.rsplit(":", 1)[1])
        self.api = Api(server)
        self.source = folder / "source"
        make_file(self.source, LARGE)
        self.api.call("POST", "/storage/v1/b?project=hodei-local", {"name": "bench-http"})

    def get(self, name):
        return request("GET", f"/storage/v1/b/bench-http/o/{name}?alt=media", {"Authorization": "Bearer " + self.server.token})

    def small_gets(self, nginx_at, skip):
        upload(self.port, self.server.token, "small", self.source, 4096)
        load(self.port, self.get("small"), requests=1000, pids=[self.pid])
        for _ in range(ROUNDS):
            ours = load(self.port, self.get("small"), requests=GETS, pids=[self.pid])
            peer = nginx_at and load(nginx_at[0], request("GET", "/small"), requests=GETS, pids=[nginx_at[1]])
            row("storage_get_4k_rate", ours["rate"], "1/s",
                f"peer=nginx:{peer['rate']:.4g} min_ratio=0.6 note=64 connections" if peer else f"min_ratio=0.6 skip={skip}")
            row("storage_get_4k_cpu", ours["cpu_us"], "us", f"peer=nginx:{peer['cpu_us']:.4g}" if peer else f"skip={skip}")

    def large_downloads(self, nginx_at, skip):
        upload(self.port, self.server.token, "large", self.source, LARGE)
        download(self.port, self.pid, self.get("large"))  # from now on its bytes are checked and cached
        if nginx_at:
            download(*nginx_at, request("GET", "/large"))
        for _ in range(ROUNDS):
            rate, cpu = download(self.port, self.pid, self.get("large"))
            peer = nginx_at and download(*nginx_at, request("GET", "/large"))
            size = f"note={LARGE >> 20} MiB"
            row("storage_download_large", rate, "GB/s",
                f"peer=nginx:{peer[0]:.4g} min_ratio=0.95 {size}" if peer else f"min_ratio=0.95 skip={skip}")
            row("storage_download_large_cpu", cpu, "s/GiB",
                f"peer=nginx:{peer[1]:.4g} max_ratio=1.1" if peer else f"max_ratio=1.1 skip={skip}")

    def large_uploads(self):
        for index in range(ROUNDS):
            # Other bytes each time: the same ones would be stored once.
            with open(self.source, "r+b") as file:
                file.write(os.urandom(64))
            md5, disk = md5_rate(LARGE), dd_rate(self.source, self.folder / "copy")
            before = cpu_seconds(self.pid)
            seconds = upload(self.port, self.server.token, "up", self.source, LARGE)
            floor = "md5" if md5 < disk else "dd_fdatasync"
            row("storage_upload_large", LARGE / seconds / 1e9, "GB/s",
                f"peer={floor}:{min(md5, disk):.4g} min_ratio=0.85 note={LARGE >> 20} MiB, durable, md5 and crc32c checked")
            row("storage_upload_large_cpu", (cpu_seconds(self.pid) - before) / (LARGE / (1 << 30)), "s/GiB")

    def peak_of_uploads(self, size, round_name):
        """Resident memory above what it was, at its highest, while 64 clients upload `size` bytes each."""
        before = rss_mib(self.pid)
        clients = [threading.Thread(target=upload, args=(self.port, self.server.token, f"{round_name}-{i}", self.source, size))
                   for i in range(UPLOADS)]
        for client in clients:
            client.start()
        peak = before
        while any(client.is_alive() for client in clients):
            peak = max(peak, rss_mib(self.pid))
            time.sleep(0.02)
        return peak

    def parallel_uploads(self):
        size = min(UPLOAD, LARGE)
        quarter = self.peak_of_uploads(size // 4, "quarter")
        row(f"storage_upload_{UPLOADS}_rss", self.peak_of_uploads(size, "whole"), "MiB",
            f"peer=quarter_size:{quarter:.4g} max_ratio=1.2 note={UPLOADS} uploads of {size >> 20} MiB at once")


def list_page(api, bucket, start):
    """Milliseconds of one page over HTTP, without the client's reading of it."""
    before = time.monotonic()
    api.connection.request("GET", f"/storage/v1/b/{bucket}/o?maxResults=1000&startOffset={start}", headers=api.headers)
    text = api.connection.getresponse().read()
    passed = time.monotonic() - before
    if len(json.loads(text)["items"]) != 1000:
        raise RuntimeError("a short page")
    return passed * 1e3


def fill_bucket(database, bucket, count):
    """Gives a bucket `count` objects of the content that its one object has, as so many copies would."""
    db = sqlite3.connect(database)
    (bucket_id, generation, content, blob), = db.execute(
        "SELECT l.bucket, l.generation, l.content, l.object FROM live l JOIN buckets b ON b.id = l.bucket WHERE b.name = ?",
        (bucket.encode(),)).fetchall()
    with db:
        db.executemany("INSERT INTO live (bucket, name, generation, content, object) VALUES (?, ?, ?, ?, ?)",
                       ((bucket_id, f"o{i:08}".encode(), generation, content, blob) for i in range(count)))
        db.execute("UPDATE contents SET refs = refs + ? WHERE id = ?", (count, content))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def listings(folder):
    server = Server(folder / "listed").start()
    try:
        api = Api(server)
        for name in ("bench-few", "bench-many"):
            api.call("POST", "/storage/v1/b?project=hodei-local", {"name": name})
            api.call("POST", f"/upload/storage/v1/b/{name}/o?uploadType=media&name=a", b"x" + name.encode())
    finally:
        server.stop()
    database = folder / "listed" / "objects" / "objects.db"
    fill_bucket(database, "bench-few", 1000)
    fill_bucket(database, "bench-many", LISTED)
    server.start()
    try:
        api = Api(server)
        for index in range(2 * ROUNDS):
            few = list_page(api, "bench-few", "o")
            many = list_page(api, "bench-many", f"o{(LISTED - 1000) * index // (2 * ROUNDS):08}")
            row(f"storage_list_1000_of_{LISTED}", many, "ms",
                f"peer=of_1000:{few:.4g} max_ratio=1.5 note=over HTTP, at any place in the bucket")
    finally:
        server.stop()


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hodei-storage-http-"))
    server = Server(folder / "data").start()
    try:
        bench = Bench(server, folder)
        with contextlib.ExitStack() as stack:
            nginx_at, skip = None, ""
            try:
                root = folder / "static"
                root.mkdir()
                with open(bench.source, "rb") as file:
                    (root / "small").write_bytes(file.read(4096))
                os.link(bench.source, root / "large")
                nginx_at = stack.enter_context(nginx(f"location / {{ root {root}; }}"))
            except Missing as missing:
                skip = str(missing)
            bench.small_gets(nginx_at, skip)
            bench.large_downloads(nginx_at, skip)
        bench.large_uploads()
        bench.parallel_uploads()
    finally:
        server.stop()
        shutil.rmtree(folder / "data", ignore_errors=True)
    try:
        listings(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
