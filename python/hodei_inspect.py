"""Reads a job's packages inside the sandbox, before anything of them is unpacked or run.

    python3 -I hodei_inspect.py SPEC REPORT

Refuses archives that would write outside their folder or grow without bound, and finds out which
optional parts of the runtime the package needs: the modules its sources import or name.

SPEC is JSON: {"packages": [{"path": …, "name": …}], "modules": {"tensorflow": ["tensorflow", …]}}.
REPORT gets lines: "error SENTENCE" (one, and nothing else), or "need LAYER" (any number) and "ok".
The server treats REPORT as hostile: this process has parsed hostile bytes.
"""
import ast
import bz2
import gzip
import json
import lzma
import re
import stat
import sys
import tarfile
import zipfile

ENTRIES_MAX = 50000
UNPACKED_BYTES_MAX = 2 << 30
# A compressed archive may grow by this ratio; the allowance lets small, repetitive files through.
RATIO_MAX = 150
RATIO_ALLOWANCE_BYTES = 32 << 20
DEPTH_MAX = 32
NAME_BYTES_MAX = 1024
SOURCE_BYTES_MAX = 2 << 20       # a larger source is not scanned
SCANNED_BYTES_MAX = 64 << 20     # of all sources together
ZIP_DIRECTORY_BYTES_MAX = 16 << 20

SOURCE_SUFFIXES = (".py", ".txt", ".toml", ".cfg", "METADATA", "PKG-INFO")


class Refused(Exception):
    """The package cannot be used; the text is for its owner."""


class Budget:
    """What one archive may cost. Every limit of the inspection is spent here."""

    def __init__(self, packed_bytes):
        self.entries = 0
        self.bytes = 0
        self.scanned = 0
        self.bytes_max = min(UNPACKED_BYTES_MAX, packed_bytes * RATIO_MAX + RATIO_ALLOWANCE_BYTES)

    def entry(self):
        self.entries += 1
        if self.entries > ENTRIES_MAX:
            raise Refused("has more than %d entries" % ENTRIES_MAX)

    def unpack(self, size):
        self.bytes += size
        if self.bytes > self.bytes_max:
            raise Refused("unpacks to more than %d MiB, which is too much for its packed size"
                          % (self.bytes_max >> 20))

    def scan(self, size):
        self.scanned += size
        return size <= SOURCE_BYTES_MAX and self.scanned <= SCANNED_BYTES_MAX


def check_name(name):
    """The name must stay inside the folder the archive is unpacked to."""
    shown = ascii(name[:200])
    if not name or "\0" in name:
        raise Refused("has an entry with an unusable name (%s)" % shown)
    if len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
        raise Refused("has an entry with a name of more than %d bytes" % NAME_BYTES_MAX)
    if name.startswith(("/", "\\")) or re.match(r"^[A-Za-z]:", name):
        raise Refused("has an entry with an absolute path (%s)" % shown)
    parts = re.split(r"[/\\]", name)
    if ".." in parts:
        raise Refused("has an entry that leaves its folder (%s)" % shown)
    if len(parts) > DEPTH_MAX:
        raise Refused("has folders nested more than %d deep" % DEPTH_MAX)


class Bounded:
    """A decompressed stream that spends the budget as it is read."""

    def __init__(self, stream, budget):
        self.stream = stream
        self.budget = budget

    def read(self, size):
        block = self.stream.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
        self.budget.unpack(len(block))
        return block


def check_tar_member(member):
    check_name(member.name)
    shown = ascii(member.name[:200])
    if member.issym() or member.islnk():
        raise Refused("has a link (%s); packages hold plain files only" % shown)
    if not (member.isfile() or member.isdir()):
        raise Refused("has a device, pipe or other special file (%s)" % shown)
    if member.sparse is not None or member.type == tarfile.GNUTYPE_SPARSE:
        raise Refused("has a sparse file (%s)" % shown)
    if member.mode & (stat.S_ISUID | stat.S_ISGID) and member.isfile():
        raise Refused("has a set-user-id file (%s)" % shown)
    if member.size < 0 or member.size > UNPACKED_BYTES_MAX:
        raise Refused("has an entry of impossible size (%s)" % shown)


def read_tar(stream, budget):
    """Yields (name, bytes) of the sources in a tar stream, in one pass and without seeking."""
    with tarfile.open(fileobj=Bounded(stream, budget), mode="r|", errorlevel=2,
                      bufsize=64 << 10) as archive:
        for member in archive:
            budget.entry()
            check_tar_member(member)
            # The list that tarfile keeps of all members would grow without bound.
            archive.members = []
            if member.isfile() and member.name.endswith(SOURCE_SUFFIXES) \
                    and budget.scan(member.size):
                yield member.name, archive.extractfile(member).read()


