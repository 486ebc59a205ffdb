"""Models, versions, online and batch prediction over HTTP, with a serving program of the tests' own
(test/fake_serve.py): what the server does around it, also when things break."""
import concurrent.futures
import json
import pathlib
import time

import pytest
import requests

from conftest import ROOT, Server, run, stop_with_jobs

PROJECT = "projects/hodei-local"
BUCKET = "models-test"


class Api:
    def __init__(self, server):
        self.server = server
        self.session = requests.Session()
        self.session.headers["Authorization"] = "Bearer " + server.token

    def call(self, method, path, body=None, status=200):
        answer = self.session.request(method, f"{self.server.url}/v1/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.text else {}

    def put(self, name, data):
        answer = self.session.post(f"{self.server.url}/upload/storage/v1/b/{BUCKET}/o",
                                   params={"uploadType": "media", "name": name}, data=data)
        assert answer.status_code == 200, answer.text

    def get(self, name):
        answer = self.session.get(f"{self.server.url}/storage/v1/b/{BUCKET}/o/{name.replace('/', '%2F')}",
                                  params={"alt": "media"})
        return answer.text if answer.status_code == 200 else None

    def done(self, operation, seconds=120):
        deadline = time.monotonic() + seconds
        while not operation.get("done"):
            assert time.monotonic() < deadline, operation
            time.sleep(0.05)  # waiting for another process: there is nothing to wait on
            operation = self.call("GET", operation["name"])
        return operation

    def create(self, model, version, **fields):
        body = {"name": version, "deploymentUri": f"gs://{BUCKET}/good/", "runtimeVersion": "bare", **fields}
        return self.call("POST", f"{PROJECT}/models/{model}/versions", body)

    def predict(self, name, instances, timeout=60):
        return self.session.post(f"{self.server.url}/v1/{PROJECT}/models/{name}:predict",
                                 json={"instances": instances}, timeout=timeout)

    def serving(self, name):
        return self.call("GET", f"{PROJECT}/models/{name}:serving")

    def node(self, name):
        """The host's number of the version's serving program."""
        mark = "--config /serve/config.json"
        found = []
        for folder in pathlib.Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and mark in (folder / "cmdline").read_bytes().decode().replace("\0", " "):
                    config = json.loads((folder / "root/serve/config.json").read_text())
                    if f"{config['model']}/versions/{config['version']}" == name:
                        found.append(int(folder.name))
            except (OSError, ValueError):
                continue
        return max(found) if found else None


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    # The program's text travels in the configuration: nothing of the test is mounted anywhere.
    command = ["/usr/bin/python3", "-c", (ROOT / "test" / "fake_serve.py").read_text()]
    config = f"serving: {{idle_seconds: 600, command: {json.dumps(command)}}}\n"
    server = Server(tmp_path_factory.mktemp("hodei") / "data", config).start()
    api = Api(server)
    run(f"hodei storage buckets create gs://{BUCKET}", server.environment())
    api.put("good/model.bst", '{"scale": 2}')
    api.put("empty/model.bst", b"")
    yield server
    stop_with_jobs(server)


@pytest.fixture
def api(server):
    return Api(server)


@pytest.fixture
def model(api, request):
    """A model of the test's own; its versions go with it."""
    name = request.node.name.replace("test_", "m_")[:60]
    api.call("POST", f"{PROJECT}/models", {"name": name})
    yield name
    versions = api.call("GET", f"{PROJECT}/models/{name}/versions").get("versions", [])
    for version in sorted(versions, key=lambda v: v.get("isDefault", False)):
        api.done(api.call("DELETE", version["name"]))
    api.call("DELETE", f"{PROJECT}/models/{name}")


def test_version_is_created_answers_and_is_unchanged_by_the_bucket(api, model):
    operation = api.create(model, "v1")
    assert operation["metadata"]["operationType"] == "CREATE_VERSION"
    done = api.done(operation)
    assert done["response"]["state"] == "READY", done
    shown = api.call("GET", f"{PROJECT}/models/{model}")
    assert shown["defaultVersion"]["name"].endswith("/v1")
    api.put("good/model.bst", '{"scale": 3}')
    try:
        assert api.predict(model, [1, [2, 3]]).json() == {"predictions": [2, 10]}
        assert api.predict(f"{model}/versions/v1", [4]).json() == {"predictions": [8]}
    finally:
        api.put("good/model.bst", '{"scale": 2}')
    bad = api.predict(model, [{}])
    assert bad.status_code == 400 and bad.json()["error"].startswith("Prediction failed: ")
    serving = api.serving(f"{model}/versions/v1")
    assert serving["engine"] == "python" and int(serving["requests"]) == 3 and int(serving["clientErrors"]) == 1
    metrics = api.session.get(api.server.url + "/metrics").text
    assert f'hodei_prediction_requests_total{{project="hodei-local",model="{model}",version="v1"}} 3' in metrics
    assert requests.get(api.server.url + "/metrics").status_code == 401


def test_a_model_that_cannot_be_loaded_fails_with_the_loaders_words(api, model):
    done = api.done(api.create(model, "v1", deploymentUri=f"gs://{BUCKET}/empty"))
    assert done["error"]["code"] == 3
    assert done["error"]["message"].startswith(
        'Create Version failed. Bad model detected with error: "Failed to load model: ')
    version = api.call("GET", f"{PROJECT}/models/{model}/versions/v1")
    assert version["state"] == "FAILED" and version["errorMessage"] == done["error"]["message"]
    assert api.predict(f"{model}/versions/v1", [1]).status_code == 400
    assert api.predict(model, [1]).status_code == 404


def test_requests_that_cannot_be(api, model):
    assert api.predict("nothing_here", [1]).status_code == 404
    api.done(api.create(model, "v1"))
    large = api.session.post(f"{api.server.url}/v1/{PROJECT}/models/{model}:predict", data=b"x" * (1536 * 1024 + 1))
    assert large.status_code == 413 and large.json()["error"]["code"] == 413
    stranger = requests.post(f"{api.server.url}/v1/{PROJECT}/models/{model}:predict", json={"instances": [1]})
    assert stranger.status_code == 401
    explain = api.session.post(f"{api.server.url}/v1/{PROJECT}/models/{model}:explain", json={"instances": [1]})
    assert explain.status_code == 501


def test_too_many_files(api, model):
    for i in range(1001):
        api.put(f"many/{i}", "x")
    refused = api.call("POST", f"{PROJECT}/models/{model}/versions",
                       {"name": "v", "deploymentUri": f"gs://{BUCKET}/many", "runtimeVersion": "bare"}, status=400)
    assert "more than 1000 objects" in refused["error"]["message"]


def test_a_program_killed_in_a_request_is_a_clean_503_and_comes_back(api, model):
    api.done(api.create(model, "v1"))
    crashed = api.predict(model, ["crash"])
    assert crashed.status_code == 503 and crashed.json()["error"]["status"] == "UNAVAILABLE"
    deadline = time.monotonic() + 60
    while (answer := api.predict(model, [1])).status_code != 200 and time.monotonic() < deadline:
        assert answer.status_code == 503, answer.text
        time.sleep(0.1)  # waiting for another process: there is nothing to wait on
    assert answer.json() == {"predictions": [2]}
    assert int(api.serving(f"{model}/versions/v1")["crashes"]) == 1


def test_a_server_restart_under_load_takes_the_nodes_over(api, server, model):
    api.done(api.create(model, "v1"))
    node = api.node(f"{model}/versions/v1")
    assert node
    server.kill()
    server.start()
    restarted = Api(server)
    assert restarted.predict(model, [1]).json() == {"predictions": [2]}
    assert restarted.node(f"{model}/versions/v1") == node, "the same process answers"


def test_deleted_during_traffic(api, model):
    api.done(api.create(model, "v1"))
    stop = []

    def ask():
        seen = set()
        with requests.Session() as session:
            session.headers["Authorization"] = "Bearer " + api.server.token
            while not stop:
                seen.add(session.post(f"{api.server.url}/v1/{PROJECT}/models/{model}/versions/v1:predict",
                                      json={"instances": [1]}).status_code)
        return seen

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            api.done(api.call("DELETE", f"{PROJECT}/models/{model}/versions/v1"))
        finally:
            stop.append(True)
        statuses = set().union(*(a.result() for a in asking))
    assert statuses <= {200, 404}, statuses


def test_patch_and_default_follow_the_reference(api, model):
    api.done(api.create(model, "v1"))
    api.done(api.create(model, "v2", autoScaling={"minNodes": 1}))
    name = f"{PROJECT}/models/{model}/versions"
    refused = api.call("DELETE", f"{name}/v1", status=400)
    assert refused["error"]["status"] == "FAILED_PRECONDITION"
    assert api.call("POST", f"{name}/v2:setDefault", {})["isDefault"] is True
    patched = api.call("PATCH", f"{name}/v2?updateMask=autoScaling.minNodes", {"autoScaling": {"minNodes": 0}})
    assert patched["done"] is True and patched["metadata"]["operationType"] == "UPDATE_VERSION"
    operations = api.call("GET", f"{PROJECT}/operations")["operations"]
    assert operations[0]["name"] == patched["name"]


def batch(api, job, **fields):
    body = {"dataFormat": "TEXT", "inputPaths": [f"gs://{BUCKET}/in/{job}*"], "outputPath": f"gs://{BUCKET}/out/{job}",
            "region": "us-central1", **fields}
    return api.call("POST", f"{PROJECT}/jobs", {"jobId": job, "predictionInput": body})


def ended(api, job, seconds=120):
    deadline = time.monotonic() + seconds
    while "endTime" not in (shown := api.call("GET", f"{PROJECT}/jobs/{job}")):
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)  # waiting for another process: there is nothing to wait on
    return shown


