"""The room that parses and prints. Importing it costs nothing: `main` listens for signals, then imports the rest."""

from bigbird_cli.lazy import lazy_names

_HOMES = {"app": "bigbird_cli.cli.program", "guarded": "bigbird_cli.cli.boundary"}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)


def main() -> None:
    """Run the command line: the entry point of the `bigbird` script."""
    from bigbird_cli.cli import signals

    signals.listen()
    from bigbird_cli.cli import program as commands

    commands.run()
