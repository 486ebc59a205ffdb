"""What an idle server costs: resident memory, and the time from exec to the first answer."""
import http.client
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from conftest import BIN  # noqa: E402


def start_to_first_answer(folder, flags):
    start = time.monotonic()
    process = subprocess.Popen([BIN / "hodeid", *folder, "--listen", "127.0.0.1:0", *flags], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        if line.startswith("listening on http://"):
            url = urllib.parse.urlsplit(line.split()[2])
            connection = http.client.HTTPConnection(url.hostname, url.port)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            return process, (time.monotonic() - start) * 1000
    raise RuntimeError("hodeid did not start")


def resident_mib(pid):
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def main():
    times, memory = [], []
    with tempfile.TemporaryDirectory(prefix="hodei-idle-") as folder:
        for _ in range(6):
            process, milliseconds = start_to_first_answer(["--data", f"{folder}/data"], ["--listen-tls", "127.0.0.1:0"])
            time.sleep(1)  # idle is what is measured
            times.append(milliseconds)
            memory.append(resident_mib(process.pid))
            process.terminate()
            process.wait()
    print(f"bench first_start {times[0]:.0f} ms note=a new data folder: keys and certificates are made")
    for milliseconds, mebibytes in zip(times[1:], memory[1:]):
        print(f"bench start_to_first_answer {milliseconds:.0f} ms max=100")
        print(f"bench idle_rss {mebibytes:.1f} MiB max=25")
    for _ in range(5):
        process, milliseconds = start_to_first_answer([], ["--ephemeral"])
        print(f"bench ephemeral_first_answer {milliseconds:.0f} ms max=100")
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
