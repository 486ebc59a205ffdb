"""The private Google inside every job: unmodified programs that say gs:// and https://storage.googleapis.com
work there with default credentials, and see nothing that is not theirs."""
import errno
import json
import os
import pathlib
import random

import pytest
import requests

from conftest import has, run, wait_for_state

TRAINERS = pathlib.Path(__file__).parent / "private_google"
ROWS = 200
BUCKET = "private-names"
PUBLIC = "private-names-public"
OTHER = "private-names-other"
# The TensorFlow environment is built once and kept in build/.
BUILD_SECONDS = 1200


class Jobs:
    """Submits a trainer of the folder private_google, once; the result is what it wrote to JOB_DIR/result.json."""

    def __init__(self, server, folder):
        self.server = server
        self.env = server.environment()
        self.folder = folder

    def submit(self, name, *arguments):
        package = self.folder / name / "trainer"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "task.py").write_text((TRAINERS / f"{name}_trainer.py").read_text())
        run(["hodei", "ml-engine", "jobs", "submit", "training", f"{name}_job", "--staging-bucket", f"gs://{BUCKET}",
             "--job-dir", f"gs://{BUCKET}/{name}", "--region", "us-central1", "--runtime-version", "2.11",
             "--python-version", "3.7", "--module-name", "trainer.task", "--package-path", "trainer", "--", *arguments],
            self.env, cwd=package.parent)

    def result(self, name):
        wait_for_state(self.env, f"{name}_job", ["SUCCEEDED"], seconds=BUILD_SECONDS)
        return json.loads(run(f"hodei storage cat gs://{BUCKET}/{name}/result.json", self.env).stdout)

    def names(self, prefix):
        listed = run(f"hodei storage ls -r gs://{BUCKET}/{prefix}", self.env).stdout
        return [line for line in listed.split() if line.startswith("gs://") and not line.endswith((":", "/"))]


@pytest.fixture(scope="module")
def jobs(server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trainers")
    jobs = Jobs(server, folder)
    generator = random.Random(1)
    rows = [[generator.uniform(-1, 1) for _ in range(4)] for _ in range(ROWS)]
    (folder / "data.csv").write_text("".join(f"{a},{b},{c},{d},{2 * a - b + 0.5 * c}\n" for a, b, c, d in rows))
    (folder / "public.csv").write_text("a,b\n1,2\n")
    for bucket in (BUCKET, PUBLIC):
        run(f"hodei storage buckets create gs://{bucket}", jobs.env)
    owner = {"Authorization": f"Bearer {server.token}"}
    for path, body in (("/v1/projects", {"projectId": "other-project"}),
                       ("/storage/v1/b?project=other-project", {"name": OTHER})):
        answer = requests.post(server.url + path, json=body, headers=owner, timeout=30)
        assert answer.status_code == 200, answer.text
    run(f"hodei storage cp {folder}/data.csv gs://{BUCKET}/data.csv", jobs.env)
    for bucket, name in ((PUBLIC, "public.csv"), (OTHER, "secret.txt")):
        run(f"hodei storage cp {folder}/public.csv gs://{bucket}/{name}", jobs.env)
    policy = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}
    answer = requests.put(f"{server.url}/storage/v1/b/{PUBLIC}/iam", json=policy, headers=owner, timeout=30)
    assert answer.status_code == 200, answer.text
    jobs.submit("attacking", "--other-bucket", OTHER, "--server-port", server.url.rsplit(":", 1)[1])
    jobs.submit("public", "--url", f"https://storage.googleapis.com/{PUBLIC}/public.csv")
    jobs.submit("files", "--train-file", f"gs://{BUCKET}/data.csv", "--other-bucket", OTHER)
    jobs.submit("gsutil", "--train-file", f"gs://{BUCKET}/data.csv")
    jobs.submit("pandas", "--train-file", f"gs://{BUCKET}/data.csv")
    jobs.submit("tensorflow", "--train-file", f"gs://{BUCKET}/data.csv")
    return jobs


