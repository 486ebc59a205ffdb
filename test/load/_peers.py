"""Programs that figures are held against, and the load generator. Only imported.

A peer that is not installed raises Missing, whose text goes into the row's skip=.
"""
import contextlib
import hashlib
import http.client
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from conftest import BIN  # noqa: E402

ROUNDS = 5


class Missing(Exception):
    pass


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_for_port(port, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on {port}")


def request(method, path, headers=None, body=b""):
    """The bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "User-Agent: load/1", "Accept: */*"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method not in ("GET", "HEAD"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def load(port, raw, connections=64, requests=20000, first=0, pids=()):
    """What http_load prints: rate, latencies, CPU per request of `pids`."""
    with tempfile.NamedTemporaryFile(prefix="hodei-load-") as file:
        file.write(raw)
        file.flush()
        command = [BIN / "http_load", "--port", str(port), "--connections", str(connections), "--requests", str(requests),
                   "--first", str(first)]
        for pid in pids:
            command += ["--pid", str(pid)]
        done = subprocess.run([*command, file.name], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)


@contextlib.contextmanager
def floor(answer):
    """(port, pid) of the hand-written epoll loop that answers `answer`."""
    with tempfile.NamedTemporaryFile(prefix="hodei-floor-") as file:
        file.write(answer)
        file.flush()
        process = subprocess.Popen([BIN / "http_floor", file.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.stdin.close()
            process.wait()


@contextlib.contextmanager
def nginx(location):
    """(port, pid) of one nginx process whose server block holds `location`; its root is the folder it runs in."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise Missing("nginx is not installed")
    with tempfile.TemporaryDirectory(prefix="hodei-nginx-") as folder:
        port = free_port()
        conf = pathlib.Path(folder) / "nginx.conf"
        conf.write_text(f"""daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 100000000; sendfile on; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; root {folder}; {location} }} }}
""")
        process = subprocess.Popen([program, "-c", conf, "-p", folder, "-e", f"{folder}/error"], stderr=subprocess.DEVNULL)
        try:
            wait_for_port(port)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def docker_registry():
    """(port, pid) of Debian's docker-registry with its files in a temporary folder."""
    if shutil.which("docker-registry") is None:
        raise Missing("docker-registry is not installed")
    with tempfile.TemporaryDirectory(prefix="hodei-registry-") as folder:
        port = free_port()
        conf = pathlib.Path(folder) / "config.yml"
        conf.write_text(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
                        f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n")
        process = subprocess.Popen(["docker-registry", "serve", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for_port(port)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def push_manifest(port):
    """Pushes an image of one small layer; its manifest is then /v2/bench/manifests/latest."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def call(method, path, body=b"", headers=None):
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        return answer

    def push(blob):
        digest = "sha256:" + hashlib.sha256(blob).hexdigest()
        place = call("POST", "/v2/bench/blobs/uploads/").getheader("Location")
        path = place[place.index("/v2/"):]
        call("PUT", f"{path}&digest={digest}", blob, {"Content-Type": "application/octet-stream"})
        return {"digest": digest, "size": len(blob)}

    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = {"schemaVersion": 2, "mediaType": kind,
                "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **push(b"{}")},
                "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", **push(b"x" * 1000)}]}
    call("PUT", "/v2/bench/manifests/latest", json.dumps(manifest).encode(), {"Content-Type": kind})
    return request("GET", "/v2/bench/manifests/latest", {"Accept": kind})