def test_batch_by_version_counts_results_and_errors(api, model):
    api.done(api.create(model, "v1"))
    api.put("in/b1-0", "1\n2\n")
    api.put("in/b1-1", "3\n[]]\n4")
    batch(api, "b1", versionName=f"{PROJECT}/models/{model}/versions/v1")
    job = ended(api, "b1")
    assert job["state"] == "SUCCEEDED", job
    assert job["predictionOutput"]["predictionCount"] == "4" and job["predictionOutput"]["errorCount"] == "1"
    assert job["predictionOutput"]["nodeHours"] > 0
    assert api.get("out/b1/prediction.results-00000-of-00001") == "2\n4\n6\n8\n"
    stats = api.get("out/b1/prediction.errors_stats-00000-of-00001")
    assert stats.startswith("('") and stats.endswith(", 1)\n")


def test_batch_by_model_survives_a_killed_server_without_doubling(api, server, model):
    api.done(api.create(model, "v1"))
    lines = 200_000
    api.put("in/b2", "".join(f"{i}\n" for i in range(lines)))
    batch(api, "b2", modelName=f"{PROJECT}/models/{model}")
    deadline = time.monotonic() + 60
    while api.call("GET", f"{PROJECT}/jobs/b2")["state"] in ("QUEUED", "PREPARING"):
        assert time.monotonic() < deadline
        time.sleep(0.02)  # waiting for another process: there is nothing to wait on
    server.kill()
    server.start()
    again = Api(server)
    job = ended(again, "b2")
    assert job["state"] == "SUCCEEDED", job
    assert again.get("out/b2/prediction.results-00000-of-00001").count("\n") == lines


