"""F1: the server is killed at every failpoint of the tree, each by name. A new one fails this file until it is
here; one that its scenario does not reach fails as well. After the kill the server starts and the promise of
that step holds: what was acknowledged is there, what was not is there completely or not at all."""
import json
import os
import tarfile
import time
import urllib.parse

import pytest
import requests

from conftest import ROOT, Server, run, stop_with_jobs
from failpoints import tree_failpoints

# Killed, one by one, by restart_test, which fails when one of these is not passed by a job.
BY_RESTART_TEST = ("job.", "meta.", "log.")
PROJECT = "projects/hodei-local"
LARGE = os.urandom(3 << 20)  # more than the store keeps in a segment


class Scenario:
    """A server that is killed at one failpoint and started again; subclasses say what is done to it."""
    config = ""

    def __init__(self, folder):
        self.folder = folder
        self.server = Server(folder / "data", self.config.format(folder=folder), flags=["--no-tls"])

    def run(self, point):
        try:
            self.prepare()
            self.server.stop()
            try:
                self.server.start({"HODEI_FAILPOINTS": f"{point}=kill@1"})
                self.drive()
            except (RuntimeError, requests.ConnectionError):
                pass  # killed in the middle of it
            self.await_death(point)
            self.server.start()
            self.check()
        finally:
            stop_with_jobs(self.server)

    def await_death(self, point):
        deadline = time.monotonic() + 60
        while self.server.process.poll() is None:
            assert time.monotonic() < deadline, f"{point} was not reached"
            time.sleep(0.02)  # waiting for another process: there is nothing to wait on
        assert self.server.process.returncode == -9

    def prepare(self):
        self.server.start()

    def call(self, method, path, body=None, data=None, headers=None):
        return requests.request(method, self.server.url + path, json=body, data=data, timeout=60,
                                headers={"Authorization": "Bearer " + self.server.token, **(headers or {})})

    def until(self, found, seconds=120):
        deadline = time.monotonic() + seconds
        while not (value := found()):
            assert time.monotonic() < deadline, "it never came to be\n" + self.server.log.read_text()[-2000:]
            time.sleep(0.05)  # waiting for another process: there is nothing to wait on
        return value


class Objects(Scenario):
    """Each way for bytes to come in: small, large, in pieces."""

    def prepare(self):
        super().prepare()
        self.acknowledged = {}
        assert self.call("POST", "/storage/v1/b?project=hodei-local", {"name": "points"}).status_code == 200
        assert self.call("POST", "/upload/storage/v1/b/points/o?uploadType=media&name=before", data=b"before").status_code == 200

    def drive(self):
        for name, data in (("small", b"some bytes"), ("large", LARGE)):
            if self.call("POST", f"/upload/storage/v1/b/points/o?uploadType=media&name={name}", data=data).status_code == 200:
                self.acknowledged[name] = data
        started = self.call("POST", "/upload/storage/v1/b/points/o?uploadType=resumable&name=pieces")
        session = urllib.parse.urlsplit(started.headers["Location"])
        at = 0
        for piece in (LARGE[:1 << 20], LARGE[1 << 20:]):
            end = at + len(piece)
            total = len(LARGE) if end == len(LARGE) else "*"
            done = self.call("PUT", f"{session.path}?{session.query}", data=piece,
                             headers={"Content-Range": f"bytes {at}-{end - 1}/{total}"})
            at = end
        if done.status_code == 200:
            self.acknowledged["pieces"] = LARGE

    def check(self):
        whole = {"before": b"before", "small": b"some bytes", "large": LARGE, "pieces": LARGE}
        listed = [item["name"] for item in self.call("GET", "/storage/v1/b/points/o").json()["items"]]
        assert {"before", *self.acknowledged} <= set(listed) <= set(whole)
        for name in listed:
            assert self.call("GET", f"/storage/v1/b/points/o/{name}?alt=media").content == whole[name], name
        self.drive()
        assert self.acknowledged.keys() == {"small", "large", "pieces"}


class FirstStart(Scenario):
    """The first start of all makes the owner and the files of his credentials."""

    def run(self, point):
        with pytest.raises(RuntimeError):
            self.server.start({"HODEI_FAILPOINTS": f"{point}=kill@1"})
        self.await_death(point)
        self.server.start()
        try:
            assert self.call("GET", "/v1/projects/hodei-local").status_code == 200
            key = json.loads(self.server.key_file.read_text())
            account = f"/v1/{PROJECT}/serviceAccounts/{key['client_email']}"
            keys = self.call("GET", account + "/keys").json()["keys"]
            assert [k["name"].rsplit("/", 1)[1] for k in keys] == [key["private_key_id"]]
        finally:
            self.server.stop()


class Builds(Scenario):
    """The check of a job's package is the first and smallest build: in a cache of its own, made once."""
    config = "runtimes:\n  cache_dir: {folder}/cache\n  cache_days: 1\n"

    def prepare(self):
        self.server.config.write_text(self.config.format(folder=self.folder))
        (self.folder / "cache").mkdir(mode=0o755)
        for parent in [self.folder, *self.folder.parents][:3]:
            parent.chmod(0o755)
        super().prepare()
        assert self.call("POST", "/storage/v1/b?project=hodei-local", {"name": "points"}).status_code == 200
        package = self.folder / "task-1"
        package.mkdir()
        (package / "setup.py").write_text("from setuptools import setup\nsetup(name='task', version='1', py_modules=['task'])\n")
        (package / "task.py").write_text("")
        with tarfile.open(self.folder / "task-1.tar.gz", "w:gz") as tar:
            tar.add(package, "task-1")
        data = (self.folder / "task-1.tar.gz").read_bytes()
        assert self.call("POST", "/upload/storage/v1/b/points/o?uploadType=media&name=task-1.tar.gz", data=data).status_code == 200

    def submit(self, job):
        return self.call("POST", f"/v1/{PROJECT}/jobs", {"jobId": job, "trainingInput": {
            "region": "us-central1", "runtimeVersion": "2.11", "pythonVersion": "3.7", "pythonModule": "task",
            "packageUris": ["gs://points/task-1.tar.gz"]}})

    def published(self):
        layers = self.folder / "cache" / "layers"
        return [layer for layer in layers.iterdir() if (layer / "layer").exists() and not layer.name.startswith(".gone-")]

    def drive(self):
        assert self.submit("built").status_code == 200

    def check(self):
        layers = self.until(self.published)
        assert len(layers) == 1 and (layers[0] / "report").exists()
        assert self.call("GET", f"/v1/{PROJECT}/jobs/built").json()["state"] in ("QUEUED", "PREPARING")


