"""`python -m bigbird_cli` is `bigbird`."""

from bigbird_cli.cli import main

if __name__ == "__main__":
    main()
