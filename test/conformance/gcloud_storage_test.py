"""gcloud storage, as `hodei env` sets it up."""
import json
import os

import pytest

from conftest import has, run

pytestmark = pytest.mark.skipif(not has("gcloud"), reason="gcloud is not installed")


@pytest.fixture(scope="module")
def gcloud(server, tmp_path_factory):
    env = server.environment()
    folder = tmp_path_factory.mktemp("gcloud")

    def call(arguments, check=True):
        return run(f"gcloud storage {arguments}", env, cwd=folder, check=check, timeout=120)
    call("buckets create gs://gcloud-bucket --location=us-central1")
    call.folder = folder
    return call


def test_cp_ls_cat(gcloud):
    data = gcloud.folder / "data"
    (data / "sub").mkdir(parents=True)
    (data / "a.txt").write_text("one")
    (data / "sub" / "b c.txt").write_text("two")
    (data / "big").write_bytes(os.urandom(10 * 2**20))
    gcloud("cp -r data gs://gcloud-bucket/")
    listed = gcloud("ls -r gs://gcloud-bucket").stdout
    assert "gs://gcloud-bucket/data/sub/b c.txt" in listed
    assert gcloud("cat gs://gcloud-bucket/data/a.txt").stdout == "one"
    gcloud("cp gs://gcloud-bucket/data/big back")
    assert (gcloud.folder / "back").read_bytes() == (data / "big").read_bytes()


def test_objects(gcloud):
    (gcloud.folder / "o").write_text("object")
    gcloud("cp o gs://gcloud-bucket/o --custom-metadata=k=v --content-type=a/b")
    shown = json.loads(gcloud("objects describe gs://gcloud-bucket/o --format=json").stdout)
    assert shown["content_type"] == "a/b" and shown["size"] == 6
    gcloud("objects update gs://gcloud-bucket/o --clear-custom-metadata --temporary-hold")
    assert gcloud("rm gs://gcloud-bucket/o", check=False).returncode != 0
    gcloud("objects update gs://gcloud-bucket/o --no-temporary-hold")
    gcloud("mv gs://gcloud-bucket/o gs://gcloud-bucket/o2")
    gcloud("objects compose gs://gcloud-bucket/o2 gs://gcloud-bucket/o2 gs://gcloud-bucket/oo")
    assert gcloud("cat gs://gcloud-bucket/oo").stdout == "objectobject"


def test_buckets(gcloud):
    gcloud("buckets update gs://gcloud-bucket --versioning --update-labels=a=b")
    shown = json.loads(gcloud("buckets describe gs://gcloud-bucket --format=json").stdout)
    assert shown["versioning_enabled"] is True and shown["labels"] == {"a": "b"}
    gcloud("buckets add-iam-policy-binding gs://gcloud-bucket --member=allUsers --role=roles/storage.objectViewer")
    assert "allUsers" in gcloud("buckets get-iam-policy gs://gcloud-bucket").stdout


def test_rsync_and_removal(gcloud):
    folder = gcloud.folder / "rs"
    folder.mkdir()
    (folder / "x").write_text("x")
    gcloud("rsync -r rs gs://gcloud-bucket/rs")
    assert gcloud("ls gs://gcloud-bucket/rs/").stdout.split() == ["gs://gcloud-bucket/rs/x"]
    assert "gcloud-bucket" in gcloud("buckets list --format='value(name)'").stdout
    gcloud("rm -r gs://gcloud-bucket")
    assert "gcloud-bucket" not in gcloud("buckets list --format='value(name)'").stdout
