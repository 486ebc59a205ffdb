"""Jobs that go wrong: each ends in the right state with a sentence to act on, and leaves nothing."""
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile
import textwrap
import time

import pytest

from conftest import run, wait_for_state

SUBMIT = ("hodei ml-engine jobs submit training {job} --staging-bucket gs://bad-jobs --region us-central1 "
          "--runtime-version 2.11 --python-version 3.7 --module-name {module} --package-path trainer {more}")


@pytest.fixture(scope="module")
def env(server):
    env = server.environment()
    run("hodei storage buckets create gs://bad-jobs", env)
    return env


SMALL_DISK = """
trainingInput:
  scaleTier: CUSTOM
  masterType: n1-highmem-2
  masterConfig:
    diskConfig:
      bootDiskSizeGb: 10
"""


def submit(env, folder, job, code, setup=None, module="trainer.task", more=""):
    package = folder / "trainer"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "task.py").write_text(textwrap.dedent(code))
    if setup:
        (folder / "setup.py").write_text(textwrap.dedent(setup))
    run(SUBMIT.format(job=job, module=module, more=more), env, cwd=folder)


def described(env, job):
    return json.loads(run(f"hodei ml-engine jobs describe {job} --format json", env).stdout)


CASES = {
    "exit_code": ("raise SystemExit(7)", None, "non-zero status of 7"),
    "traceback": ("def deep():\n    raise ValueError('the data is wrong')\ndeep()\n", None, "ValueError: the data is wrong"),
    "no_memory": ("hog = []\nwhile True:\n    hog.append(bytearray(64 << 20))\n", None, "memory"),
    "setup_fails": ("print('never')", """
        from setuptools import setup
        import sys
        if "egg_info" not in sys.argv and "sdist" not in sys.argv or __import__("os").path.exists("/opt/hodei"):
            raise RuntimeError("setup.py is broken on purpose")
        setup(name="trainer", version="1", packages=["trainer"])
        """, "setup.py is broken on purpose"),
    # Its children stay until the sandbox goes.
    "setup_forks_forever": ("print('never')", """
        import os, time
        from setuptools import setup
        while os.path.exists("/opt/hodei"):
            if os.fork() == 0:
                os.closerange(0, 3)  # else the build's end is seen when they end
                time.sleep(1000)
        setup(name="trainer", version="1", packages=["trainer"])
        """, "Resource temporarily unavailable"),
}


@pytest.mark.parametrize("name", CASES)
def test_failure_names_its_cause(env, tmp_path, name):
    code, setup, expected = CASES[name]
    submit(env, tmp_path, f"bad_{name}", code, setup)
    wait_for_state(env, f"bad_{name}", ["FAILED"])
    job = described(env, f"bad_{name}")
    assert expected in job["errorMessage"]
    assert job["endTime"]


def test_module_that_does_not_exist(env, tmp_path):
    submit(env, tmp_path, "bad_module", "print(1)", module="trainer.nothere")
    wait_for_state(env, "bad_module", ["FAILED"])
    assert "trainer.nothere" in described(env, "bad_module")["errorMessage"]


def test_trainer_that_ignores_sigterm_is_cancelled(env, tmp_path):
    submit(env, tmp_path, "bad_stubborn", """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork() == 0:
            os.setsid()
        print("ready", flush=True)
        while True:
            time.sleep(1)
        """)
    wait_for_state(env, "bad_stubborn", ["RUNNING"])
    run("hodei ml-engine jobs cancel bad_stubborn", env)
    wait_for_state(env, "bad_stubborn", ["CANCELLED"], seconds=60)


SETUP_NEVER_ENDS = """
    import os, time
    from setuptools import setup
    while os.path.exists("/opt/hodei"):
        if os.fork() == 0:
            os.setsid()
        time.sleep(1000)
    setup(name="trainer", version="1", packages=["trainer"])
    """


def builds(server):
    return [p.name for p in (server.data / "exec" / "replicas").iterdir() if p.name.startswith("env-")]


