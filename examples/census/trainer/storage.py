"""Files that are either local or in a bucket, by name: gs://bucket/path or a path."""
import os
import shutil

from google.cloud import storage


def _blob(uri):
    bucket, _, name = uri[len("gs://"):].partition("/")
    return storage.Client().bucket(bucket).blob(name)


def copy_in(source, path):
    """Copies the file `source`, local or gs://, to the local `path`."""
    if source.startswith("gs://"):
        _blob(source).download_to_filename(path)
    else:
        shutil.copyfile(source, path)


def copy_out(path, target):
    """Copies the local file `path` to `target`, local or gs://."""
    if target.startswith("gs://"):
        _blob(target).upload_from_filename(path)
    else:
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
        shutil.copyfile(path, target)
