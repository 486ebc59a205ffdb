"""Walkthrough 002's storage commands as printed, with Google's gsutil where it is installed and with hodei in both of
its dialects, and what `hodei env` sets for the other clients."""
import os
import signal
import subprocess
import time

import pytest

from conftest import BIN, has, run

CSV = "39,State-gov,77516,Bachelors\n" * 2000


@pytest.fixture(scope="module")
def env(server):
    return server.environment()


@pytest.fixture
def census(tmp_path):
    """cloudml-samples' layout: census/estimator/data and census/test.json."""
    data = tmp_path / "census" / "estimator" / "data"
    data.mkdir(parents=True)
    (data / "adult.data.csv").write_text(CSV)
    (data / "adult.test.csv").write_text(CSV[:300])
    (tmp_path / "census" / "test.json").write_text('{"age": 25, "workclass": " Private"}\n')
    return data.parent


def walk(tool, env, census, bucket):
    env = {**env, "BUCKET_NAME": bucket}
    run(f"{tool} cp -r data gs://$BUCKET_NAME/data", env, cwd=census)
    run(f"{tool} cp ../test.json gs://$BUCKET_NAME/data/test.json", env, cwd=census)
    listed = run(f"{tool} ls -r gs://$BUCKET_NAME/data", env).stdout
    assert listed.split() == [f"gs://{bucket}/data/:", f"gs://{bucket}/data/adult.data.csv",
                              f"gs://{bucket}/data/adult.test.csv", f"gs://{bucket}/data/test.json"]
    shown = run(f"{tool} cat gs://$BUCKET_NAME/data/test.json", env).stdout
    assert shown == '{"age": 25, "workclass": " Private"}\n'
    # A second copy of the folder goes into the one that exists now.
    run(f"{tool} cp -r data gs://$BUCKET_NAME/data", env, cwd=census)
    assert f"gs://{bucket}/data/data/adult.data.csv" in run(f"{tool} ls -r gs://$BUCKET_NAME/data", env).stdout
    run(f"{tool} cp -r gs://$BUCKET_NAME/data/data back", env, cwd=census)


@pytest.mark.parametrize("tool", ["gsutil", "gcloud storage", "hodei gsutil", "hodei storage"])
def test_commands_as_printed(env, census, tool):
    if not has(tool.split()[0]) and not tool.startswith("hodei"):
        pytest.skip(f"{tool} is not installed")
    bucket = "walk-" + tool.replace(" ", "-")
    run(f"hodei storage buckets create gs://{bucket}", env)
    (census / "back").mkdir()
    walk(tool, env, census, bucket)
    assert (census / "back" / "data" / "adult.data.csv").read_text() == CSV


def listing(tool, words, env):
    done = run(f"{tool} {words}", env, check=False)
    return done.stdout, done.returncode


# Google's tools take seconds to start: a few commands with the most columns; src/cli has goldens of the others.
@pytest.mark.parametrize("ours,theirs,words", [
    ("hodei storage", "gcloud storage", ["ls -r gs://same", "ls -a -l gs://same", "ls 'gs://same/d/*'",
                                         "ls -L gs://same/top.txt", "du gs://same", "objects describe gs://same/top.txt",
                                         "buckets describe gs://same", "cat -d gs://same/none"]),
    ("hodei gsutil", "gsutil", ["ls -r gs://same", "ls -lah gs://same", "ls -L -b gs://same", "du -ch gs://same",
                                "stat gs://same/top.txt", "stat gs://same/none", "cat -h gs://same/top.txt",
                                "versioning get gs://same"]),
])
def test_prints_what_googles_tool_prints(env, tmp_path, ours, theirs, words):
    if not has(theirs.split()[0]):
        pytest.skip(f"{theirs} is not installed")
    if run("hodei storage ls gs://same", env, check=False).returncode != 0:
        (tmp_path / "d" / "e").mkdir(parents=True)
        (tmp_path / "top.txt").write_text("top\n")
        (tmp_path / "d" / "x.csv").write_text("x\n" * 700)
        (tmp_path / "d" / "e" / "y.txt").write_text("y\n")
        run("hodei storage buckets create gs://same && hodei storage cp -r top.txt d gs://same", env, cwd=tmp_path)
    for line in words:
        assert listing(ours, line, env) == listing(theirs, line, env), line


def test_an_interrupted_upload_goes_on_where_it_stopped(env, tmp_path):
    env = {**env, "HODEI_CONFIG": str(tmp_path / "config")}
    big = tmp_path / "big.bin"
    size = 192 << 20
    with open(big, "wb") as file:
        for block in range(size >> 20):
            file.write(bytes([block % 251]) * (1 << 20))
    run("hodei storage buckets create gs://resumed", env)
    copy = subprocess.Popen([BIN / "hodei", "storage", "cp", big, "gs://resumed/big.bin"], env=env,
                            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    transfers = tmp_path / "config" / "transfers"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(f.stat().st_size for f in transfers.glob("*")):
        time.sleep(0.01)  # waiting for another process: there is nothing to wait on
    copy.send_signal(signal.SIGKILL)
    copy.communicate()
    if any(f.stat().st_size for f in transfers.glob("*")):  # it was not faster than we are
        done = run(f"hodei storage cp {big} gs://resumed/big.bin", env)
        assert "Copying" in done.stderr
    assert list(transfers.glob("*")) == []
    run(f"hodei storage cp gs://resumed/big.bin {tmp_path}/back.bin", env)
    assert (tmp_path / "back.bin").read_bytes() == big.read_bytes()
    assert [p.name for p in tmp_path.glob("*.hodei-part*")] == []


def test_pipes_and_rsync(env, tmp_path):
    run("hodei storage buckets create gs://pipes", env)
    run("seq 3000000 | hodei storage cp - gs://pipes/numbers", env)
    assert run("hodei storage cp gs://pipes/numbers - | md5sum", env).stdout == run("seq 3000000 | md5sum", env).stdout
    assert run("hodei storage cat -r 0-3 gs://pipes/numbers", env).stdout == "1\n2\n"
    folder = tmp_path / "tree"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("a")
    (folder / "sub" / "b").write_text("b")
    run("hodei storage rsync -r tree gs://pipes/tree", env, cwd=tmp_path)
    assert run("hodei storage rsync -r tree gs://pipes/tree", env, cwd=tmp_path).stderr == ""
    (folder / "a").write_text("changed")
    (folder / "sub" / "b").unlink()
    dry = run("hodei storage rsync -r -d --dry-run tree gs://pipes/tree", env, cwd=tmp_path).stderr
    assert dry == "Would copy file://tree/a to gs://pipes/tree/a\nWould remove gs://pipes/tree/sub/b\n"
    run("hodei gsutil rsync -r -d tree gs://pipes/tree", env, cwd=tmp_path)
    run("hodei gsutil rsync -r gs://pipes/tree back", env, cwd=tmp_path)
    assert sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "back").rglob("*") if p.is_file()) == ["back/a"]
    assert os.stat(tmp_path / "back" / "a").st_mtime == int(os.stat(folder / "a").st_mtime)


def test_env_points_rclone_here(env, tmp_path):
    if not has("rclone"):
        pytest.skip("rclone is not installed")
    (tmp_path / "one.txt").write_text("one\n")
    run("hodei storage buckets create gs://for-rclone", env)
    rclone = {**env, "RCLONE_CONFIG": str(tmp_path / "rclone.conf")}
    run("rclone copy one.txt hodei:for-rclone/d", rclone, cwd=tmp_path)
    assert run("hodei storage cat gs://for-rclone/d/one.txt", env).stdout == "one\n"