def test_a_build_ends_with_the_job_that_waited_for_it(env, server, tmp_path):
    submit(env, tmp_path, "bad_patience", "print('never')", SETUP_NEVER_ENDS)
    assert eventually(lambda: "packages (" in run("hodei jobs why bad_patience", env).stdout, seconds=120)
    assert builds(server)
    run("hodei ml-engine jobs cancel bad_patience", env)
    wait_for_state(env, "bad_patience", ["CANCELLED"], seconds=60)
    assert eventually(lambda: not builds(server)), builds(server)
    assert eventually(lambda: not left_in_kernel(server.data)), left_in_kernel(server.data)


def test_log_flood_is_capped_and_said(env, tmp_path):
    submit(env, tmp_path, "bad_flood", """
        import os, time
        end = time.monotonic() + 4
        line = b"x" * 100_000 + b"\\n"
        while time.monotonic() < end:
            os.write(1, line)
        """)
    wait_for_state(env, "bad_flood", ["SUCCEEDED"])
    found = run(["hodei", "logging", "read", 'resource.labels.job_id="bad_flood" AND jsonPayload.message:"bytes dropped"',
                 "--limit=5", "--format=json"], env).stdout
    assert json.loads(found)


def test_full_disk_hits_the_job_alone(env, tmp_path):
    (tmp_path / "small.yaml").write_text(SMALL_DISK)
    submit(env, tmp_path, "bad_disk", more="--config small.yaml", code="""
        import errno
        try:
            with open("/work/big", "wb") as f:
                while True:
                    f.write(b"x" * (64 << 20))
        except OSError as e:
            assert e.errno == errno.ENOSPC, e
            print("ENOSPC seen", flush=True)
            raise
        """)
    wait_for_state(env, "bad_disk", ["FAILED"], seconds=600)
    assert "space" in described(env, "bad_disk")["errorMessage"].lower()


def test_package_that_is_no_archive(env, tmp_path):
    (tmp_path / "trainer-1.tar.gz").write_bytes(b"this is not an archive" * 100)
    run("hodei storage cp trainer-1.tar.gz gs://bad-jobs/p/trainer-1.tar.gz", env, cwd=tmp_path)
    done = run("hodei ml-engine jobs submit training bad_archive --region us-central1 --runtime-version 2.11 --python-version 3.7 "
               "--packages gs://bad-jobs/p/trainer-1.tar.gz --module-name trainer.task --staging-bucket gs://bad-jobs",
               env, check=False)
    if done.returncode == 0:
        wait_for_state(env, "bad_archive", ["FAILED"])
        assert "archive" in described(env, "bad_archive")["errorMessage"]
    else:
        assert "archive" in done.stderr


def test_missing_package_is_refused_at_once(env):
    done = run("hodei ml-engine jobs submit training bad_missing --region us-central1 --runtime-version 2.11 --python-version 3.7 "
               "--packages gs://bad-jobs/no/such-1.tar.gz --module-name trainer.task --staging-bucket gs://bad-jobs", env, check=False)
    assert done.returncode == 1
    assert "such-1.tar.gz" in done.stderr
    assert run("hodei ml-engine jobs describe bad_missing", env, check=False).returncode == 1


def test_pending_job_says_why(env, tmp_path, make_server):
    server = make_server("capacity:\n  policy: strict\n")
    own = server.environment()
    run("hodei storage buckets create gs://bad-jobs", own)
    submit(own, tmp_path, "too_large", "print(1)", more="--scale-tier custom --master-machine-type n1-highmem-96")
    wait_for_state(own, "too_large", ["QUEUED"])
    why = run("hodei jobs why too_large", own).stdout
    assert "n1-highmem-96" in why or "96" in why
    run("hodei ml-engine jobs cancel too_large", own)
    wait_for_state(own, "too_large", ["CANCELLED"])


