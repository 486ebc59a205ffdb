"""Takes what it can: T18 (the metadata service), T19 (the server's other routes, the host), T22 (keys)."""
import argparse
import json
import os
import socket
import ssl

import requests
from google.cloud import storage

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
parser.add_argument("--other-bucket", required=True)
parser.add_argument("--server-port", type=int, required=True)
arguments = parser.parse_args()

METADATA = "http://metadata.google.internal/computeMetadata/v1"
TOKEN = METADATA + "/instance/service-accounts/default/token"
FLAVOR = {"Metadata-Flavor": "Google"}
token = requests.get(TOKEN, headers=FLAVOR, timeout=30).json()["access_token"]
bearer = {"Authorization": "Bearer " + token}


def status(method, url, headers=bearer, **options):
    return requests.request(method, url, headers=headers, timeout=30, **options).status_code


def reaches(address, port):
    try:
        socket.create_connection((address, port), timeout=1).close()
        return True
    except OSError:
        return False


def handshake(name):
    try:
        with socket.create_connection(("169.254.169.254", 443), timeout=10) as plain:
            ssl.create_default_context().wrap_socket(plain, server_hostname=name).close()
        return True
    except (ssl.SSLError, OSError):
        return False


def private_keys():
    found = []
    for root in ("/opt/hodei", "/run/hodei", "/etc", "/work", "/tmp"):
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                if name.endswith(".py") or not os.path.isfile(path) or "/site-packages/" in path:
                    continue
                with open(path, "rb") as file:
                    if b"PRIVATE KEY-----" in file.read(1 << 20):
                        found.append(path)
    return found


api = "https://ml.googleapis.com/v1/projects/"
result = {
    "no_header": status("GET", TOKEN, headers={}),
    "forwarded": status("GET", TOKEN, headers={**FLAVOR, "X-Forwarded-For": "1.2.3.4"}),
    "by_other_host": status("GET", TOKEN.replace("metadata.google.internal", "storage.googleapis.com"), headers=FLAVOR),
    "by_api_port": status("GET", TOKEN.replace("metadata.google.internal", "127.0.0.1:8380"), headers=FLAVOR),
    "other_bucket": status("GET", "https://storage.googleapis.com/storage/v1/b/%s/o" % arguments.other_bucket),
    "other_object": status("GET", "https://storage.googleapis.com/%s/secret.txt" % arguments.other_bucket),
    "other_project": status("GET", api + "other-project/jobs"),
    "submit": status("POST", api + "hodei-local/jobs", json={"jobId": "evil"}),
    "keys": status("POST", "https://iam.googleapis.com/v1/projects/hodei-local/serviceAccounts/"
                           "hodei-owner@hodei-local.iam.gserviceaccount.com/keys", json={}),
    "policy": status("POST", "https://cloudresourcemanager.googleapis.com/v1/projects/hodei-local:setIamPolicy",
                     json={"policy": {"bindings": []}}),
    "own_jobs": status("GET", api + "hodei-local/jobs"),
    "garbage_token": status("GET", api + "hodei-local/jobs", headers={"Authorization": "Bearer hodei_jt_1.x"}),
    "no_token": status("GET", api + "hodei-local/jobs", headers={}),
    "foreign_name": handshake("www.example.org"),
    "own_name": handshake("storage.googleapis.com"),
    "server_port": reaches("127.0.0.1", arguments.server_port),
    "metadata_ssh": reaches("169.254.169.254", 22),
    "sockets": sorted(os.listdir("/run/hodei")),
    "private_keys": private_keys(),
    "token": token,
}
name, _, prefix = arguments.job_dir.removeprefix("gs://").partition("/")
storage.Client().bucket(name).blob(prefix + "/result.json").upload_from_string(json.dumps(result))
