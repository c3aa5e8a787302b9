"""Bits per character are those that the whole model's own scores give, over every token of every document."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.pytorch.model.models import BigBirdForCausalLM, BigBirdForMaskedLM, BigBirdForPreTraining
from bigbird_cli.pytorch.predict import Predictor
from bigbird_cli.tasks.causal import CausalLanguageModelling
from bigbird_cli.tasks.language import Piece
from bigbird_cli.tasks.mlm import MaskedLanguageModelling
from bigbird_cli.text.tokenizers.tokenizer import Tokenizer, load_tokenizer
from tests.conftest import write_wordpiece

WINDOW = 48
TEXTS = ("The keeper lit the lamp. " * 30, "ada", "Bel and Cora signed the lease (1887), in a storm. " * 12)
PIECES = [Piece(f"text {number}", text, begins=True) for number, text in enumerate(TEXTS)]


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    write_wordpiece(tmp_path)
    return load_tokenizer(tmp_path)


def built(kind: Any, **changes: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BigBirdConfig(
            vocab_size=160,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=WINDOW,
            block_size=4,
            num_random_blocks=1,
            initializer_range=0.3,
            **changes,
        )
        return kind(config).eval()


def scores_of(model: Any, task: Any, tokenizer: Tokenizer) -> dict[str, float]:
    features, decoder = task.encode(PIECES, tokenizer), task.decoder(PIECES, tokenizer)
    predictor = Predictor(model, head=task.head)
    for feature, outputs in predictor.predict(features, batch_size=4):
        decoder.add(feature, outputs)
    scores: dict[str, float] = task.score(decoder.finish(), PIECES)
    return scores


@pytest.mark.parametrize("pairs", [False, True])
def test_a_masked_model_is_measured_by_its_own_scores(tokenizer: Tokenizer, pairs: bool) -> None:
    task = MaskedLanguageModelling(window=WINDOW, next_sentence=pairs)
    model = built(BigBirdForPreTraining if pairs else BigBirdForMaskedLM)
    nll, n_characters, n_right, n_tokens, n_follows = 0.0, 0, 0, 0, 0
    features = task.encode(PIECES, tokenizer)
    for feature in features:
        with torch.no_grad():
            output = model(
                torch.tensor(feature.ids[None]).long(),
                token_type_ids=torch.tensor(feature.types[None]).long(),
                return_dict=True,
            )
        logits = (output.prediction_logits if pairs else output.logits)[0].double().log_softmax(-1)
        labels = np.asarray(feature.labels["labels"])
        for place in np.flatnonzero(labels != -100):
            nll -= float(logits[place, labels[place]])
            n_right += int(logits[place].argmax() == labels[place])
            n_characters += int(feature.characters[place])  # type: ignore[attr-defined]
            n_tokens += 1
        if pairs:
            n_follows += int(output.seq_relationship_logits[0].argmax()) == feature.labels["next_sentence_label"]
    scores = scores_of(model, task, tokenizer)
    assert scores["bits_per_character"] == pytest.approx(nll / math.log(2) / n_characters, rel=1e-5)
    assert scores["perplexity"] == pytest.approx(math.exp(nll / n_tokens), rel=1e-5)
    assert scores["accuracy"] == pytest.approx(100 * n_right / n_tokens)
    assert scores["total"] == n_tokens
    if pairs:
        assert scores["next_sentence_accuracy"] == pytest.approx(100 * n_follows / len(features))


def test_a_causal_model_is_measured_over_the_whole_text(tokenizer: Tokenizer) -> None:
    task = CausalLanguageModelling(window=WINDOW, overlap=12)
    model = built(BigBirdForCausalLM, is_decoder=True)
    stream: list[int] = []
    for text in TEXTS:
        stream += [*([tokenizer.sep_id] if stream else []), *tokenizer.encode(text).ids.tolist()]
    nll, start = 0.0, 0
    room = WINDOW - 1
    while True:
        window = stream[start : start + room]
        with torch.no_grad():
            logits = model(torch.tensor([[tokenizer.cls_id, *window]]), return_dict=True).logits[0].double()
        for place, token in enumerate(window):
            if token != tokenizer.sep_id and (not start or place >= 12):
                nll -= float(logits.log_softmax(-1)[place, token])  # the token before it stands at `place`
        if start + room >= len(stream):
            break
        start += room - 12
    n_characters = sum(len(text.rstrip()) for text in TEXTS)
    assert scores_of(model, task, tokenizer)["bits_per_character"] == pytest.approx(
        nll / math.log(2) / n_characters, rel=1e-5
    )
