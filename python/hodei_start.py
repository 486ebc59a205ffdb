"""What a replica runs: python hodei_start.py MODULE [ARG ...], see hodei_launch.

A file of its own: the work is that of an imported module, because __main__ belongs to the program,
and a script that imports itself would be compiled twice at every start.
"""
import sys

import hodei_launch

if len(sys.argv) < 2:
    sys.exit("usage: hodei_start.py MODULE [ARG ...]")
hodei_launch.run(sys.argv[1], sys.argv[2:])