def archive(entries, compress="gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{compress}") as tar:
        for info, data in entries:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def link(name, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


CANARY = "hodei-slip-canary"
HOSTILE = {
    "slip": lambda: archive([(tarfile.TarInfo("t-1/setup.py"), b"from setuptools import setup; setup(name='t')"),
                             (tarfile.TarInfo(f"../../../../../../../tmp/{CANARY}"), b"out")]),
    "absolute": lambda: archive([(tarfile.TarInfo(f"/tmp/{CANARY}"), b"out")]),
    "link": lambda: archive([(link("t-1/out", "/tmp"), b""), (tarfile.TarInfo(f"t-1/out/{CANARY}"), b"out")]),
    "bomb": lambda: archive([(tarfile.TarInfo("t-1/zeros"), bytes(256 << 20))]),
    "crowd": lambda: archive([(tarfile.TarInfo(f"t-1/{i}"), b"") for i in range(60_000)]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_package_fails_its_job_and_touches_nothing(env, tmp_path, name):
    """T7, T8."""
    (tmp_path / "t-1.tar.gz").write_bytes(HOSTILE[name]())
    run(f"hodei storage cp t-1.tar.gz gs://bad-jobs/{name}/t-1.tar.gz", env, cwd=tmp_path)
    run(f"hodei ml-engine jobs submit training bad_{name} --region us-central1 --runtime-version 2.11 --python-version 3.7 "
        f"--packages gs://bad-jobs/{name}/t-1.tar.gz --module-name t.task --staging-bucket gs://bad-jobs", env)
    wait_for_state(env, f"bad_{name}", ["FAILED"], seconds=120)
    message = described(env, f"bad_{name}")["errorMessage"]
    assert "t-1.tar.gz" in message or "package" in message, message
    assert not (pathlib.Path("/tmp") / CANARY).exists()


def loop_images(folder):
    """Backing files of loop devices that lie in `folder`."""
    files = [p.read_text().strip() for p in pathlib.Path("/sys/block").glob("loop*/loop/backing_file")]
    return [f for f in files if f.startswith(str(folder))]


def left_in_kernel(data):
    """Control groups and network namespaces of this server's replicas."""
    instance = "hodei-" + hashlib.sha256(str(data / "exec").encode()).hexdigest()[:10]
    groups = subprocess.run(["find", "/sys/fs/cgroup", "-path", f"*/{instance}/*", "-type", "d"],
                            capture_output=True, text=True).stdout.split()
    names = pathlib.Path("/run/netns")
    return groups + [str(n) for n in (names.iterdir() if names.exists() else []) if n.name.startswith(instance)]


def eventually(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)  # waiting for the kernel: there is nothing to wait on
    return condition()


def test_nothing_is_left_behind(env, server, tmp_path):
    submit(env, tmp_path, "clean", "print('bye')")
    wait_for_state(env, "clean", ["SUCCEEDED"])
    # Everything above has ended: well, badly, cancelled.
    states = {j["jobId"]: j["state"] for j in json.loads(run("hodei ml-engine jobs list --format json", env).stdout)}
    assert not [j for j, state in states.items() if state in ("QUEUED", "RUNNING", "PREPARING", "CANCELLING")]
    assert str(server.data) not in open("/proc/self/mounts", encoding="utf-8").read()
    assert eventually(lambda: not left_in_kernel(server.data)), left_in_kernel(server.data)
    assert eventually(lambda: not list((server.data / "exec" / "replicas").iterdir()))
    # Removed after the replicas, beside the thread that ended the job.
    assert eventually(lambda: not [p for p in (server.data / "jobs").glob("*/*") if p.name in ("packages", "api")])
    running = subprocess.run(["pgrep", "-f", f"{server.data}/"], capture_output=True, text=True).stdout.split()
    assert running in ([], [str(server.process.pid)])
    # Volumes that stand ready are the server's, few, and go with it.
    assert eventually(lambda: len(loop_images(server.data)) <= 6)
    server.stop()
    assert eventually(lambda: not loop_images(server.data)), loop_images(server.data)
    server.start()