def check_zip_directory(path):
    """Bounds the central directory before zipfile reads all of it into memory."""
    with open(path, "rb") as archive:
        archive.seek(0, 2)
        size = archive.tell()
        archive.seek(max(0, size - 66000))
        tail = archive.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise Refused("is a zip archive without its directory: is the upload complete?")
    entries = int.from_bytes(tail[at + 10:at + 12], "little")
    directory_bytes = int.from_bytes(tail[at + 12:at + 16], "little")
    if entries == 0xffff or directory_bytes > ZIP_DIRECTORY_BYTES_MAX:
        raise Refused("has more than %d entries" % ENTRIES_MAX)


def check_zip_member(member, budget):
    budget.entry()
    check_name(member.filename)
    mode = member.external_attr >> 16
    kind = stat.S_IFMT(mode)
    shown = ascii(member.filename[:200])
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused("has a link, device or other special file (%s)" % shown)
    if mode & (stat.S_ISUID | stat.S_ISGID) and kind == stat.S_IFREG:
        raise Refused("has a set-user-id file (%s)" % shown)
    if member.flag_bits & 1:
        raise Refused("has an encrypted entry (%s)" % shown)
    budget.unpack(member.file_size)


def read_zip(path, budget):
    check_zip_directory(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        for member in members:
            check_zip_member(member, budget)
        for member in members:
            if member.filename.endswith(SOURCE_SUFFIXES) and budget.scan(member.file_size):
                yield member.filename, archive.read(member)


def read_archive(path):
    with open(path, "rb") as head:
        magic = head.read(8)
        head.seek(0, 2)
        budget = Budget(head.tell())
    if magic.startswith(b"PK\x03\x04"):
        yield from read_zip(path, budget)
        return
    openers = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
    for prefix, opener in openers:
        if magic.startswith(prefix):
            with opener(path, "rb") as stream:
                yield from read_tar(stream, budget)
            return
    raise Refused("is neither a source distribution (.tar.gz, .zip) nor a wheel (.whl)")


def names_in_python(text):
    """Imported modules, and string constants that begin like a module or a requirement."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) \
                and len(node.value) < 200:
            yield node.value


def names_in(file_name, source):
    text = source.decode("utf-8", "replace")
    if file_name.endswith(".py"):
        try:
            yield from names_in_python(text)
            return
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass  # Python 2, or not Python at all: look at its words
        for found in re.finditer(r"^\s*(?:import|from)\s+([A-Za-z0-9_.]+)", text, re.M):
            yield found.group(1)
        return
    # requirements.txt, requires.txt, METADATA ("Requires-Dist: x"), setup.cfg, pyproject.toml
    for line in text.splitlines():
        yield re.sub(r"^\s*(Requires-Dist:)?[\s\"'\-]*", "", line[:300])


def top_name(name):
    found = re.match(r"[A-Za-z0-9_\-]+", name.strip())
    return found.group(0).lower().replace("-", "_") if found else ""


def needed_layers(packages, modules):
    wanted = {module: layer for layer, names in modules.items() for module in names}
    needed = set()
    for package in packages:
        try:
            for name, source in read_archive(package["path"]):
                for used in names_in(name, source):
                    if top_name(used) in wanted:
                        needed.add(wanted[top_name(used)])
        except Refused as refusal:
            raise Refused("Package '%s' %s." % (package["name"], refusal))
        except MemoryError:
            raise Refused("Package '%s' needs too much memory to read." % package["name"])
        except Exception as error:  # whatever a broken archive makes of the libraries that read it
            text = " ".join(str(error).split())[:200]
            raise Refused("Package '%s' cannot be read as an archive (%s): build it again with"
                          " 'python setup.py sdist' and check the upload."
                          % (package["name"], text))
    return sorted(needed)


def main(spec_path, report_path):
    with open(spec_path) as text:
        spec = json.load(text)
    try:
        lines = ["need " + layer for layer in needed_layers(spec["packages"], spec["modules"])]
        lines.append("ok")
    except Refused as refusal:
        lines = ["error " + str(refusal)]
    with open(report_path, "w", encoding="utf-8", errors="replace") as report:
        report.write("".join(line.replace("\n", " ") + "\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
