"""Run the ``gdiv`` command as ``python -m gdiv``."""

import sys

from gdiv.command import main

sys.exit(main())
