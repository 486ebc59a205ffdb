"""Downloads from a public bucket over https without a credential, and tries to write there."""
import argparse
import json
import urllib.error
import urllib.request

import requests
from google.cloud import storage

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
parser.add_argument("--url", required=True)
arguments = parser.parse_args()


def status(method, url, **options):
    return requests.request(method, url, timeout=30, **options).status_code


bucket = arguments.url.split("/")[3]
other = arguments.url.rsplit("/", 1)[0]
with urllib.request.urlopen(arguments.url) as answer:
    text = answer.read().decode()
result = {
    "text": text,
    "requests": requests.get(arguments.url, timeout=30).text,
    "plain_http": requests.get(arguments.url.replace("https:", "http:"), timeout=30).text,
    "range": requests.get(arguments.url, headers={"Range": "bytes=0-3"}, timeout=30).text,
    "anonymous_client": storage.Client.create_anonymous_client().bucket(bucket).blob("public.csv").download_as_text(),
    "put": status("PUT", other + "/written.txt", data="x"),
    "delete": status("DELETE", arguments.url),
    "upload": status("POST", "https://www.googleapis.com/upload/storage/v1/b/%s/o?uploadType=media&name=w" % bucket, data="x"),
    "private": status("GET", "https://storage.googleapis.com/%s/data.csv" % arguments.job_dir.split("/")[2]),
    "virtual_host": status("GET", "https://%s.storage.googleapis.com/public.csv" % bucket),
}
name, _, prefix = arguments.job_dir.removeprefix("gs://").partition("/")
storage.Client().bucket(name).blob(prefix + "/result.json").upload_from_string(json.dumps(result))
