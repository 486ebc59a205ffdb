"""Builds one layer of a Python environment inside the sandbox.

    python3 -I hodei_build.py SPEC REPORT

SPEC is JSON:
  prefix        where the layer is made: a venv, mounted writable and empty
  parents       prefixes of the layers below it, most specific first
  requirements  pip requirements, and `constraints` that pin what they pull in
  packages      the job's own packages: [{"path", "name", "uri"}]
  provides      {"tensorflow": "tensorflow-cpu"}: names that another distribution stands in for
  bundled       true: only from the wheels that come with the interpreter
  wheel_dir     offline wheel folder, or ""
  network       whether the sandbox reaches the package index
  pip_configs   copies of the machine's pip.conf files, least specific first
  paths         {path on the machine: path in here} for files that those name
Output is pip's own. When the build fails, REPORT gets the sentence for the user and pip's last
lines.
"""
import configparser
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

TAIL_LINES = 30
TAIL_BYTES = 8000
WORK = os.environ.get("HOME", "/work")  # the private scratch
# Options that would make pip install elsewhere, or not at all.
IGNORED_OPTIONS = ("target", "prefix", "root", "user", "require-virtualenv", "cache-dir", "log",
                   "src", "report", "dry-run", "no-deps", "python", "no-build-isolation", "editable",
                   "requirement", "break-system-packages", "log-file", "download-cache")


class BuildFailed(Exception):
    """Text for the owner of the package."""


def site_packages(prefix):
    return os.path.join(prefix, "lib", "python%d.%d" % sys.version_info[:2], "site-packages")


def make_venv(spec):
    """A venv whose packages are found before those of the layers below it."""
    command = [sys.executable, "-I", "-m", "venv", "--without-pip", "--symlinks", spec["prefix"]]
    run(command, quiet=True)
    if spec["parents"]:
        with open(os.path.join(site_packages(spec["prefix"]), "hodei_layers.pth"), "w") as lines:
            for parent in spec["parents"]:
                # addsitedir, not a bare path: .pth files of the layer below count as well.
                lines.write("import site; site.addsitedir(%r)\n" % site_packages(parent))


def bundled_wheels():
    """Folder with the pip and setuptools wheels that the interpreter's ensurepip would install."""
    folders = ["/usr/share/python-wheels",
               os.path.join(sysconfig.get_paths()["stdlib"], "ensurepip", "_bundled")]
    for folder in folders:
        if glob.glob(os.path.join(folder, "pip-*.whl")):
            return folder
    raise BuildFailed("This machine's Python has no pip: install the package python3-venv.")


def pip_command(spec):
    python = os.path.join(spec["prefix"], "bin", "python")
    for parent in spec["parents"]:
        if os.path.isdir(os.path.join(site_packages(parent), "pip")):
            return [python, "-m", "pip"]
    wheel = sorted(glob.glob(os.path.join(bundled_wheels(), "pip-*.whl")))[-1]
    return [python, os.path.join(wheel, "pip")]


def write_pip_config(spec):
    """The machine's pip.conf files as one, with paths as they are in here."""
    merged = configparser.RawConfigParser()
    for path in spec["pip_configs"]:
        try:
            merged.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeError) as error:
            raise BuildFailed("The machine's pip.conf cannot be read: %s" % error)
    for section in merged.sections():
        for option in merged.options(section):
            name = option.lower().replace("_", "-")
            if name in IGNORED_OPTIONS:
                merged.remove_option(section, option)
                continue
            words = re.split(r"(\s+)", merged.get(section, option))
            merged.set(section, option, "".join(inside_path(spec, word) for word in words))
    path = os.path.join(WORK, "pip.conf")
    with open(path, "w") as out:
        merged.write(out)
    os.environ["PIP_CONFIG_FILE"] = path


def inside_path(spec, word):
    bare = word[len("file://"):] if word.startswith("file://") else word
    return spec["paths"].get(bare, word)


def run(command, quiet=False):
    """Runs, passing output through line by line; raises with the last lines of a failure."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    tail = []
    for line in child.stdout:
        text = line[:TAIL_BYTES].decode("utf-8", "replace").rstrip()
        # Dozens of lines about what the runtime has anyway would bury what was installed.
        if not quiet and not text.startswith("Requirement already satisfied:"):
            print(text, flush=True)
        tail.append(text)
        del tail[:-TAIL_LINES]
    if child.wait() != 0:
        raise BuildFailed("\n".join(useful_lines(tail))[-TAIL_BYTES:])


def useful_lines(lines):
    """pip's lines without its advertisements and the drawing characters of its error boxes."""
    kept = []
    for line in lines:
        if line.startswith(("[notice]", "WARNING: You are using pip")):
            continue
        line = re.sub(r"^\s*[│╰╭─>×]+\s?", "", line).rstrip()
        if line and not line.startswith(("note: This error originates", "hint: See above")):
            kept.append(line)
    return kept


