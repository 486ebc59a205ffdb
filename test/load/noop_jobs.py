"""No-op jobs per second: Hodei (sandboxed, durable, logged) against a real Slurm on the same cores.

Slurm is Debian's slurm-wlm, started as an ordinary set of processes in a temporary folder; without it the comparison
is skipped and said so.
"""
import argparse
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tarfile
import io
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from conftest import ENVIRONMENT_CACHE, Server  # noqa: E402

PARALLEL_JOBS = 16
ROUNDS = 3

SLURM_CONF = """\
ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=26817
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={s}/munge/munge.socket
CredType=cred/munge
StateSaveLocation={s}/state
SlurmdSpoolDir={s}/spool/%n
SlurmctldPidFile={s}/run/slurmctld.pid
SlurmdPidFile={s}/run/slurmd-%n.pid
SlurmctldLogFile={s}/log/slurmctld.log
SlurmdLogFile={s}/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=1000,default_queue_depth=10000,partition_job_depth=0,bf_interval=1,sched_interval=1
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
MinJobAge=300
MaxJobCount=50000
SlurmdParameters=config_overrides
NodeName=n[1-4] NodeHostname={host} NodeAddr=127.0.0.1 Port=[27001-27004] CPUs=16 Boards=1 SocketsPerBoard=1 CoresPerSocket=16 ThreadsPerCore=1 RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def slurm_jobs_per_second(count):
    """Submits `count` no-op jobs and waits for the last; None where Slurm is not installed."""
    if not all(shutil.which(p) for p in ("munged", "slurmctld", "slurmd", "sbatch")):
        return None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hodei-slurm-"))
    folder.chmod(0o755)
    processes = []
    try:
        for name in ("state", "spool", "log", "run", "munge", "out"):
            (folder / name).mkdir()
        (folder / "munge").chmod(0o755)
        key = folder / "munge" / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        conf = folder / "slurm.conf"
        import pwd
        conf.write_text(SLURM_CONF.format(s=folder, host=socket.gethostname(), user=pwd.getpwuid(os.getuid()).pw_name))
        env = {**os.environ, "SLURM_CONF": str(conf)}
        m = folder / "munge"
        processes.append(subprocess.Popen(
            ["munged", "--foreground", f"--key-file={key}", f"--socket={m}/munge.socket", f"--pid-file={m}/munged.pid",
             f"--log-file={m}/munged.log", f"--seed-file={m}/munged.seed", "--num-threads=4"]))
        time.sleep(1)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes.append(subprocess.Popen(["slurmctld", "-D", "-f", conf], env=env, **quiet))
        time.sleep(2)
        for i in range(1, 5):
            processes.append(subprocess.Popen(["slurmd", "-D", "-N", f"n{i}", "-f", conf], env=env, **quiet))
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            idle = subprocess.run(["sinfo", "-h", "-o", "%T"], env=env, capture_output=True, text=True).stdout
            if "idle" in idle:
                break
            time.sleep(0.5)
        else:
            return None
        script = folder / "noop.sh"
        script.write_text("#!/bin/sh\nexec true\n")
        start = time.monotonic()
        for _ in range(count):
            subprocess.run(["sbatch", "-o", "/dev/null", script], env=env, check=True, **quiet)
        while subprocess.run(["squeue", "-h"], env=env, capture_output=True, text=True).stdout.strip():
            time.sleep(0.02)
        return count / (time.monotonic() - start)
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


class Api:
    def __init__(self, server):
        parts = urllib.parse.urlsplit(server.url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port)
        self.headers = {"Authorization": "Bearer " + server.token, "Content-Type": "application/json"}

    def call(self, method, path, body=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        self.connection.request(method, path, data, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]}")
        return json.loads(text or b"{}")


def noop_package():
    out = io.BytesIO()
    files = {"noop-1/setup.py": "from setuptools import setup\nsetup(name='noop', version='1', packages=['noop'])\n",
             "noop-1/noop/__init__.py": "", "noop-1/noop/task.py": "", "noop-1/PKG-INFO": "Metadata-Version: 1.0\nName: noop\nVersion: 1\n"}
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def hodei_jobs_per_second(count, runtime):
    folder = tempfile.mkdtemp(prefix="hodei-bench-")
    ENVIRONMENT_CACHE.mkdir(parents=True, exist_ok=True)
    # Slurm's nodes have 64 CPUs together on however few cores; jobs here share theirs likewise.
    server = Server(pathlib.Path(folder) / "data", f"capacity:\n  parallel_jobs: {PARALLEL_JOBS}\n").start()
    try:
        api = Api(server)
        api.call("POST", "/storage/v1/b?project=hodei-local", {"name": "bench-noop"})
        api.headers["Content-Type"] = "application/octet-stream"
        api.call("POST", "/upload/storage/v1/b/bench-noop/o?uploadType=media&name=noop-1.tar.gz", noop_package())
        api.headers["Content-Type"] = "application/json"

        def submit(name):
            api.call("POST", "/v1/projects/hodei-local/jobs", {"jobId": name, "trainingInput": {
                "scaleTier": "CUSTOM", "masterType": "n1-highmem-2", "region": "us-central1", **runtime,
                "packageUris": ["gs://bench-noop/noop-1.tar.gz"], "pythonModule": "noop.task"}})

        def ended(name):
            return api.call("GET", f"/v1/projects/hodei-local/jobs/{name}").get("state") in ("SUCCEEDED", "FAILED", "CANCELLED")

        submit("warm")  # builds the environment and the package layer once
        while not ended("warm"):
            time.sleep(0.05)
        warm = api.call("GET", "/v1/projects/hodei-local/jobs/warm")
        if warm["state"] != "SUCCEEDED":
            raise RuntimeError(json.dumps(warm, indent=1))
        start = time.monotonic()
        for i in range(count):
            submit(f"noop_{i}")
        submitted = time.monotonic() - start
        # One request per look, as squeue is one: to ask for every job each time would take a core from them.
        for i in range(count):
            while not ended(f"noop_{i}"):
                time.sleep(0.02)
        total = time.monotonic() - start
        failed = [n for n in range(count)
                  if api.call("GET", f"/v1/projects/hodei-local/jobs/noop_{n}")["state"] != "SUCCEEDED"]
        if failed:
            raise RuntimeError(f"{len(failed)} of {count} no-op jobs did not succeed")
        return count / total, count / submitted
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    count = parser.parse_args().count
    for _ in range(ROUNDS):
        ours, submits = hodei_jobs_per_second(count, {"runtimeVersion": "2.11", "pythonVersion": "3.7"})
        theirs = slurm_jobs_per_second(count)
        print(f"bench job_submit_one_client {submits:.0f} jobs/s note=durable before the answer")
        print(f"bench noop_jobs {ours:.1f} jobs/s " + (
            f"peer=slurm:{theirs:.1f} min_ratio=3 note=ours start Python in a sandbox, Slurm's /bin/sh without one" if theirs
            else "min_ratio=3 skip=slurm-wlm is not installed"), flush=True)


if __name__ == "__main__":
    main()
