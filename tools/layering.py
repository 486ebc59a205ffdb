#!/usr/bin/env python3
"""Checks that every #include follows the modules' declared dependencies.

Usage: layering.py SOURCE_DIR MODULES_FILE

MODULES_FILE has a line "name<TAB>folder<TAB>dep;dep" for each hodei_module(), written by CMake. A
file may include headers of its own module and of the modules it depends on, directly or not. Test
files, fuzzers, benchmarks and testing/ may see more, but never a folder that stands higher.
"""
import os
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
COROUTINE = re.compile(r"\bco_(await|return|yield)\b")
# How values are written down is no protocol: these stand below the layers that hold values.
NOTATIONS = ("wire/json", "wire/paging", "wire/xml")
LAYERS = ["base", "sys", "notation", "net", "bucketfs", "store", "exec", "engine", "serve", "domain", "service", "wire", "server", "cli"]
# Pairs that may never meet, whatever DEPS say, each with its reason.
FORBIDDEN = [
    ("cli", "server", "the command speaks HTTP only, which proves that the API is enough"),
    ("cli", "service", "the command speaks HTTP only, which proves that the API is enough"),
    ("cli", "domain", "the command speaks HTTP only, which proves that the API is enough"),
    ("cli", "store", "the command never opens the data folder's stores"),
    ("domain", "wire", "rules know no protocol"),
    ("store", "exec", "siblings do not see each other"),
    ("exec", "store", "siblings do not see each other"),
    ("net", "domain", "net knows bytes and no resource"),
]


def read_modules(path):
    modules = {}
    for line in open(path, encoding="utf-8"):
        name, folder, deps = line.rstrip("\n").split("\t")
        modules[name] = (os.path.realpath(folder), [d for d in deps.split(";") if d])
    return modules


def closure(modules, name, seen=None):
    seen = set() if seen is None else seen
    for dep in modules.get(name, ("", []))[1]:
        if dep not in seen:
            seen.add(dep)
            closure(modules, dep, seen)
    return seen


def owner(modules, path):
    best = None
    for name, (folder, _) in modules.items():
        if path.startswith(folder + os.sep) and (best is None or len(folder) > len(modules[best][0])):
            best = name
    return best


def layer(src, path):
    shown = os.path.relpath(path, src)
    return "notation" if os.path.dirname(shown) in NOTATIONS else shown.split(os.sep)[0]


def main():
    root, modules_file = sys.argv[1], sys.argv[2]
    src = os.path.realpath(os.path.join(root, "src"))
    modules = read_modules(modules_file)
    problems, files = [], 0
    for folder, _, names in os.walk(src):
        for name in names:
            if not name.endswith((".h", ".cc")):
                continue
            path = os.path.join(folder, name)
            text = open(path, encoding="utf-8", errors="replace").read()
            shown = os.path.relpath(path, root)
            files += 1
            here, own = layer(src, path), owner(modules, path)
            if COROUTINE.search(text) and here != "net":
                problems.append(f"{shown}: a coroutine outside src/net (g++ 12 hazards)")
            test = re.search(r"_(test|fuzz|benchmark)\.(cc|h)$", name) or "/testing" in folder
            allowed = closure(modules, own) | {own} if own else None
            for include in INCLUDE.findall(text):
                target = os.path.join(src, include)
                if not os.path.exists(target):
                    continue
                there = layer(src, target)
                for a, b, reason in FORBIDDEN:
                    if (here, there) == (a, b):
                        problems.append(f"{shown}: {a} includes {include}: {reason}")
                if LAYERS.index(there) > LAYERS.index(here):
                    problems.append(f"{shown}: includes {include}, which stands above {here}/")
                module = owner(modules, os.path.realpath(target))
                if not test and allowed is not None and module is not None and module not in allowed:
                    problems.append(f"{shown}: includes {include}, but {own} does not depend on {module}")
    for problem in problems:
        print(problem)
    print(f"layering: {files} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