def safe_name(name, index):
    """A file name that pip understands and that holds nothing else."""
    if re.match(r"^[A-Za-z0-9][A-Za-z0-9._+!\-]{0,200}$", name) and ".." not in name:
        return name
    suffix = next((end for end in (".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz")
                   if name.endswith(end)), ".tar.gz")
    return "package-%d%s" % (index, suffix)


def place_packages(spec):
    paths = []
    for index, package in enumerate(spec["packages"]):
        folder = os.path.join(WORK, "packages", str(index))
        os.makedirs(folder)
        path = os.path.join(folder, safe_name(package["name"], index))
        shutil.copyfile(package["path"], path)
        paths.append(path)
    return paths


def needs_isolation(paths):
    """True when a package names a build backend that the runtime does not have."""
    for path in paths:
        requires = build_requirements(path)
        names = {re.match(r"[A-Za-z0-9_.\-]*", entry).group(0).lower() for entry in requires}
        if names - {"setuptools", "wheel", ""}:
            return True
    return False


def build_requirements(path):
    try:
        text = read_pyproject(path)
    except Exception:  # a broken archive: pip will say what is wrong with it
        return []
    if not text:
        return []
    try:
        import tomllib
        parsed = tomllib.loads(text)
        return [str(entry) for entry in parsed.get("build-system", {}).get("requires", [])]
    except (ImportError, ValueError, AttributeError, TypeError):
        found = re.search(r"^requires\s*=\s*\[([^\]]*)\]", text, re.M)
        return re.findall(r"[\"']([^\"']+)[\"']", found.group(1)) if found else []


def read_pyproject(path):
    """pyproject.toml of the top folder, at most 256 KiB of it; empty when there is none."""
    limit = 256 << 10
    if path.endswith((".whl",)):
        return ""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if re.match(r"^[^/]+/pyproject\.toml$", name):
                    return archive.open(name).read(limit).decode("utf-8", "replace")
        return ""
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and re.match(r"^(\./)?[^/]+/pyproject\.toml$", member.name):
                return archive.extractfile(member).read(limit).decode("utf-8", "replace")
    return ""


def install_arguments(spec):
    arguments = ["install", "--no-warn-script-location", "--disable-pip-version-check", "--no-input",
                 "--no-cache-dir", "--progress-bar", "off"]
    if spec["bundled"]:
        arguments += ["--no-index", "--find-links", bundled_wheels()]
    elif spec["wheel_dir"]:
        arguments += ["--no-index", "--find-links", spec["wheel_dir"]]
    return arguments


def install_requirements(spec):
    if not spec["requirements"]:
        return
    constraints = os.path.join(WORK, "constraints.txt")
    with open(constraints, "w") as lines:
        lines.write("".join(line + "\n" for line in spec["constraints"]))
    run(pip_command(spec) + install_arguments(spec) + ["--constraint", constraints]
        + spec["requirements"])


def add_stand_ins(spec):
    """Writes metadata so that a package that requires `tensorflow` is content with tensorflow-cpu."""
    folder = site_packages(spec["prefix"])
    for name, provider in spec["provides"].items():
        stem = provider.replace("-", "_")
        found = glob.glob(os.path.join(folder, stem + "-*.dist-info"))
        if not found:
            continue
        version = os.path.basename(found[0])[len(stem) + 1:-len(".dist-info")]
        info = os.path.join(folder, "%s-%s.dist-info" % (name.replace("-", "_"), version))
        os.makedirs(info, exist_ok=True)
        with open(os.path.join(info, "METADATA"), "w") as text:
            text.write("Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: provided by %s\n"
                       "Requires-Dist: %s==%s\n" % (name, version, provider, provider, version))
        with open(os.path.join(info, "INSTALLER"), "w") as text:
            text.write("hodei\n")


def install_packages(spec):
    if not spec["packages"]:
        return
    paths = place_packages(spec)
    for package in spec["packages"]:
        print("Installing the package: %s" % package.get("uri", package["name"]), flush=True)
    arguments = install_arguments(spec)
    # Without isolation the runtime's own setuptools builds the package: quick, and it works offline.
    if not needs_isolation(paths):
        arguments.append("--no-build-isolation")
    names = " ".join(os.path.basename(path) for path in paths)
    print("Running command: pip3 install %s" % names, flush=True)
    run(pip_command(spec) + arguments + paths)


def main(spec_path, report_path):
    with open(spec_path) as text:
        spec = json.load(text)
    os.makedirs(os.environ.get("TMPDIR", "/tmp"), exist_ok=True)
    os.umask(0o022)
    try:
        make_venv(spec)
        write_pip_config(spec)
        install_requirements(spec)
        add_stand_ins(spec)
        install_packages(spec)
    except BuildFailed as failure:
        with open(report_path, "w", encoding="utf-8", errors="replace") as report:
            report.write(str(failure))
            if not spec["network"] and not spec["wheel_dir"] and not spec["bundled"]:
                report.write("\nBuilds have no network here. If the package index was wanted:"
                             " allow it, or set runtimes.wheel_dir to a folder of wheels.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
