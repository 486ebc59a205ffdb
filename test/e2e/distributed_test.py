"""STANDARD_1 on this machine: eight replicas that find each other through TF_CONFIG."""
import json
import re

from conftest import ROOT, run, wait_for_state


def test_standard_1_all_reduce_across_eight_replicas(server, tmp_path):
    env = server.environment()
    run("hodei storage buckets create gs://distributed", env)
    run("hodei ml-engine jobs submit training allreduce --staging-bucket gs://distributed --region us-central1 "
        "--runtime-version 2.11 --python-version 3.7 --scale-tier STANDARD_1 --module-name allreduce.task "
        f"--package-path {ROOT}/examples/allreduce/allreduce", env, cwd=tmp_path)
    wait_for_state(env, "allreduce", ["SUCCEEDED"])
    entries = json.loads(run(["hodei", "logging", "read", 'resource.labels.job_id="allreduce"', "--order=asc",
                              "--limit=1000", "--format=json"], env).stdout)
    configs = {}
    for entry in entries:
        message = entry.get("jsonPayload", {}).get("message", "")
        found = re.search(r"TF_CONFIG[^{]*(\{.*\})", message)
        if found:
            configs[entry["resource"]["labels"]["task_name"]] = json.loads(found.group(1))
    assert sorted(configs) == ["master-replica-0", "ps-replica-0", "ps-replica-1", "ps-replica-2",
                               "worker-replica-0", "worker-replica-1", "worker-replica-2", "worker-replica-3"]
    cluster = configs["master-replica-0"]["cluster"]
    assert {role: len(members) for role, members in cluster.items()} == {"chief": 1, "worker": 4, "ps": 3}
    assert all(config["cluster"] == cluster for config in configs.values())
    assert configs["worker-replica-2"]["task"]["type"] == "worker"
    assert configs["worker-replica-2"]["task"]["index"] == 2
    assert configs["master-replica-0"]["environment"] == "cloud"
    sums = [m for e in entries if re.search(r"all-?reduce", m := e.get("jsonPayload", {}).get("message", ""), re.I)]
    assert sums, "no replica logged the all-reduce's result"
    described = run("hodei ml-engine jobs describe allreduce --format json", env).stdout
    assert "trainingOutput" in json.loads(described)
