"""`python -m bigbird_cli` is `bigbird`."""

import os
import sys

# `-m` put the current folder first, where anybody's random.py may stand; it stays if this package stands in it
# (no pathlib: it would be looked for there)
_packages = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
if not sys.flags.safe_path and sys.path[0] == os.getcwd() != _packages:  # noqa: PTH109
    del sys.path[0]

from bigbird_cli.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
