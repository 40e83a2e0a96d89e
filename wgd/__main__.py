"""`python -m wgd`."""

import sys

from wgd.cli import main

sys.exit(main())
