"""@google-cloud/storage for Node: its checks are in node_client.js, run by Node's own test runner."""
import os
import pathlib
import re

import pytest

from conftest import ROOT, has, run

MODULES = ROOT / "build" / "node" / "node_modules"
pytestmark = pytest.mark.skipif(not has("node") or not MODULES.exists(), reason="node or its client is not installed")


def test_node_client(server, emulator, record_property):
    env = {**os.environ, "NODE_PATH": str(MODULES), "HODEI_URL": server.url, "HODEI_KEY": str(server.key_file), "HODEI_TOKEN": server.token,
           "HODEI_EMULATOR_URL": emulator.url, "NODE_NO_WARNINGS": "1"}
    script = pathlib.Path(__file__).parent / "node_client.js"
    done = run(["node", "--test", "--test-reporter=tap", str(script)], env, timeout=120)
    record_property("checks", int(re.search(r"^# pass (\d+)$", done.stdout, re.M).group(1)))
