"""The inspector against archives that attack it (threats T7 and T8), and its detection of layers."""
import bz2
import gzip
import io
import json
import lzma
import os
import random
import resource
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
import zipfile

import hodei_inspect

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hodei_inspect.py")
MODULES = {"science": ["numpy", "pandas", "sklearn", "scikit_learn"],
           "tensorflow": ["tensorflow", "tensorflow_cpu", "keras"]}


def member(name, **fields):
    entry = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry


def tar(*members, form=tarfile.GNU_FORMAT, pack=gzip.compress):
    """Members are (TarInfo, bytes) pairs or TarInfos."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=form) as archive:
        for entry in members:
            entry, content = entry if isinstance(entry, tuple) else (entry, b"")
            entry.size = len(content) if content else entry.size
            archive.addfile(entry, io.BytesIO(content))
    return pack(raw.getvalue())


def source(text, name="t-1/trainer/task.py"):
    return tar((member(name), text.encode()))


def zipped(*entries):
    """Entries are (name, bytes, mode) triples."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return raw.getvalue()


def gnu_sparse():
    header = bytearray(tarfile.TarInfo("t/sparse").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return gzip.compress(bytes(header) + bytes(1024))


def pax_sparse():
    return tar((member("t/x", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                                           "GNU.sparse.realsize": str(1 << 40)}),
                b"1\n0\n512\n" + bytes(1017)), form=tarfile.PAX_FORMAT)


def pax(name, headers):
    return tar(member(name, pax_headers=headers), form=tarfile.PAX_FORMAT)


def forged_directory():
    """A zip whose directory claims 65,535 entries and more."""
    packed = bytearray(zipped(("a.py", b"", 0o644)))
    at = packed.rfind(b"PK\x05\x06")
    packed[at + 8:at + 12] = b"\xff\xff\xff\xff"
    return bytes(packed)


def link(kind, target):
    return tar(member("t/link", type=kind, linkname=target))


