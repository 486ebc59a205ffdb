"""pandas, gcsfs and Google's client library with nothing but gs:// names and default credentials."""
import argparse
import json
import subprocess
import time

import gcsfs
import google.auth
import google.auth.transport.requests
import pandas
from google.cloud import storage

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
parser.add_argument("--train-file", required=True)
arguments = parser.parse_args()

before = time.monotonic()
credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
credentials.refresh(google.auth.transport.requests.Request())
default_seconds = time.monotonic() - before

frame = pandas.read_csv(arguments.train_file, header=None)
frame.describe().to_csv(arguments.job_dir + "/describe.csv")

files = gcsfs.GCSFileSystem()
with files.open(arguments.job_dir + "/lines.txt", "w") as file:
    file.write("one\ntwo\n")
with files.open(arguments.job_dir + "/lines.txt") as file:
    lines = file.read().decode().splitlines()

bucket_name, _, prefix = arguments.job_dir.removeprefix("gs://").partition("/")
client = storage.Client()
blob = client.bucket(bucket_name).blob(prefix + "/large.bin")
content = bytes(range(256)) * (36 << 10)  # over the size at which the library uploads in pieces
blob.upload_from_string(content)
names = sorted(one.name.rsplit("/", 1)[1] for one in client.list_blobs(bucket_name, prefix=prefix + "/"))

import shutil
import urllib.request
curl = None
if shutil.which("curl"):
    curl = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "https://us-central1-ml.googleapis.com/healthz"],
                          capture_output=True, text=True, env={"PATH": "/usr/bin"}).stdout
# Without a variable that names the bundle: what every other program of the system trusts.
plain = subprocess.run(["/usr/bin/python3", "-c", "import urllib.request as u; "
                        "print(u.urlopen('https://us-central1-ml.googleapis.com/healthz').status)"],
                       capture_output=True, text=True, env={"PATH": "/usr/bin"})

client.bucket(bucket_name).blob(prefix + "/result.json").upload_from_string(json.dumps({
    "default_seconds": default_seconds, "project": project, "client_project": client.project,
    "account": credentials.service_account_email, "rows": len(frame), "lines": lines,
    "large": blob.download_as_bytes() == content, "names": names, "curl": curl, "plain": plain.stdout.strip() or plain.stderr[-300:]}))
