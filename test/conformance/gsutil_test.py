"""gsutil, over TLS with this installation's authority, as `hodei env` sets it up."""
import os

import pytest

from conftest import has, run

pytestmark = pytest.mark.skipif(not has("gsutil"), reason="gsutil is not installed")


@pytest.fixture(scope="module")
def gsutil(server, tmp_path_factory):
    env = server.environment()
    folder = tmp_path_factory.mktemp("gsutil")

    def call(arguments, check=True):
        return run(f"gsutil {arguments}", env, cwd=folder, check=check, timeout=120)
    call("mb -l us-central1 gs://gsutil-bucket")
    call.folder = folder
    return call


def test_cp_ls_cat_rm(gsutil):
    """One call each of what the walkthrough uses: gsutil starts slowly."""
    data = gsutil.folder / "data"
    (data / "sub").mkdir(parents=True)
    (data / "a.csv").write_text("1,2\n")
    (data / "sub" / "b c.csv").write_text("3,4\n")
    (data / "big").write_bytes(os.urandom(9 * 2**20))
    gsutil("-m cp -r data gs://gsutil-bucket/data")
    listed = gsutil("ls -r gs://gsutil-bucket/data").stdout
    assert "gs://gsutil-bucket/data/a.csv" in listed and "gs://gsutil-bucket/data/sub/b c.csv" in listed
    assert gsutil("cat gs://gsutil-bucket/data/a.csv").stdout == "1,2\n"
    gsutil("cp gs://gsutil-bucket/data/big back")
    assert (gsutil.folder / "back").read_bytes() == (data / "big").read_bytes()


def test_stat_and_metadata(gsutil):
    (gsutil.folder / "m").write_text("meta")
    gsutil("-h 'x-goog-meta-k:v' -h 'Content-Type:a/b' cp m gs://gsutil-bucket/m")
    shown = gsutil("stat gs://gsutil-bucket/m").stdout
    assert "a/b" in shown and "v" in shown and "Hash (md5)" in shown
    assert "No URLs matched" in gsutil("stat gs://gsutil-bucket/none", check=False).stderr


def test_copies_and_rsync(gsutil):
    folder = gsutil.folder / "rs"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}").write_text(str(i))
    gsutil("rsync -r rs gs://gsutil-bucket/rs")
    (folder / "1").unlink()
    gsutil("rsync -d -r rs gs://gsutil-bucket/rs")
    assert gsutil("ls gs://gsutil-bucket/rs/").stdout.split() == ["gs://gsutil-bucket/rs/0", "gs://gsutil-bucket/rs/2"]
    gsutil("mv gs://gsutil-bucket/rs/0 gs://gsutil-bucket/moved")
    assert gsutil("cat gs://gsutil-bucket/moved").stdout == "0"
    gsutil("compose gs://gsutil-bucket/moved gs://gsutil-bucket/rs/2 gs://gsutil-bucket/composed")
    assert gsutil("cat gs://gsutil-bucket/composed").stdout == "02"


def test_bucket_settings(gsutil):
    gsutil("versioning set on gs://gsutil-bucket")
    assert "Enabled" in gsutil("versioning get gs://gsutil-bucket").stdout
    (gsutil.folder / "lifecycle.json").write_text('{"rule":[{"action":{"type":"Delete"},"condition":{"age":30}}]}')
    gsutil("lifecycle set lifecycle.json gs://gsutil-bucket")
    assert '"age": 30' in gsutil("lifecycle get gs://gsutil-bucket").stdout


def test_iam_and_removal(gsutil):
    gsutil("iam ch allUsers:objectViewer gs://gsutil-bucket")
    assert "allUsers" in gsutil("iam get gs://gsutil-bucket").stdout
    gsutil("-m rm -r gs://gsutil-bucket")
    assert "gsutil-bucket" not in gsutil("ls").stdout


def test_parallel_composite_upload(gsutil):
    gsutil("mb gs://gsutil-composite")
    data = os.urandom(6 * 2**20)
    (gsutil.folder / "c").write_bytes(data)
    gsutil("-o GSUtil:parallel_composite_upload_threshold=1M -o GSUtil:parallel_composite_upload_component_size=2M "
           "cp c gs://gsutil-composite/c")
    gsutil("cp gs://gsutil-composite/c c2")
    assert (gsutil.folder / "c2").read_bytes() == data
    assert gsutil("ls -r gs://gsutil-composite").stdout.split() == ["gs://gsutil-composite/c"]
