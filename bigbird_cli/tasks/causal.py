"""Causal language modelling: predict each token from those before it.

A model input is `[CLS] tokens`; a separator stands where a document ends and the next begins. In training every token
is a target once. Windows to evaluate on overlap, and each token is a target in the first one that holds it, with
`overlap` tokens before it at least.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import model_validator

from bigbird_cli.bigbird.heads import IGNORED
from bigbird_cli.section import Overlap
from bigbird_cli.tasks.base import Feature, FeatureList
from bigbird_cli.tasks.language import LanguageFeature, LanguageTask, Piece, TokenRun, TokenStream, packed, runs_of
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer


class CausalLanguageModelling(LanguageTask):
    """Predict the next token."""

    head: ClassVar[str] = "causal_lm"

    type: Literal["causal"] = "causal"
    """The task's name."""

    overlap: Overlap = 128
    """Tokens of a window that only give context, where a model is evaluated."""

    @model_validator(mode="after")
    def _windows_move_on(self) -> Self:
        if self.overlap + 2 >= self.window:
            raise ValueError(
                f"task.overlap {self.overlap} leaves no room for anything new in a window of {self.window} tokens: give"
                f" {self.window - 3} or less, or raise task.window"
            )
        return self

    def config_updates(self) -> dict[str, Any]:
        """No token reads ahead."""
        return {"is_decoder": True}

    def training_features(self, examples: Iterable[Piece], tokenizer: Tokenizer) -> Iterator[Feature]:
        """Cut texts into windows; the labels are the tokens themselves, separators among them."""
        for number, run in enumerate(packed(runs_of(examples, tokenizer), self.window - 1)):
            yield _feature(run, tokenizer, number, is_target=np.ones(len(run), dtype=bool))

    def encode(self, examples: Sequence[Piece], tokenizer: Tokenizer) -> FeatureList:
        """Cut texts into windows that overlap; each token of the text is a target once, separators are not."""
        stream, capacity = TokenStream(runs_of(examples, tokenizer)), self.window - 1
        features: list[Feature] = []
        n_context = 0
        while (run := stream.read(capacity)) is not None:
            is_target = (run.ids != tokenizer.sep_id) & (np.arange(len(run)) >= n_context)
            if len(run) > n_context:
                features.append(_feature(run, tokenizer, len(features), is_target=is_target))
            n_context = min(self.overlap, len(run) - 1)
            if len(run) < capacity:
                break
            stream.push_back(run.part(len(run) - n_context, len(run)))
        return FeatureList(features)


def _feature(run: TokenRun, tokenizer: Tokenizer, number: int, *, is_target: np.ndarray) -> Feature:
    """`[CLS] run`; `is_target` is bool (n,), which of the run's tokens are predicted."""
    labels = np.where(is_target, run.ids, IGNORED)
    return LanguageFeature(
        ids=np.concatenate([[tokenizer.cls_id], run.ids]).astype(np.int32),
        types=np.zeros(len(run) + 1, dtype=np.int8),
        labels={"labels": np.concatenate([[IGNORED], labels]).astype(np.int32)},
        example=number,
        name=run.name,
        characters=np.concatenate([[0], run.characters]).astype(np.int32),
    )