# Each with a part of the sentence its owner reads.
ATTACKS = {
    "absolute": (tar(member("/etc/cron.d/x")), "absolute path"),
    "absolute_double": (tar(member("//etc/x")), "absolute path"),
    "dot_dot": (tar(member("../x")), "leaves its folder"),
    "dot_dot_inside": (tar(member("t/../../x")), "leaves its folder"),
    "dot_dot_end": (tar(member("t/..")), "leaves its folder"),
    "dot_dot_alone": (tar(member("..")), "leaves its folder"),
    "backslash": (tar(member("t\\..\\..\\x")), "leaves its folder"),
    "drive": (tar(member("C:x")), "absolute path"),
    "backslash_root": (tar(member("\\x")), "absolute path"),
    "pax_path": (pax("t/fine", {"path": "/etc/passwd"}), "absolute path"),
    "pax_path_up": (pax("t/fine", {"path": "a/../../x"}), "leaves its folder"),
    "pax_linkpath": (tar(member("t/l", type=tarfile.SYMTYPE, linkname="x",
                                pax_headers={"linkpath": "/etc/passwd"}),
                         form=tarfile.PAX_FORMAT), "link"),
    "gnu_long_name": (tar(member("/" + "d/" * 100 + "x")), "absolute path"),
    "gnu_long_name_up": (tar(member("a/" * 10 + "../" * 30 + "b" * 100)), "leaves its folder"),
    "name_too_long": (tar(member("n" * 5000)), "more than 1024 bytes"),
    "symlink_out": (link(tarfile.SYMTYPE, "/etc"), "link"),
    "symlink_up": (link(tarfile.SYMTYPE, "../.."), "link"),
    "symlink_inside": (link(tarfile.SYMTYPE, "task.py"), "link"),
    "hardlink_out": (link(tarfile.LNKTYPE, "/etc/shadow"), "link"),
    "hardlink_up": (link(tarfile.LNKTYPE, "../../etc/shadow"), "link"),
    "write_through_link": (tar(member("t/d", type=tarfile.SYMTYPE, linkname="/tmp"),
                               (member("t/d/x"), b"x")), "link"),
    "character_device": (tar(member("t/d", type=tarfile.CHRTYPE)), "special file"),
    "block_device": (tar(member("t/d", type=tarfile.BLKTYPE)), "special file"),
    "fifo": (tar(member("t/d", type=tarfile.FIFOTYPE)), "special file"),
    "unknown_type": (tar(member("t/d", type=b"Z")), ""),
    "setuid": (tar(member("t/su", mode=0o4755)), "set-user-id"),
    "setgid": (tar(member("t/su", mode=0o2755)), "set-user-id"),
    "gnu_sparse": (gnu_sparse(), "sparse"),
    "pax_sparse": (pax_sparse(), ""),
    "deep": (tar(member("d/" * 60 + "x")), "nested"),
    "many_entries": (tar(*(member("t/%d" % i) for i in range(50001))), "50000 entries"),
    "zip_absolute": (zipped(("/etc/x", b"", 0o644)), "absolute path"),
    "zip_up": (zipped(("../x", b"", 0o644)), "leaves its folder"),
    "zip_backslash_up": (zipped(("a\\..\\..\\x", b"", 0o644)), "leaves its folder"),
    "zip_symlink": (zipped(("l", b"/etc", stat.S_IFLNK | 0o777)), "link"),
    "zip_device": (zipped(("l", b"", stat.S_IFCHR | 0o777)), "special file"),
    "zip_setuid": (zipped(("l", b"", stat.S_IFREG | 0o4777)), "set-user-id"),
    "zip_bomb": (zipped(*(("z%d" % i, bytes(30 << 20), 0o644) for i in range(3))), "too much"),
    "zip_directory": (forged_directory(), "entries"),
    "zip_cut": (zipped(("a.py", b"x", 0o644))[:20], "directory"),
    "gzip_bomb": (tar((member("t/x"), bytes(100 << 20))), "too much"),
    "bzip2_bomb": (bz2.compress(tar((member("t/x"), bytes(100 << 20)), pack=bytes)), "too much"),
    "xz_bomb": (lzma.compress(tar((member("t/x"), bytes(100 << 20)), pack=bytes)), "too much"),
    "cut_gzip": (source("x = 1\n" * 1000)[:60], "cannot be read"),
    "cut_tar": (gzip.compress(tar((member("t/a.py"), b"x" * 5000), pack=bytes)[:2000]),
                "cannot be read"),
    "noise": (gzip.compress(os.urandom(4096)), "cannot be read"),
    "not_an_archive": (b"print('hello')\n" * 10, "neither a source distribution"),
    "empty": (b"", "neither a source distribution"),
    "gzip_of_zeros": (gzip.compress(bytes(100 << 20)), ""),  # an end mark, and nobody reads on
    "gzip_of_nothing": (gzip.compress(b""), ""),
}


