"""`bigbird finetune`: train a task's head, and the encoder under it, as a recipe says."""

from bigbird_cli.cli import options, training


def finetune(
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
    """Fine-tune a model on labelled data, as a recipe says.

    \b
    Examples:
      bigbird finetune recipes/squad.yaml --check
      bigbird finetune recipes/squad.yaml --set optim.lr=3e-5
      bigbird finetune recipes/squad.yaml --set optim.lr=3e-5 --resume auto
    """
    training.follow(
        "finetune",
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
