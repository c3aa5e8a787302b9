"""Python's arguments by the names of options: errors come from calls, and a terminal's user gave options."""

import re
import shlex

FLAGS = {
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            "algorithm",
            "backend",
            "batch_size",
            "block_size",
            "character_coverage",
            "closed",
            "column",
            "combine",
            "config",
            "context",
            "device",
            "dtype",
            "encoding",
            "extract_text",
            "labels",
            "limit",
            "longest",
            "max_answer_tokens",
            "max_positions",
            "min_score",
            "model",
            "multi",
            "newline",
            "no_answer_threshold",
            "on_long",
            "out",
            "bom",
            "details",
            "format",
            "overwrite",
            "shard",
            "overlap",
            "pair",
            "predictions",
            "positions",
            "quantize",
            "question",
            "random_blocks",
            "rename",
            "resume",
            "revision",
            "sample_mb",
            "skim",
            "skim_by",
            "split",
            "task",
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

_GIVEN = re.compile(rf"(?<![\w.-])({'|'.join(FLAGS)})=(?:\"([^\"]*)\"|(\w*))")


def as_options(text: str) -> str:
    """Words about arguments, such as `on_long="window"`, as words about options: `--on-long window`."""
    return _GIVEN.sub(_as_option, text)


def _as_option(found: re.Match[str]) -> str:
    value = found[3] if found[2] is None else shlex.quote(found[2])
    return f"{FLAGS[found[1]]} {value}".removesuffix(" True").rstrip()
