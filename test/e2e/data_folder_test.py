"""hodei storage fsck, backup and restore on the data folder of a server that goes on."""
import os
import pathlib
import threading

from conftest import Server, run, stop_with_jobs


def test_fsck_backup_and_restore_beside_a_running_server(server, tmp_path):
    env = server.environment()
    data = server.data
    run("hodei storage buckets create gs://kept", env)
    (tmp_path / "large").write_bytes(os.urandom(2**20))
    (tmp_path / "small").write_text("small\n")
    run("hodei storage cp large small gs://kept/", env, cwd=tmp_path)
    checked = run(f"hodei storage fsck --data {data}", env)
    assert checked.stdout.startswith("ok: 2 objects") and "0 problems" in checked.stdout, checked.stdout

    ended = threading.Event()

    def write():
        while not ended.is_set():
            run("hodei storage cp small gs://kept/busy", env, cwd=tmp_path)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert run(f"hodei backup backup --data {data}", env, cwd=tmp_path).stdout.startswith("ok: ")
    finally:
        ended.set()
        writer.join()
    again = run(f"hodei backup backup --data {data}", env, cwd=tmp_path, check=False)
    assert again.returncode == 1 and "there already" in again.stderr
    run("hodei storage rm gs://kept/large", env)

    assert run(f"hodei restore backup --data {tmp_path}/restored", env, cwd=tmp_path).stdout.startswith("ok: ")
    restored = Server(tmp_path / "restored").start()
    try:
        copied = run("hodei storage cp gs://kept/large back", restored.environment(), cwd=tmp_path)
        assert (tmp_path / "back").read_bytes() == (tmp_path / "large").read_bytes(), copied
    finally:
        stop_with_jobs(restored)
    (content,) = [p for p in pathlib.Path(tmp_path / "restored" / "objects" / "content").rglob("*") if p.is_file()]
    content.write_bytes(os.urandom(2**20))
    damaged = run(f"hodei storage fsck --data {tmp_path}/restored", env, check=False)
    assert damaged.returncode == 1 and "1 problems" in damaged.stdout and "checksum" in damaged.stderr, damaged


def test_mistakes_are_told(server, tmp_path):
    env = server.environment()
    no_data = run(f"hodei storage fsck --data {tmp_path}/nothing", env, check=False)
    assert no_data.returncode == 1 and "not a data folder" in no_data.stderr
    full = run(f"hodei restore {server.data} --data {server.data}", env, check=False)
    assert full.returncode == 1 and "not empty" in full.stderr
    assert run("hodei backup", env, check=False).returncode == 2
