"""The failpoints of the tree, as its sources name them (src/base/failpoint.h)."""
import re

from conftest import ROOT


def tree_failpoints():
    names = set()
    for source in (ROOT / "src").rglob("*.cc"):
        if not source.name.endswith("_test.cc"):
            names.update(re.findall(r'HODEI_FAILPOINT(?:_STATUS)?\("([^"]+)"\)', source.read_text()))
    return sorted(names)
