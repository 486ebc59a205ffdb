#!/usr/bin/env python3
"""`hodei storage cp -r` of many small files beside `gsutil -m cp -r` and rclone, and 1 GiB up and down beside cp."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from conftest import BIN, Server  # noqa: E402

FILES = int(os.environ.get("HODEI_BENCH_FILES", "10000"))
GSUTIL_FILES = int(os.environ.get("HODEI_BENCH_GSUTIL_FILES", "1000"))
LARGE_BYTES = int(os.environ.get("HODEI_BENCH_LARGE_MIB", "1024")) << 20
FILE_BYTES = 4096


def timed(command, env, **kwargs):
    """Wall seconds and CPU seconds of the client alone."""
    before = os.times()
    start = time.monotonic()
    done = subprocess.run(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **kwargs)
    wall = time.monotonic() - start
    after = os.times()
    if done.returncode != 0:
        raise RuntimeError(f"{command}: exit {done.returncode}: {done.stderr[-400:]}")
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def row(name, value, unit, rest=""):
    print(f"bench {name} {value:.2f} {unit} {rest}".rstrip(), flush=True)


def small_files(env, folder):
    tree = folder / "small"
    for index in range(FILES):
        path = tree / f"d{index % 100:02}" / f"f{index:05}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(16) * (FILE_BYTES // 16))
    for tool in ("hodei", "gsutil", "rclone"):
        subprocess.run([BIN / "hodei", "storage", "buckets", "create", f"gs://bench-{tool}"], env=env, check=True,
                       stderr=subprocess.DEVNULL)
    up, up_cpu = timed([BIN / "hodei", "storage", "cp", "-r", tree, "gs://bench-hodei/up"], env)
    down, _ = timed([BIN / "hodei", "storage", "cp", "-r", "gs://bench-hodei/up", folder / "down"], env)
    compare = subprocess.run(["diff", "-r", tree, folder / "down"])
    if compare.returncode != 0:
        raise RuntimeError("what came back is not what went up")
    # gsutil needs minutes for all of them: it gets some of the folders, and the rates are compared.
    some = folder / "some"
    some.mkdir()
    for path in sorted(tree.iterdir())[:max(1, 100 * GSUTIL_FILES // FILES)]:
        shutil.copytree(path, some / path.name)
    for tool, source, command in (
            ("gsutil", some, ["gsutil", "-m", "-q", "cp", "-r", some, "gs://bench-gsutil/up"]),
            ("rclone", tree, ["rclone", "copy", "--transfers", "8", "--checkers", "8", tree, "hodei:bench-rclone/up"])):
        if shutil.which(tool) is None:
            row(f"storage_cp_{FILES}_files_vs_{tool}", FILES / up, "files/s", f"skip={tool} is not installed")
            continue
        count = sum(1 for path in source.rglob("*") if path.is_file())
        peer, peer_cpu = timed(command, {**env, "RCLONE_CONFIG": str(folder / "rclone.conf")})
        row(f"storage_cp_{FILES}_files_vs_{tool}", FILES / up, "files/s",
            f"peer={tool}:{count / peer:.2f} min_ratio=1 note=upload of {FILE_BYTES} bytes each; {tool}: {count} files")
        row(f"storage_cp_client_cpu_vs_{tool}", up_cpu / FILES * 1e6, "us/file",
            f"peer={tool}:{peer_cpu / count * 1e6:.2f} max_ratio=1")
    row(f"storage_cp_{FILES}_files_down_rate", FILES / down, "files/s", "note=download")


def large_file(env, folder):
    big = folder / "big"
    block = os.urandom(1 << 20)
    with open(big, "wb") as file:
        for _ in range(LARGE_BYTES >> 20):
            file.write(block)
    mib = LARGE_BYTES / (1 << 20)
    copy, _ = timed(["dd", f"if={big}", f"of={folder}/copy", "bs=1M", "conv=fdatasync"], env)
    os.unlink(folder / "copy")
    up, up_cpu = timed([BIN / "hodei", "storage", "cp", big, "gs://bench-hodei/big"], env)
    down, down_cpu = timed([BIN / "hodei", "storage", "cp", "gs://bench-hodei/big", folder / "back"], env)
    if subprocess.run(["cmp", big, folder / "back"]).returncode != 0:
        raise RuntimeError("what came back is not what went up")
    row("storage_cp_large_up", mib / up, "MiB/s", f"peer=dd_fdatasync:{mib / copy:.2f} note={mib:.0f} MiB, "
        f"{up_cpu:.2f} s CPU of the client")
    row("storage_cp_large_down", mib / down, "MiB/s", f"peer=dd_fdatasync:{mib / copy:.2f} note={mib:.0f} MiB, "
        f"{down_cpu:.2f} s CPU of the client")


def main():
    with tempfile.TemporaryDirectory(prefix="hodei-bench-") as name:
        folder = pathlib.Path(name)
        server = Server(folder / "data").start()
        try:
            env = server.environment()
            small_files(env, folder)
            large_file(env, folder)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
