"""Fixtures of the end-to-end tests: the real server, in a folder of its own, on ports of its own."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("HODEI_BIN_DIR", ROOT / "build" / "release" / "bin"))
# Built Python environments are kept between tests and runs: building them is pip's work, not ours.
ENVIRONMENT_CACHE = ROOT / "build" / "test-environments"
READY_SECONDS = 60


class Server:
    """One hodeid. start() and kill() may alternate: the data folder stays."""

    def __init__(self, folder, config="", flags=()):
        self.data = pathlib.Path(folder)
        self.flags = list(flags)
        self.config = self.data.parent / (self.data.name + ".yaml")
        self.config.write_text(f"runtimes:\n  cache_dir: {ENVIRONMENT_CACHE}\n" + config)
        self.log = self.data.parent / (self.data.name + ".log")
        self.process = None
        self.url = ""

    def start(self, env=None):
        listen = self.url.removeprefix("http://") or "127.0.0.1:0"
        log = open(self.log, "ab")
        self.process = subprocess.Popen(
            [BIN / "hodeid", "--data", self.data, "--listen", listen, "--listen-tls", "127.0.0.1:0",
             "--config", self.config, *self.flags],
            stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
            env={**os.environ, **(env or {})})
        timer = threading.Timer(READY_SECONDS, self.process.kill)
        timer.start()
        try:
            for line in self.process.stdout:
                found = re.search(r"^listening on (http://\S+)", line)
                if found:
                    self.url = found.group(1)
                    break
        finally:
            timer.cancel()
        if not self.url or self.process.poll() is not None:
            raise RuntimeError("hodeid did not start:\n" + self.log.read_text()[-4000:])
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self.process.returncode if self.process else None

    @property
    def info(self):
        return json.loads((self.data / "server.json").read_text())

    @property
    def token(self):
        return (self.data / "credentials" / "owner.token").read_text().strip()

    @property
    def key_file(self):
        return self.data / "credentials" / "owner.json"

    def environment(self):
        """What `eval "$(hodei env)"` gives a shell, as a dict."""
        script = f'eval "$({BIN}/hodei env --data {self.data})" && env -0'
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("CLOUDSDK_", "GOOGLE_", "BOTO", "STORAGE_"))}
        output = subprocess.run(["bash", "-c", script], check=True, capture_output=True, env=clean).stdout
        env = dict(item.split("=", 1) for item in output.decode().split("\0") if "=" in item)
        env["PATH"] = f"{BIN}:{env['PATH']}"
        return env


@pytest.fixture(scope="session", autouse=True)
def binaries():
    if not (BIN / "hodeid").exists():
        pytest.exit(f"{BIN}/hodeid is missing: run ./run build first", returncode=2)
    ENVIRONMENT_CACHE.mkdir(parents=True, exist_ok=True)


@pytest.fixture
def make_server(tmp_path):
    """Starts servers that end with the test; their jobs are stopped with them."""
    servers = []

    def make(config="", flags=(), start=True):
        server = Server(tmp_path / f"data{len(servers)}", config, flags)
        servers.append(server)
        return server.start() if start else server

    yield make
    for server in servers:
        stop_with_jobs(server)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for all tests of a file."""
    server = Server(tmp_path_factory.mktemp("hodei") / "data").start()
    yield server
    stop_with_jobs(server)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """One server that asks for no credential, for clients that go anonymous on an endpoint of one's own."""
    server = Server(tmp_path_factory.mktemp("emulator") / "data", flags=["--auth", "none"]).start()
    yield server
    stop_with_jobs(server)


def pytest_terminal_summary(terminalreporter):
    """How many checks each client of test/conformance passed."""
    counts = {}
    for report in terminalreporter.stats.get("passed", []):
        if report.when == "call" and "/conformance/" in report.nodeid:
            client = pathlib.Path(report.nodeid.split("::")[0]).name.removesuffix("_test.py")
            counts[client] = counts.get(client, 0) + dict(report.user_properties).get("checks", 1)
    if counts:
        shown = ", ".join(f"{client} {count}" for client, count in sorted(counts.items()))
        terminalreporter.write_line(f"conformance checks passed: {shown}")


def stop_with_jobs(server):
    if server.process is None:
        return
    if server.process.poll() is not None:
        server.start()
    env = server.environment()
    listed = subprocess.run(["hodei", "ml-engine", "jobs", "list", "--format", "json"], env=env,
                            capture_output=True, text=True)
    jobs = json.loads(listed.stdout or "[]") if listed.returncode == 0 else []
    active = [j["jobId"] for j in jobs if j.get("state") in ("QUEUED", "PREPARING", "RUNNING", "CANCELLING")]
    for job in active:
        subprocess.run(["hodei", "ml-engine", "jobs", "cancel", job], env=env, capture_output=True)
    deadline = time.monotonic() + 30
    while active and time.monotonic() < deadline:
        active = [j for j in active if state_of(env, j) in ("RUNNING", "CANCELLING", "PREPARING", "QUEUED")]
        time.sleep(0.2)  # waiting for another process: there is nothing to wait on
    server.stop()


def state_of(env, job):
    shown = subprocess.run(["hodei", "ml-engine", "jobs", "describe", job, "--format", "value(state)"],
                           env=env, capture_output=True, text=True)
    return shown.stdout.strip()


def wait_for_state(env, job, states, seconds=300):
    """The job's state once it is one of `states`; fails the test at a final state that is not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = state_of(env, job)
        if state in states:
            return state
        if state in ("SUCCEEDED", "FAILED", "CANCELLED"):
            shown = subprocess.run(["hodei", "ml-engine", "jobs", "describe", job], env=env,
                                   capture_output=True, text=True).stdout
            logs = subprocess.run(["hodei", "logging", "read", f'resource.labels.job_id="{job}"', "--order=asc",
                                   "--limit=200", "--format=value(textPayload,jsonPayload.message)"],
                                  env=env, capture_output=True, text=True).stdout
            pytest.fail(f"job {job} is {state}, not {states}\n{shown}\n{logs[-4000:]}")
        time.sleep(0.2)  # waiting for another process: there is nothing to wait on
    pytest.fail(f"job {job} is still {state_of(env, job)} after {seconds} s, not {states}")


def run(command, env, cwd=None, check=True, timeout=600, **kwargs):
    """Runs a command line as a user's shell would; returns the completed process with text output."""
    done = subprocess.run(command, shell=isinstance(command, str), executable="/bin/bash" if isinstance(command, str) else None,
                          env=env, cwd=cwd, capture_output=True, text=True, timeout=timeout, **kwargs)
    if check and done.returncode != 0:
        pytest.fail(f"{command}\nexit {done.returncode}\n--- stdout\n{done.stdout[-4000:]}\n--- stderr\n{done.stderr[-4000:]}")
    return done


def google_client(server):
    """google-api-python-client's `ml` v1, built from the server's own discovery document."""
    import httplib2
    from google.oauth2 import service_account
    from google_auth_httplib2 import AuthorizedHttp
    from googleapiclient import discovery
    credentials = service_account.Credentials.from_service_account_file(
        str(server.key_file), scopes=["https://www.googleapis.com/auth/cloud-platform"])
    http = AuthorizedHttp(credentials, http=httplib2.Http())
    return discovery.build("ml", "v1", http=http, static_discovery=False, cache_discovery=False,
                           discoveryServiceUrl=server.url + "/$discovery/rest?version={apiVersion}")


def has(program):
    return shutil.which(program) is not None
