"""`bigbird pretrain`: train a language model on texts, as a recipe says."""

from bigbird_cli.cli import options, training


def pretrain(
    recipe: options.RecipeFile,
    overrides: options.Overrides = None,
    out: options.RunFolder = None,
    check: options.Check = False,
    resume: options.Resume = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    processes: options.Processes = 1,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Train a language model on texts, as a recipe says: to tell hidden words, or the next one.

    \b
    Examples:
      bigbird pretrain recipes/pretrain-small.yaml --check
      bigbird pretrain recipes/pretrain-small.yaml --set data.train=novels/
      bigbird pretrain recipes/pretrain-small.yaml --set data.train=novels/ --resume auto
    """
    training.follow(
        "pretrain",
        recipe,
        overrides=overrides,
        out=out,
        check=check,
        resume=resume,
        device=device,
        threads=threads,
        processes=processes,
        offline=offline,
        as_json=as_json,
        quiet=quiet,
        debug=debug,
    )
