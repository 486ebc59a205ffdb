"""Copies with Google's own command line tools, as they are installed on the host, without any setting."""
import argparse
import json
import os
import shutil
import subprocess

from google.cloud import storage

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
parser.add_argument("--train-file", required=True)
arguments = parser.parse_args()


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=600)
    if done.returncode != 0:
        return "%s: exit %d: %s" % (" ".join(command), done.returncode, (done.stdout + done.stderr)[-2000:])
    return done.stdout


os.makedirs("tree/sub", exist_ok=True)
for name, size in (("tree/one.txt", 3), ("tree/sub/two.bin", 9 * 2 ** 20)):
    with open(name, "wb") as file:
        file.write(os.urandom(size))
result = {}
for tool, base in (("gsutil", ["gsutil"]), ("gcloud", ["gcloud", "storage"])):
    if shutil.which(base[0]) is None:
        continue
    there = "%s/%s" % (arguments.job_dir, tool)
    out = [run(*base, "cp", arguments.train_file, "down.csv"),
           run(*base, "cp", "-r", "tree", there),
           run(*base, "cp", there + "/sub/two.bin", "back.bin")]
    with open("tree/sub/two.bin", "rb") as first, open("back.bin", "rb") as second:
        same = first.read() == second.read()
    with open("down.csv") as file:
        rows = len(file.readlines())
    os.remove("down.csv"), os.remove("back.bin")
    result[tool] = {"said": [text for text in out if ": exit " in text], "rows": rows, "same": same,
                    "listed": run(*base, "ls", "-r", there).split(),
                    "cat": len(run(*base, "cat", arguments.train_file).splitlines())}
name, _, prefix = arguments.job_dir[len("gs://"):].partition("/")
storage.Client().bucket(name).blob(prefix + "/result.json").upload_from_string(json.dumps(result))
