"""The runtime's libraries for tests and benchmarks of prediction: a venv with the pins of data/runtimes.yaml."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAYERS = ("science", "xgboost", "tensorflow")


def requirements():
    """The pinned requirements of the layers that hold model libraries."""
    text = (ROOT / "data" / "runtimes.yaml").read_text()
    pins = []
    for layer in LAYERS:
        found = re.search(r"- name: %s\n.*?requirements: \[(.*?)\]" % layer, text, re.S)
        pins += [pin.strip() for pin in found.group(1).split(",")]
    return [pin for pin in pins if not pin.startswith(("gcsfs", "keras"))]


def python():
    """The interpreter of the environment, built on first use; None when its packages cannot be installed here."""
    given = os.environ.get("HODEI_ENGINES_PYTHON")
    if given:
        return given
    pins = requirements()
    stamp = hashlib.sha256("\n".join(pins).encode()).hexdigest()[:16]
    folder = ROOT / "build" / "engines-venv"
    if not (folder / stamp).exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True)
        install = subprocess.run([folder / "bin" / "pip", "install", "-q", *pins], capture_output=True, text=True)
        if install.returncode != 0:
            return None
        (folder / stamp).touch()
    return str(folder / "bin" / "python")
