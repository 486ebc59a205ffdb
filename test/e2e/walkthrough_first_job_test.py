"""Walkthrough 000, "your first job in the cloud": the test1 package, its files and commands as printed,
with Google's gcloud and with hodei."""
import re
import stat
import textwrap

import pytest

from conftest import has, run, wait_for_state

TEST1 = '''\
# coding: utf-8
import logging
import argparse

if __name__ == "__main__":
  parser = argparse.ArgumentParser()

  parser.add_argument(
    '--job-dir',
    help='GCS job directory (required by GoogleML)',
    required=True
  )
  parser.add_argument(
    '--arg',
    help='Test argument',
    required=True
  )
  arguments = parser.parse_args().__dict__
  job_dir = arguments.pop('job_dir')
  arg = arguments.pop('arg')

  logging.info("Hey, ML Engine, you are not scary!")
  logging.warn("Argument received: {}.".format(arg))
'''

YAML = '''\
trainingInput:
  scaleTier: CUSTOM
  # 1 GPU
  masterType: standard_gpu
  # 4 GPUs
  # complex_model_m_gpu
  runtimeVersion: "1.9"
  pythonVersion: "3.5"
'''

SETUP = '''\
from setuptools import find_packages
from setuptools import setup

setup(
    name='test1',
    version='0.1',
    description='My First Job'
)
'''

SCRIPT = '''\
#!/bin/bash

export BUCKET_NAME=first-job-{client}
export REGION=us-east1
export JOB_NAME="test1_{client}_$(date +%Y%m%d_%H%M%S)"
export JOB_DIR=gs://$BUCKET_NAME/$JOB_NAME

{client} ml-engine jobs submit training $JOB_NAME \\
    --staging-bucket gs://$BUCKET_NAME \\
    --job-dir gs://$BUCKET_NAME/$JOB_NAME \\
    --region $REGION \\
    --runtime-version 1.9 \\
    \\
    --module-name test1.test1 \\
    --package-path ./test1 \\
    --config=test1/test1.yaml \\
    -- \\
    --arg=42
'''

CLIENTS = ["hodei", pytest.param("gcloud", marks=pytest.mark.skipif(not has("gcloud"), reason="gcloud is not installed"))]


def write_package(folder, client):
    package = folder / "test1"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "test1.py").write_text(TEST1)
    (package / "test1.yaml").write_text(YAML)
    (folder / "setup.py").write_text(SETUP.replace("description", "packages=find_packages(), description"))
    script = folder / "test1.sh"
    script.write_text(SCRIPT.format(client=client))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize("client", CLIENTS)
def test_models_list_is_empty(server, client):
    done = run(f"{client} ml-engine models list", server.environment())
    assert "Listed 0 items." in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("client", CLIENTS)
def test_first_job_as_printed(server, client, tmp_path):
    env = server.environment()
    run(f"hodei storage buckets create gs://first-job-{client}", env)
    write_package(tmp_path, client)
    submitted = run("./test1.sh", env, cwd=tmp_path)
    job = re.search(r"Job \[(\S+)\] submitted successfully\.", submitted.stderr).group(1)
    assert "jobs describe " + job in submitted.stderr
    assert re.search(rf"jobId: {job}\nstate: QUEUED", submitted.stdout)

    wait_for_state(env, job, ["SUCCEEDED"])
    described = run(f"{client} ml-engine jobs describe {job}", env)
    assert "state: SUCCEEDED" in described.stdout
    assert "masterType: standard_gpu" in described.stdout
    assert "trainingOutput:" in described.stdout

    interval = " --polling-interval 1" if client == "gcloud" else ""
    logs = run(f"{client} ml-engine jobs stream-logs {job}{interval}", env).stdout
    assert re.search(r"^INFO\t.*\tmaster-replica-0\t.*Hey, ML Engine, you are not scary!", logs, re.M)
    assert re.search(r"^WARNING\t.*\tmaster-replica-0\t.*Argument received: 42\.", logs, re.M)

    listed = run(f"{client} ml-engine jobs list", env).stdout
    assert re.search(rf"^{job}\s+SUCCEEDED\s+", listed, re.M)
    run(f"{client} ml-engine jobs update {job} --update-labels=team=a", env)
    assert "team: a" in run(f"{client} ml-engine jobs describe {job}", env).stdout


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("code, exit_code", [("print('fine')", 0), ("raise SystemExit(3)", 1)])
def test_stream_logs_exit_code_tells_success(server, client, tmp_path, code, exit_code):
    env = server.environment()
    bucket = f"exit-code-{client}"
    run(f"hodei storage buckets create gs://{bucket}", env, check=False)
    package = tmp_path / "trainer"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "task.py").write_text(code + "\n")
    job = f"exit_{client}_{exit_code}"
    env["CLOUDSDK_ML_ENGINE_POLLING_INTERVAL"] = "1"
    done = run(f"{client} ml-engine jobs submit training {job} --staging-bucket gs://{bucket} --region us-east1 "
               "--runtime-version 2.11 --python-version 3.7 --module-name trainer.task --package-path trainer "
               "--stream-logs", env, cwd=tmp_path, check=False)
    assert done.returncode == exit_code, done.stderr
    assert ("state: SUCCEEDED" if exit_code == 0 else "state: FAILED") in done.stdout
    if exit_code:
        described = run(f"{client} ml-engine jobs describe {job}", env).stdout
        assert "The replica master 0 exited with a non-zero status of 3. Termination reason: Error." in described


@pytest.mark.parametrize("client", CLIENTS)
def test_cancel_stops_a_running_job(server, client, tmp_path):
    env = server.environment()
    bucket = f"cancel-{client}"
    run(f"hodei storage buckets create gs://{bucket}", env)
    package = tmp_path / "trainer"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "task.py").write_text(textwrap.dedent("""
        import time
        print("started", flush=True)
        time.sleep(3600)
    """))
    job = f"cancel_{client}"
    run(f"{client} ml-engine jobs submit training {job} --staging-bucket gs://{bucket} --region us-east1 "
        "--runtime-version 2.11 --python-version 3.7 --module-name trainer.task --package-path trainer",
        env, cwd=tmp_path)
    wait_for_state(env, job, ["RUNNING"])
    assert run(f"{client} ml-engine jobs cancel {job}", env).returncode == 0
    wait_for_state(env, job, ["CANCELLED"])
    # Cancelling what has ended changes nothing and is no error.
    assert run(f"{client} ml-engine jobs cancel {job}", env).returncode == 0
