"""Python's arguments by the names of options: errors come from calls, and a terminal's user gave options."""

import re

FLAGS = {
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            "algorithm",
            "batch_size",
            "block_size",
            "closed",
            "character_coverage",
            "combine",
            "config",
            "context",
            "device",
            "dtype",
            "labels",
            "max_answer_tokens",
            "max_positions",
            "min_score",
            "model",
            "multi",
            "newline",
            "no_answer_threshold",
            "on_long",
            "out",
            "overlap",
            "pair",
            "positions",
            "quantize",
            "question",
            "random_blocks",
            "resume",
            "revision",
            "sample_mb",
            "split",
            "text_column",
            "text_field",
            "threads",
            "threshold",
            "to",
            "top_k",
            "types",
            "vocab_size",
            "window",
        )
    },
    "num_random_blocks": "--random-blocks",
    "overrides": "--set",
}
"""The option of each argument that a call may complain about."""

_GIVEN = re.compile(rf"(?<![\w.-])({'|'.join(FLAGS)})=(\"?)(\w*)\2")


def as_options(text: str) -> str:
    """Words about arguments, such as `on_long="window"`, as words about options: `--on-long window`."""
    return _GIVEN.sub(lambda found: f"{FLAGS[found[1]]} {found[3]}".removesuffix(" True").rstrip(), text)
