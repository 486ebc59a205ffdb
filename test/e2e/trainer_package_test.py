"""Walkthrough 001: task.py with docopt, whose dependency comes from setup.py; the same package with
`python -m`, with `local train`, and as a job."""
import shutil
import subprocess

import pytest

from conftest import ROOT, run, wait_for_state


@pytest.fixture
def package(tmp_path):
    shutil.copytree(ROOT / "examples" / "docopt_trainer", tmp_path / "training_example")
    return tmp_path / "training_example"


@pytest.fixture(scope="module")
def python_with_docopt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True)
    done = subprocess.run([folder / "bin" / "pip", "install", "-q", "docopt"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("no package index to install docopt from: " + done.stderr[-200:])
    return folder / "bin"


def arguments():
    return (ROOT / "examples" / "docopt_trainer" / "arguments.txt").read_text().split()


def test_python_dash_m(package, python_with_docopt, server):
    env = server.environment()
    done = run(["python", "-m", "trainer.task", *arguments(), "--job-dir", "out"],
               {**env, "PATH": f"{python_with_docopt}:{env['PATH']}"}, cwd=package)
    assert "accuracy" in (done.stdout + done.stderr).lower()


def test_local_train(package, python_with_docopt, server):
    env = server.environment()
    done = run(["hodei", "ml-engine", "local", "train", "--package-path", "trainer", "--module-name", "trainer.task",
                "--job-dir", "out", "--", *arguments()],
               {**env, "PATH": f"{python_with_docopt}:{env['PATH']}"}, cwd=package)
    assert "accuracy" in (done.stdout + done.stderr).lower()


def test_job_installs_what_setup_py_asks_for(package, server):
    env = server.environment()
    run("hodei storage buckets create gs://docopt", env)
    run(["hodei", "ml-engine", "jobs", "submit", "training", "docopt_1", "--staging-bucket", "gs://docopt",
         "--job-dir", "gs://docopt/out", "--region", "us-central1", "--runtime-version", "2.11", "--python-version", "3.7",
         "--package-path", f"{package}/trainer", "--module-name", "trainer.task", "--", *arguments()], env, cwd=package)
    wait_for_state(env, "docopt_1", ["SUCCEEDED"])
    logs = run("hodei ml-engine jobs stream-logs docopt_1", env).stdout
    assert "accuracy" in logs.lower()
