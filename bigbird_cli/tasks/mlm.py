"""Masked language modelling: predict hidden words from what stands around them, as BigBird was pretrained.

A share of each window's words is hidden: of the tokens of a chosen word 80 % become the mask token, 10 % a random
token, and 10 % stay as they are (Devlin et al., 2018, section 3.1). Whole words are chosen, so that no rest of a word
gives it away (Zaheer et al., 2020, appendix E.1). Of letters without an end, as in DNA, each token is chosen by itself.

With next-sentence pairs a model input is `[CLS] part [SEP] part [SEP]`: half of the second parts go on with the first,
the others were drawn from another document. A second part that was drawn over comes in the next pair, so that each
token of the texts is read once, besides those of drawn parts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Literal

import numpy as np
from pydantic import Field

from bigbird_cli.bigbird.heads import IGNORED
from bigbird_cli.errors import DataError, ModelError
from bigbird_cli.tasks.base import Feature, FeatureList
from bigbird_cli.tasks.language import (
    LanguageFeature,
    LanguageTask,
    Piece,
    TokenRun,
    TokenStream,
    ordinary_ids,
    packed,
    runs_of,
)
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer

LONGEST_WORD = 16
"""Tokens of a word at most that is hidden as a whole; of longer ones each token counts as a word."""

POOL = 64
"""Parts that are kept to draw from."""

SHORTEST_PART = 4
"""Tokens of each part of a pair that is cut from one document."""

_EVALUATION, _PAIRING = 0x6D6C6D, 0x6E7370
"""Seeds of the masks that models are evaluated on, and of pairs: the same for every run."""


class MaskedLanguageModelling(LanguageTask):
    """Predict hidden words."""

    type: Literal["mlm"] = "mlm"
    """The task's name."""

    mask_share: float = Field(default=0.15, gt=0, lt=1)
    """Share of a window's tokens that are to be predicted, in whole words."""

    masking: Literal["dynamic", "static"] = "dynamic"
    """dynamic hides other words in every epoch, static the same ones."""

    next_sentence: bool = False
    """Learn from pairs of parts, too, whether the second follows the first."""

    @property
    def head(self) -> str:
        """mlm, or pretraining where pairs are learnt from."""
        return "pretraining" if self.next_sentence else "masked_lm"

    def training_features(self, examples: Iterable[Piece], tokenizer: Tokenizer) -> Iterator[Feature]:
        """Cut texts into windows; `corrupt` hides words.

        The labels hold `word_starts` (n,), by which it knows words, and of pairs `next_sentence_label`, 0 where the
        second part follows and 1 where it was drawn.

        Raises:
            ModelError: the vocabulary has no mask token.
            DataError: pairs are asked for, and there is one document only.
        """
        yield from self._windows(examples, tokenizer)

    def corrupt(self, feature: Feature, tokenizer: Tokenizer, *, seed: tuple[int, ...]) -> Feature:
        """Hide words of a window.

        Args:
            feature: with `word_starts` among its labels.
            tokenizer: whose mask token and vocabulary are used.
            seed: of the run, the epoch, the feature; a static masking leaves the epoch out.

        Returns:
            The feature with labels (n,): the true id of each token to be predicted, -100 elsewhere.
        """
        if self.masking == "static":
            seed = (seed[0], *seed[2:])
        return self._drawn(feature, tokenizer, np.random.default_rng(seed))

    def encode(self, examples: Sequence[Piece], tokenizer: Tokenizer) -> FeatureList:
        """Cut texts into windows with words hidden, the same ones always.

        Raises:
            ModelError, DataError: as `training_features` does.
        """
        return FeatureList(
            [
                self._drawn(feature, tokenizer, np.random.default_rng([_EVALUATION, number]))
                for number, feature in enumerate(self._windows(examples, tokenizer))
            ]
        )

    def _windows(self, pieces: Iterable[Piece], tokenizer: Tokenizer) -> Iterator[Feature]:
        if tokenizer.mask_id is None:
            raise ModelError("the vocabulary has no mask token", fix="take one that has, or learn one with --train")
        if self.next_sentence:
            yield from self._pairs(pieces, tokenizer)
            return
        for number, run in enumerate(packed(runs_of(pieces, tokenizer), self.window - 2)):
            yield _feature([run], tokenizer, number)

    def _pairs(self, pieces: Iterable[Piece], tokenizer: Tokenizer) -> Iterator[Feature]:
        capacity, number, index = self.window - 3, 0, 0
        pool: list[tuple[int, TokenRun]] = []  # a document's number, and a part of it
        for index, document in enumerate(_documents(pieces), start=1):
            stream = TokenStream(runs_of(document, tokenizer, separated=False))
            while (chunk := stream.read(capacity)) is not None:
                rng = np.random.default_rng([_PAIRING, number])
                n_first = max(1, len(chunk) // 2)
                if len(chunk) >= 2 * SHORTEST_PART:
                    n_first = int(rng.integers(SHORTEST_PART, len(chunk) - SHORTEST_PART + 1))
                first, second, label = chunk.part(0, n_first), chunk.part(n_first, len(chunk)), 0
                others = [run for origin, run in pool if origin != index]
                if others and (not len(second) or rng.random() < 0.5):
                    stream.push_back(second)
                    second, label = others[int(rng.integers(len(others)))].part(0, capacity - n_first), 1
                _keep(pool, (index, first if label or not len(second) else second), rng)
                yield _feature([first, second], tokenizer, number, label=label)
                number += 1
        if index == 1:
            raise DataError(
                "next-sentence pairs are drawn from several documents, and there is one only",
                fix="set task.documents to paragraph, or give more texts",
            )

    def _drawn(self, feature: Feature, tokenizer: Tokenizer, rng: np.random.Generator) -> Feature:
        labels = dict(feature.labels)
        ids, targets = self._hidden(feature.ids, np.asarray(labels.pop("word_starts")), tokenizer, rng)
        return replace(feature, ids=ids, labels={"labels": targets, **labels})

    def _hidden(
        self, ids: np.ndarray, word_starts: np.ndarray, tokenizer: Tokenizer, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Ids with words hidden, and the true ids of those, -100 elsewhere."""
        is_text = ~np.isin(ids, list(tokenizer.special_ids))
        words = np.cumsum(word_starts)  # a number for each word
        is_long = np.bincount(words)[words] > LONGEST_WORD
        words = np.cumsum(word_starts | is_long)
        names, sizes = np.unique(words[is_text], return_counts=True)
        targets = np.full(len(ids), IGNORED, dtype=np.int32)
        if not len(names):
            return ids, targets
        wanted = max(1, round(self.mask_share * int(is_text.sum())))
        order = rng.permutation(len(names))
        chosen = order[: max(1, int(np.searchsorted(np.cumsum(sizes[order]), wanted, side="right")))]
        chosen_tokens = np.flatnonzero(np.isin(words, names[chosen]) & is_text)
        targets[chosen_tokens] = ids[chosen_tokens]
        dice, others = rng.random(len(chosen_tokens)), ordinary_ids(tokenizer)
        hidden = ids.copy()
        hidden[chosen_tokens[dice < 0.8]] = tokenizer.mask_id
        random = chosen_tokens[(dice >= 0.8) & (dice < 0.9)]
        hidden[random] = others[rng.integers(len(others), size=len(random))]
        return hidden, targets


def _feature(runs: Sequence[TokenRun], tokenizer: Tokenizer, number: int, *, label: int | None = None) -> Feature:
    """`[CLS] run [SEP]`, or with a second one `[CLS] run [SEP] run [SEP]`; what a cut leaves of a word is a word."""
    ids, starts, characters, types = [tokenizer.cls_id], [1], [0], [0]
    for kind, run in enumerate(runs):
        ids += [*run.ids.tolist(), tokenizer.sep_id]
        starts += [1, *run.word_starts[1:].tolist(), 1]
        characters += [*run.characters.tolist(), 0]
        types += [kind] * (len(run) + 1)
    labels: dict[str, int | float | np.ndarray] = {"word_starts": np.array(starts, dtype=np.uint8)}
    if label is not None:
        labels["next_sentence_label"] = label
    return LanguageFeature(
        ids=np.array(ids, dtype=np.int32),
        types=np.array(types, dtype=np.int8),
        labels=labels,
        example=number,
        name=runs[0].name,
        characters=np.array(characters, dtype=np.int32),
    )


def _documents(pieces: Iterable[Piece]) -> Iterator[Iterator[Piece]]:
    """The pieces of each document."""
    count = 0

    def number(piece: Piece) -> int:
        nonlocal count
        count += piece.begins
        return count

    for _, document in groupby(pieces, key=number):
        yield document


def _keep(pool: list[tuple[int, TokenRun]], part: tuple[int, TokenRun], rng: np.random.Generator) -> None:
    """Add a part to a pool; where that is full, one of the document that has most parts in it leaves."""
    pool.append(part)
    if len(pool) > POOL:
        fullest = Counter(index for index, _ in pool).most_common(1)[0][0]
        pool.pop(int(rng.choice([i for i, (index, _) in enumerate(pool) if index == fullest])))
