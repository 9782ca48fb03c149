"""`python -m gdiv` is the `gdiv` command."""

import sys

from gdiv.command import main

sys.exit(main())