def test_a_hostile_job_gets_nothing_that_is_not_its_own(jobs, server):
    result = jobs.result("attacking")
    token = result.pop("token")
    # Absent or forbidden: which of the two is the store's own rule.
    for attempt in ("by_other_host", "other_bucket", "other_object"):
        assert result.pop(attempt) in (401, 403, 404), attempt
    assert result == {
        "no_header": 403, "forwarded": 403, "by_api_port": 404, "other_project": 403, "submit": 403, "keys": 403, "policy": 403,
        "own_jobs": 200, "garbage_token": 401, "no_token": 401, "foreign_name": False, "own_name": True,
        "server_port": False, "metadata_ssh": False, "sockets": ["api.sock", "tls.sock", "web.sock"], "private_keys": []}
    # Outside the job its token is worth nothing, and the job has ended.
    for url in (f"{server.url}/v1/projects/hodei-local/jobs", f"{server.url}/storage/v1/b/{BUCKET}/o"):
        assert requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code == 401


def test_a_public_bucket_is_read_over_https_without_a_credential(jobs):
    result = jobs.result("public")
    text = "a,b\n1,2\n"
    for way in ("text", "requests", "plain_http", "anonymous_client"):
        assert result[way] == text, way
    assert result["range"] == text[:4]
    for attempt in ("put", "delete", "upload", "private"):
        assert result[attempt] in (401, 403, 404), (attempt, result[attempt])
    assert result["virtual_host"] == 200


@pytest.mark.skipif(os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="needs root and /dev/fuse")
def test_buckets_are_files(jobs):
    result = jobs.result("files")
    assert result == {
        "mounted": True, "rows": ROWS, "lines": ["first", "second", "third"], "large": True, "shell": ["one", "two"],
        "tree": ["c/b/text.txt", "c/moved.txt", "large.bin", "shell.txt"], "middle": errno.EOPNOTSUPP,
        "absent": errno.ENOENT, "other_bucket": errno.ENOENT, "buckets": [BUCKET, PUBLIC], "link": errno.ENOSYS,
        "removed": True}
    assert run(f"hodei storage cat gs://{BUCKET}/files/shell.txt", jobs.env).stdout == "one\ntwo\n"


def test_pandas_gcsfs_and_the_client_library_need_no_setting(jobs):
    result = jobs.result("pandas")
    assert result["default_seconds"] < 1
    assert (result["project"], result["client_project"]) == ("hodei-local", "hodei-local")
    assert result["account"].endswith("@cloud-ml.google.com.iam.gserviceaccount.com")
    assert result["rows"] == ROWS
    assert result["lines"] == ["one", "two"]
    assert result["large"] is True
    assert {"describe.csv", "large.bin", "lines.txt"} <= set(result["names"])
    assert result["curl"] in (None, "200")
    assert result["plain"] == "200"
    assert "mean" in run(f"hodei storage cat gs://{BUCKET}/pandas/describe.csv", jobs.env).stdout


@pytest.mark.skipif(not has("gsutil") or not has("gcloud"), reason="Google's command line tools are not on this host")
def test_gsutil_and_gcloud_storage_of_the_host_work_in_a_job(jobs):
    result = jobs.result("gsutil")
    assert set(result) == {"gsutil", "gcloud"}, "the sandbox shows the host's programs"
    for tool, outcome in result.items():
        assert outcome["said"] == [], tool
        assert (outcome["rows"], outcome["cat"], outcome["same"]) == (ROWS, ROWS, True), tool
        assert f"gs://{BUCKET}/gsutil/{tool}/sub/two.bin" in outcome["listed"], tool


def test_tensorflow_reads_and_writes_the_bucket_itself(jobs):
    result = jobs.result("tensorflow")
    assert result["rows"] == result["lines"] == ROWS
    assert len(result["losses"]) == 3 and result["losses"][2] < result["losses"][0]
    assert result["restored"] == f"gs://{BUCKET}/tensorflow/checkpoints/ckpt-3"
    assert result["same"] is True
    assert result["listed"] == ["a.txt", "c d é.txt"]
    assert (result["globbed"], result["size"], result["gone"]) == (2, 6, True)
    names = jobs.names("tensorflow")
    assert f"gs://{BUCKET}/tensorflow/export/1/saved_model.pb" in names
    assert any("/logs/train/events.out.tfevents." in name for name in names)
    assert sum(name.endswith(".index") and "/checkpoints/ckpt-" in name for name in names) == 2
    assert f"gs://{BUCKET}/tensorflow/model.keras" in names
