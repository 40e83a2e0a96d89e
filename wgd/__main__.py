"""`python -m wgd`."""

import sys

from wgd.cli import entry

sys.exit(entry())
