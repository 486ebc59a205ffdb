"""rclone's Google Cloud Storage backend."""
import json
import os

import pytest

from conftest import has, run

pytestmark = pytest.mark.skipif(not has("rclone"), reason="rclone is not installed")


@pytest.fixture(scope="module")
def rclone(emulator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rclone")
    config = folder / "rclone.conf"
    # With an endpoint of one's own this release of rclone speaks anonymously only.
    config.write_text(f"[g]\ntype = google cloud storage\nendpoint = {emulator.url}/storage/v1/\nanonymous = true\n"
                      "project_number = 1\nbucket_policy_only = true\n")
    env = {**os.environ, "RCLONE_CONFIG": str(config), "RCLONE_RETRIES": "1", "RCLONE_LOW_LEVEL_RETRIES": "2"}

    def call(arguments, check=True):
        return run(f"rclone {arguments}", env, cwd=folder, check=check, timeout=60)
    call("mkdir g:rclone-bucket")
    call.folder = folder
    return call


def test_copy_and_check(rclone):
    source = rclone.folder / "source"
    (source / "sub").mkdir(parents=True)
    for i in range(20):
        (source / f"f{i}").write_text(str(i))
    (source / "sub" / "a b+%\u00fc").write_bytes(os.urandom(100_000))
    (source / "empty").touch()
    rclone("copy source g:rclone-bucket/tree")
    rclone("check source g:rclone-bucket/tree")
    rclone("copy g:rclone-bucket/tree back")
    assert sorted(p.name for p in (rclone.folder / "back").rglob("*")) == sorted(p.name for p in source.rglob("*"))
    again = rclone("copy -v source g:rclone-bucket/tree")
    assert "Copied" not in again.stderr


def test_large_file_in_chunks(rclone):
    (rclone.folder / "large").write_bytes(os.urandom(20 * 2**20))
    rclone("copyto large g:rclone-bucket/large")
    rclone("copyto g:rclone-bucket/large large2")
    assert (rclone.folder / "large").read_bytes() == (rclone.folder / "large2").read_bytes()


def test_ls(rclone):
    (rclone.folder / "one").write_text("12345")
    rclone("copyto one g:rclone-bucket/ls/one")
    listed = json.loads(rclone("lsjson g:rclone-bucket/ls").stdout)
    assert listed[0]["Name"] == "one" and listed[0]["Size"] == 5
    assert "rclone-bucket" in rclone("lsd g:").stdout
    assert rclone("cat g:rclone-bucket/ls/one --offset 1 --count 3").stdout == "234"
    assert "827ccb0eea8a706c4c34a16891f84e7b" in rclone("md5sum g:rclone-bucket/ls").stdout


def test_server_side(rclone):
    (rclone.folder / "one").write_text("move me")
    rclone("copyto one g:rclone-bucket/a")
    rclone("moveto g:rclone-bucket/a g:rclone-bucket/b")
    assert rclone("cat g:rclone-bucket/b").stdout == "move me"
    assert "a" not in rclone("lsf g:rclone-bucket --files-only").stdout.split()
    rclone("copyto g:rclone-bucket/b g:rclone-bucket/c")
    assert rclone("cat g:rclone-bucket/c").stdout == "move me"


def test_stream_sync_purge(rclone):
    rclone("rcat g:rclone-bucket/streamed <<< streamed")
    assert rclone("cat g:rclone-bucket/streamed").stdout == "streamed\n"
    (rclone.folder / "sync").mkdir()
    (rclone.folder / "sync" / "x").write_text("x")
    rclone("sync sync g:rclone-bucket/sync")
    (rclone.folder / "sync" / "x").unlink()
    rclone("sync sync g:rclone-bucket/sync")
    assert rclone("lsf g:rclone-bucket/sync", check=False).stdout == ""
    rclone("purge g:rclone-bucket")
    assert "rclone-bucket" not in rclone("lsd g:").stdout