class Inspector(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def inspect(self, *archives):
        """The report's lines, from the program as the sandbox runs it."""
        packages = []
        for index, archive in enumerate(archives):
            path = os.path.join(self.folder.name, str(index))
            with open(path, "wb") as out:
                out.write(archive)
            packages.append({"path": path, "name": "p%d-1.tar.gz" % index})
        spec = os.path.join(self.folder.name, "spec.json")
        with open(spec, "w") as out:
            json.dump({"packages": packages, "modules": MODULES}, out)
        report = os.path.join(self.folder.name, "report")
        limit = 512 << 20
        subprocess.run([sys.executable, "-I", PROGRAM, spec, report], check=True,
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        with open(report) as text:
            return text.read().splitlines()

    def test_every_attack_is_refused_quickly_and_leaves_nothing(self):
        for name, (archive, sentence) in ATTACKS.items():
            with self.subTest(name):
                start = time.process_time()
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                lines = self.inspect(archive)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                if name in ("gzip_of_nothing", "gzip_of_zeros", "unknown_type", "pax_sparse") and lines == ["ok"]:
                    continue  # harmless: an empty archive, or an entry that pip reads as a file
                self.assertEqual(len(lines), 1, lines)
                self.assertTrue(lines[0].startswith("error Package 'p0-1.tar.gz' "), lines)
                self.assertIn(sentence, lines[0])
                spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                self.assertLess(spent + time.process_time() - start, 4)
                self.assertEqual(sorted(os.listdir(self.folder.name)), ["0", "report", "spec.json"])

    def test_there_are_forty_attacks(self):
        self.assertGreaterEqual(len(ATTACKS), 40)

    def test_imports_call_for_layers(self):
        for text, expected in {
            "import numpy as np": ["need science"],
            "from sklearn.linear_model import LogisticRegression": ["need science"],
            "import tensorflow.keras": ["need tensorflow"],
            "try:\n  import pandas\nexcept ImportError: pass": ["need science"],
            "import importlib; importlib.import_module('tensorflow.keras')": ["need tensorflow"],
            "__import__('numpy')": ["need science"],
            "print 'python two'\nimport tensorflow as tf": ["need tensorflow"],
            "# import tensorflow": [],
            "from . import numpy": [],
            "import tensorflowish": [],
            "import os, sys": [],
            "x = 'we do not use tensorflow here'": [],
        }.items():
            with self.subTest(text):
                self.assertEqual(self.inspect(source(text)), expected + ["ok"])

    def test_requirements_call_for_layers(self):
        for name, text in {
            "t-1/setup.py": "from setuptools import setup\nsetup(install_requires=['TensorFlow>=1.4'])",
            "t-1/requirements.txt": "docopt\ntensorflow==2.1\n",
            "t-1/t.egg-info/requires.txt": "tensorflow-cpu\n",
            "t-1/pyproject.toml": "dependencies = [\n  \"tensorflow\",\n]\n",
            "t-1.dist-info/METADATA": "Name: t\nRequires-Dist: tensorflow (>=2)\n",
        }.items():
            with self.subTest(name):
                self.assertEqual(self.inspect(source(text, name)), ["need tensorflow", "ok"])

    def test_wheels_and_several_packages_count_together(self):
        wheel = zipped(("trainer/task.py", b"import pandas", 0o644))
        self.assertEqual(self.inspect(wheel, source("import keras")),
                         ["need science", "need tensorflow", "ok"])

    def test_deep_syntax_does_not_end_the_inspector(self):
        self.assertEqual(self.inspect(source("x = " + "(" * 5000 + ")" * 5000)), ["ok"])
        self.assertEqual(self.inspect(source("x" + ".y" * 20000 + "\nimport numpy")),
                         ["need science", "ok"])

    def test_names_with_line_feeds_cannot_forge_a_report(self):
        lines = self.inspect(tar(member("../x\nneed tensorflow\nok")))
        self.assertEqual(len(lines), 1)

    def test_mutated_archives_give_a_verdict(self):
        """A fuzzer in small: HODEI_FUZZ_SECONDS of it, from a seed that a failure prints."""
        seed = int(os.environ.get("HODEI_FUZZ_SEED", time.time_ns()))
        chance = random.Random(seed)
        end = time.monotonic() + float(os.environ.get("HODEI_FUZZ_SECONDS", "5"))
        path = os.path.join(self.folder.name, "fuzzed")
        seeds = [archive for archive, _ in ATTACKS.values() if len(archive) < 20000]
        raw = [tar(member("t/" + "n" * 120), (member("t/a.py"), b"import numpy\n"), form=form,
                   pack=bytes) for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)]
        while time.monotonic() < end:
            mutated = bytearray(chance.choice(raw + seeds))
            for _ in range(chance.randint(1, 8)):
                if mutated:
                    mutated[chance.randrange(len(mutated))] = chance.choice((0, 0xff, 0x2f, 0x37,
                                                                             chance.randrange(256)))
            if chance.random() < 0.2:
                del mutated[chance.randrange(len(mutated) + 1):]
            if not mutated.startswith((b"\x1f\x8b", b"PK", b"BZ", b"\xfd")):
                mutated = gzip.compress(bytes(mutated), 1)
            with open(path, "wb") as out:
                out.write(mutated)
            try:
                hodei_inspect.needed_layers([{"path": path, "name": "p"}], MODULES)
            except hodei_inspect.Refused:
                pass
            except Exception as error:  # anything else is a hole in the inspector
                self.fail("seed %d: %r" % (seed, error))

    def test_limits_are_exact(self):
        self.assertEqual(self.inspect(tar(*(member("t/%d" % i) for i in range(50000)))), ["ok"])
        self.assertEqual(self.inspect(tar(member("d/" * (hodei_inspect.DEPTH_MAX - 1) + "x"))),
                         ["ok"])


if __name__ == "__main__":
    unittest.main()