def test_batch_that_breaks_its_program_fails_and_shows_no_output(api, model):
    api.put("in/b3", '1\n"crash"\n')
    batch(api, "b3", uri=f"gs://{BUCKET}/good", runtimeVersion="bare")
    job = ended(api, "b3")
    assert job["state"] == "FAILED" and "broke the serving program 3 times" in job["errorMessage"], job
    assert api.get("out/b3/prediction.results-00000-of-00001") is None


# Small files go into segments, large ones into files of their own; the empty list of errors is committed before either.
@pytest.mark.parametrize("step,lines", [("object.segment.write=error:ENOSPC", 3),
                                        ("object.content.write=error:ENOSPC", 400_000)])
def test_a_disk_that_fills_under_the_output_fails_the_job_and_shows_no_part_of_it(api, server, step, lines):
    name = f"full{lines}"
    api.put(f"in/{name}", "".join(f"{i}\n" for i in range(lines)))
    server.kill()
    server.start({"HODEI_FAILPOINTS": step})
    try:
        full = Api(server)
        batch(full, name, uri=f"gs://{BUCKET}/good", runtimeVersion="bare")
        job = ended(full, name)
        assert job["state"] == "FAILED" and "No space left on device" in job["errorMessage"], job
    finally:
        server.kill()
        server.start()
    listed = Api(server).session.get(f"{server.url}/storage/v1/b/{BUCKET}/o", params={"prefix": f"out/{name}"}).json()
    assert "items" not in listed, listed


def test_batch_input_that_is_not_there(api, model):
    refused = api.session.post(f"{api.server.url}/v1/{PROJECT}/jobs", json={"jobId": "b4", "predictionInput": {
        "dataFormat": "TEXT", "inputPaths": [f"gs://{BUCKET}/nowhere*"], "outputPath": f"gs://{BUCKET}/o",
        "region": "us-central1", "uri": f"gs://{BUCKET}/good"}})
    assert refused.status_code == 400 and "input_paths" in refused.json()["error"]["message"]
