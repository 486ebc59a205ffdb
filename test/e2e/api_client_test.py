"""google-api-python-client (`ml` v1), built from this server's own discovery document."""
import time

import pytest
from googleapiclient import errors

from conftest import google_client, run, wait_for_state


@pytest.fixture
def ml(server):
    return google_client(server)


def test_job_create_get_list_cancel(server, ml, tmp_path):
    env = server.environment()
    run("hodei storage buckets create gs://api-client", env)
    package = tmp_path / "trainer"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "task.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(600)\n")
    (tmp_path / "setup.py").write_text(
        "from setuptools import setup\nsetup(name='trainer', version='1', packages=['trainer'])\n")
    run("python3 setup.py -q sdist", {**env, "PATH": "/usr/bin:" + env["PATH"]}, cwd=tmp_path)
    run("hodei storage cp dist/trainer-1.tar.gz gs://api-client/p/trainer-1.tar.gz", env, cwd=tmp_path)
    parent = f"projects/{server.info.get('project', 'hodei-local')}"
    jobs = ml.projects().jobs()
    body = {"jobId": "api_1", "trainingInput": {
        "scaleTier": "BASIC", "region": "us-central1", "runtimeVersion": "2.11", "pythonVersion": "3.7",
        "packageUris": ["gs://api-client/p/trainer-1.tar.gz"], "pythonModule": "trainer.task"}}
    created = jobs.create(parent=parent, body=body).execute()
    assert created["jobId"] == "api_1" and created["state"] == "QUEUED"
    with pytest.raises(errors.HttpError) as conflict:
        jobs.create(parent=parent, body=body).execute()
    assert conflict.value.status_code == 409
    wait_for_state(env, "api_1", ["RUNNING"])
    assert [j["jobId"] for j in jobs.list(parent=parent).execute()["jobs"]] == ["api_1"]
    assert jobs.cancel(name=parent + "/jobs/api_1", body={}).execute() == {}
    wait_for_state(env, "api_1", ["CANCELLED"])
    got = jobs.get(name=parent + "/jobs/api_1").execute()
    assert got["endTime"]
    patched = jobs.patch(name=parent + "/jobs/api_1", updateMask="labels", body={"labels": {"a": "b"}}).execute()
    assert patched["labels"] == {"a": "b"}


def test_a_version_whose_model_is_refused(server, ml, tmp_path):
    """frameworks_test.py has the same with a model that is served."""
    env = server.environment()
    (tmp_path / "model.bst").write_bytes(b"")
    run("hodei storage buckets create gs://api-models && hodei storage cp model.bst gs://api-models/m/model.bst",
        env, cwd=tmp_path)
    models = ml.projects().models()
    parent = "projects/hodei-local"
    name = models.create(parent=parent, body={"name": "client_model"}).execute()["name"]
    operation = models.versions().create(parent=name, body={
        "name": "v1", "deploymentUri": "gs://api-models/m", "runtimeVersion": "bare"}).execute()
    deadline = time.monotonic() + 120
    while not operation.get("done"):
        assert time.monotonic() < deadline
        time.sleep(0.1)  # waiting for another process: there is nothing to wait on
        operation = ml.projects().operations().get(name=operation["name"]).execute()
    assert operation["error"]["message"].startswith("Create Version failed. Bad model detected with error:")
    version = models.versions().get(name=name + "/versions/v1").execute()
    assert version["state"] == "FAILED"
    models.versions().patch(name=version["name"], updateMask="autoScaling.minNodes",
                            body={"autoScaling": {"minNodes": 1}}).execute()
    with pytest.raises(errors.HttpError) as refused:
        models.versions().setDefault(name=version["name"], body={}).execute()
    assert refused.value.status_code == 400
    with pytest.raises(errors.HttpError) as unserved:
        ml.projects().predict(name=version["name"], body={"instances": [1]}).execute()
    assert unserved.value.status_code == 400
    operation = models.versions().delete(name=version["name"]).execute()
    while not operation.get("done"):
        assert time.monotonic() < deadline
        time.sleep(0.1)  # waiting for another process: there is nothing to wait on
        operation = ml.projects().operations().get(name=operation["name"]).execute()
    assert models.delete(name=name).execute()["done"] is True
