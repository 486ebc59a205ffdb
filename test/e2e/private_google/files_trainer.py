"""Buckets as files: what an ordinary program does below /gcs."""
import argparse
import json
import os
import shutil
import subprocess

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
parser.add_argument("--train-file", required=True)
parser.add_argument("--other-bucket", required=True)
arguments = parser.parse_args()

root = arguments.job_dir.replace("gs://", "/gcs/")
result = {"mounted": os.path.ismount("/gcs")}


def error_of(function, *args):
    try:
        function(*args)
        return 0
    except OSError as error:
        return error.errno


if result["mounted"]:
    with open(arguments.train_file.replace("gs://", "/gcs/")) as file:
        result["rows"] = len(file.readlines())
    os.makedirs(root + "/a/b")
    with open(root + "/a/b/text.txt", "w") as file:
        file.write("first\n")
        file.write("second\n")
    with open(root + "/a/b/text.txt", "a") as file:
        file.write("third\n")
    with open(root + "/a/b/text.txt") as file:
        result["lines"] = file.read().split()
    content = bytes(range(256)) * (20 << 10)  # more than one piece
    with open(root + "/large.bin", "wb") as file:
        file.write(content)
    with open(root + "/large.bin", "rb") as file:
        file.seek(1 << 20)
        result["large"] = file.read() == content[1 << 20:] and os.path.getsize(root + "/large.bin") == len(content)
    subprocess.run("(echo one; echo two) > shell.txt && cp shell.txt copy.txt && mv copy.txt a/moved.txt && mv a c",
                   shell=True, check=True, cwd=root)
    result["shell"] = open(root + "/shell.txt").read().split()
    result["tree"] = sorted(os.path.relpath(os.path.join(folder, name), root)
                            for folder, _, names in os.walk(root) for name in names)
    with open(root + "/middle.txt", "w") as file:
        file.write("abc")
    result["middle"] = error_of(lambda: os.pwrite(os.open(root + "/middle.txt", os.O_WRONLY), b"x", 1))
    result["absent"] = error_of(open, root + "/none")
    result["other_bucket"] = error_of(os.listdir, "/gcs/" + arguments.other_bucket)
    result["buckets"] = sorted(os.listdir("/gcs"))
    result["link"] = error_of(os.symlink, "x", root + "/link")
    shutil.rmtree(root + "/c")
    result["removed"] = not os.path.exists(root + "/c")
    with open(root + "/result.json", "w") as file:
        json.dump(result, file)
