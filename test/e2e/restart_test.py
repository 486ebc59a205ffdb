"""The server may die at any moment: acknowledged jobs stay, running ones are adopted, logs have no gap."""
import json
import os
import random
import re
import subprocess
import textwrap
import time

from conftest import BIN, run, state_of, wait_for_state
from failpoints import tree_failpoints
from failpoints_test import BY_RESTART_TEST

KILLS = int(os.environ.get("HODEI_KILLS", "200"))
COUNTER = """
    import sys, time, uuid
    print("start", uuid.uuid4(), flush=True)
    for i in range(int(sys.argv[1])):
        print("tick", i, flush=True)
        time.sleep(0.05)
    print("end", flush=True)
"""


def submit(env, folder, job, ticks):
    package = folder / "trainer"
    if not package.exists():
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "task.py").write_text(textwrap.dedent(COUNTER))
    return run(f"hodei ml-engine jobs submit training {job} --staging-bucket gs://restart --region us-central1 "
               "--runtime-version 2.11 --python-version 3.7 --module-name trainer.task --package-path trainer "
               f"-- {ticks}", env, cwd=folder, check=False)


def messages(env, job):
    out, token = [], None
    read = run(["hodei", "logging", "read", f'resource.labels.job_id="{job}" AND resource.labels.task_name="master-replica-0"',
                "--order=asc", "--limit=100000", "--format=json"], env).stdout
    for entry in json.loads(read):
        out.append(entry["jsonPayload"]["message"])
    return out


def assert_ran_once(env, job, ticks):
    lines = messages(env, job)
    starts = [line for line in lines if line.startswith("start ")]
    assert len(starts) == 1, f"{job}: user code started {len(starts)} times"
    seen = [int(m.group(1)) for line in lines if (m := re.match(r"tick (\d+)$", line))]
    assert seen == list(range(ticks)), f"{job}: gap or repeat in its log: {seen[:50]}…"
    assert lines.count("end") == 1


def program_pids(server):
    """The host's process number of every replica's program, from the executor's records."""
    pids = {}
    for state in (server.data / "exec" / "replicas").glob("*/state"):
        found = re.search(r"^program_pid=(\d+)$", state.read_text(), re.M)
        pids[state.parent.name] = int(found.group(1))
    return pids


def test_running_job_is_adopted_with_the_same_process(make_server, tmp_path):
    server = make_server()
    env = server.environment()
    run("hodei storage buckets create gs://restart", env)
    assert submit(env, tmp_path, "adopted", 200).returncode == 0
    wait_for_state(env, "adopted", ["RUNNING"])
    before = program_pids(server)
    assert len(before) == 1
    server.kill()
    time.sleep(1)  # the job logs while no server is there: that is the case under test
    server.start()
    assert state_of(env, "adopted") == "RUNNING"
    assert program_pids(server) == before
    os.kill(*before.values(), 0)  # it lives
    wait_for_state(env, "adopted", ["SUCCEEDED"])
    assert_ran_once(env, "adopted", 200)


def test_sigterm_leaves_jobs_running(make_server, tmp_path):
    server = make_server()
    env = server.environment()
    run("hodei storage buckets create gs://restart", env)
    submit(env, tmp_path, "left", 100)
    wait_for_state(env, "left", ["RUNNING"])
    assert server.stop() == 0
    server.start()
    wait_for_state(env, "left", ["SUCCEEDED"])
    assert_ran_once(env, "left", 100)


def test_random_kills_under_load(make_server, tmp_path):
    """Kills at random moments, some during recovery; every acknowledged job must end well, once."""
    server = make_server()
    env = server.environment()
    run("hodei storage buckets create gs://restart", env)
    chance = random.Random(20240501)
    acknowledged, number = [], 0
    for kill in range(KILLS):
        if kill % 5 == 0:
            done = submit(env, tmp_path, f"load_{number}", 20)
            if done.returncode == 0:
                acknowledged.append(f"load_{number}")
            number += 1
        time.sleep(chance.uniform(0, 0.4))  # a random moment is the point
        server.kill()
        server.start()
    for job in acknowledged:
        wait_for_state(env, job, ["SUCCEEDED"], seconds=600)
        assert_ran_once(env, job, 20)
    assert len(acknowledged) == number


def test_second_server_on_the_same_folder_is_refused(make_server):
    """F25."""
    server = make_server()
    second = subprocess.run([BIN / "hodeid", "--data", server.data, "--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"],
                            capture_output=True, text=True, timeout=60)
    assert second.returncode != 0
    assert str(server.data) in second.stderr
    assert run("hodei ml-engine jobs list", server.environment()).returncode == 0


def kill_points(make_server, tmp_path):
    """Names of the durable steps that a job's life passes, in the order in which it first does."""
    server = make_server(start=False)
    server.start(env={"HODEI_FAILPOINTS": "none=delay:0", "HODEI_FAILPOINT_LOG": str(tmp_path / "hits")})
    env = server.environment()
    run("hodei storage buckets create gs://restart", env)
    submit(env, tmp_path, "probe", 1)
    wait_for_state(env, "probe", ["SUCCEEDED"])
    server.stop()
    return list(dict.fromkeys((tmp_path / "hits").read_text().split()))


def test_kill_at_every_durable_step_of_a_job(make_server, tmp_path):
    """F1: adopted or started once, wherever the server dies; an acknowledged job is never lost."""
    points = kill_points(make_server, tmp_path)
    assert {p for p in tree_failpoints() if p.startswith(BY_RESTART_TEST)} <= set(points), points
    server = make_server()
    env = server.environment()
    run("hodei storage buckets create gs://restart", env)
    acknowledged = []
    # The first pass of each; of what every change of a job goes through, the later ones as well.
    # The others have scenarios of their own in failpoints_test.
    steps = [(p, 1) for p in points if p.startswith(BY_RESTART_TEST)] + [("job.commit", 2), ("job.committed", 2), ("job.committed", 3)]
    for number, (point, hit) in enumerate(steps):
        server.stop()
        server.start(env={"HODEI_FAILPOINTS": f"{point}=kill@{hit}"})
        job = f"step_{number}"
        if submit(env, tmp_path, job, 2).returncode == 0:
            acknowledged.append(job)
        deadline = time.monotonic() + 20
        # A step that this job does not pass so often lets it end; else the server dies.
        while server.process.poll() is None and time.monotonic() < deadline:
            if state_of(env, job) in ("SUCCEEDED", "FAILED", ""):
                break
            time.sleep(0.05)  # waiting for another process: there is nothing to wait on
        server.kill()
        server.start()
        # It ends before the next step is armed: its commits would pass that step in the start itself.
        if state_of(env, job):
            wait_for_state(env, job, ["SUCCEEDED"])
    assert acknowledged
    for job in acknowledged:
        assert state_of(env, job) == "SUCCEEDED"
        assert_ran_once(env, job, 2)