class Sweep(Builds):
    """What nobody used for long goes at the next start, completely."""

    def prepare(self):
        super().prepare()
        self.drive_build()
        # While it runs, the server marks a layer as used when it learns that its build is done.
        self.server.stop()
        for layer in self.published():
            os.utime(layer / "layer", (0, 0))

    def drive_build(self):
        super().drive()
        self.until(self.published)
        self.call("POST", f"/v1/{PROJECT}/jobs/built:cancel", {})
        self.until(lambda: "endTime" in self.call("GET", f"/v1/{PROJECT}/jobs/built").json())

    def drive(self):
        pass  # the start itself sweeps

    def check(self):
        self.until(lambda: not [p for p in (self.folder / "cache" / "layers").iterdir()])


class Versions(Scenario):
    """A version is made, answers, scores a batch and goes."""
    # The program's text travels in the configuration: nothing of the test is mounted anywhere.
    config = ("serving: {{idle_seconds: 600, command: "
              + json.dumps(["/usr/bin/python3", "-c", (ROOT / "test" / "fake_serve.py").read_text()]).replace("{", "{{").replace("}", "}}")
              + "}}\n")
    NAME = f"{PROJECT}/models/points/versions/v1"

    def prepare(self):
        super().prepare()
        assert self.call("POST", "/storage/v1/b?project=hodei-local", {"name": "points"}).status_code == 200
        for name, data in (("good/model.bst", b'{"scale": 2}'), ("in/0", b"1\n2\n")):
            assert self.call("POST", f"/upload/storage/v1/b/points/o?uploadType=media&name={urllib.parse.quote(name, safe='')}", data=data).status_code == 200
        assert self.call("POST", f"/v1/{PROJECT}/models", {"name": "points"}).status_code == 200

    def drive(self):
        self.create()
        self.batch()
        self.delete()

    def create(self):
        if self.call("GET", f"/v1/{self.NAME}").status_code == 404:
            made = self.call("POST", f"/v1/{PROJECT}/models/points/versions", {"name": "v1", "deploymentUri": "gs://points/good/", "runtimeVersion": "bare"})
            assert made.status_code == 200, made.text
        self.until(lambda: self.call("GET", f"/v1/{self.NAME}").json().get("state") == "READY")
        answer = self.call("POST", f"/v1/{self.NAME}:predict", {"instances": [4]})
        assert answer.json() == {"predictions": [8]}, answer.text

    def batch(self):
        job = f"/v1/{PROJECT}/jobs/batch"
        if self.call("GET", job).status_code == 404:
            made = self.call("POST", f"/v1/{PROJECT}/jobs", {"jobId": "batch", "predictionInput": {
                "dataFormat": "TEXT", "inputPaths": ["gs://points/in/*"], "outputPath": "gs://points/out",
                "region": "us-central1", "versionName": self.NAME}})
            assert made.status_code == 200, made.text
        self.until(lambda: "endTime" in self.call("GET", job).json())
        assert self.call("GET", job).json()["state"] == "SUCCEEDED"
        results = self.call("GET", "/storage/v1/b/points/o/out%2Fprediction.results-00000-of-00001?alt=media")
        assert results.text == "2\n4\n"

    def delete(self):
        self.call("DELETE", f"/v1/{self.NAME}")
        self.until(lambda: self.call("GET", f"/v1/{self.NAME}").status_code == 404)

    def check(self):
        """The whole life once more, from wherever it was."""
        shown = self.call("GET", f"/v1/{self.NAME}")
        scored = self.call("GET", f"/v1/{PROJECT}/jobs/batch").status_code == 200
        if scored and (shown.status_code == 404 or shown.json()["state"] == "DELETING"):
            return self.delete()  # it was to go, and goes
        self.drive()


SCENARIOS = {"object.": Objects, "access.owner.": FirstStart, "environments.build.": Builds, "environments.publish.": Builds,
             "environments.layer.": Sweep, "serving.": Versions, "batch.": Versions}


@pytest.mark.parametrize("point", [p for p in tree_failpoints() if not p.startswith(BY_RESTART_TEST)])
def test_killed_at(point, tmp_path):
    scenario = next((s for prefix, s in SCENARIOS.items() if point.startswith(prefix)), None)
    assert scenario, f"failpoint {point}: nothing here kills the server there"
    scenario(tmp_path).run(point)


def test_every_failpoint_has_one_place():
    """Each name stands once in the sources: a kill at a name is a kill at one step."""
    names = tree_failpoints()
    assert len(names) > 30
    sources = [source.read_text() for source in (ROOT / "src").rglob("*.cc") if not source.name.endswith("_test.cc")]
    for name in names:
        assert sum(text.count(f'FAILPOINT("{name}")') + text.count(f'FAILPOINT_STATUS("{name}")') for text in sources) == 1, name
