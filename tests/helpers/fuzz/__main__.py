"""``python -m fuzz``; what other processes run stands in a module of its own."""

import sys

from .run import main

if __name__ == "__main__":
    sys.exit(main())
