"""The Flax half of Hugging Face's BigBird documentation (v4.44): its arguments, its outputs and its samples.

Samples run with the name of the package changed. The hub is a folder here, and its models are small ones.
"""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="needs the extra bigbird-cli[jax]")

import bigbird_cli as bb
from bigbird_cli.jax.model import outputs
from bigbird_cli.text.tokenizers import folder_settings
from bigbird_cli.weights import store
from tests.jax.conftest import SETTINGS

VOCABULARY = Path(__file__).parents[1] / "text" / "fixtures" / "tiny-spiece.model"

CALL = (
    *("input_ids", "attention_mask", "token_type_ids", "position_ids", "head_mask"),
    *("encoder_hidden_states", "encoder_attention_mask", "params", "dropout_rng", "indices_rng", "train"),
    *("output_attentions", "output_hidden_states", "return_dict", "past_key_values"),
)
CALL_OF_QA = (*CALL[:5], "question_lengths", *CALL[7:-1])
STATES = ("hidden_states", "attentions")
OUTPUTS = {
    "FlaxBigBirdModel": ("FlaxBaseModelOutputWithPooling", ("last_hidden_state", "pooler_output", *STATES)),
    "FlaxBigBirdForPreTraining": (
        "FlaxBigBirdForPreTrainingOutput",
        ("prediction_logits", "seq_relationship_logits", *STATES),
    ),
    "FlaxBigBirdForCausalLM": (
        "FlaxCausalLMOutputWithCrossAttentions",
        ("logits", "past_key_values", *STATES, "cross_attentions"),
    ),
    "FlaxBigBirdForMaskedLM": ("FlaxMaskedLMOutput", ("logits", *STATES)),
    "FlaxBigBirdForSequenceClassification": ("FlaxSequenceClassifierOutput", ("logits", *STATES)),
    "FlaxBigBirdForMultipleChoice": ("FlaxMultipleChoiceModelOutput", ("logits", *STATES)),
    "FlaxBigBirdForTokenClassification": ("FlaxTokenClassifierOutput", ("logits", *STATES)),
    "FlaxBigBirdForQuestionAnswering": (
        "FlaxBigBirdForQuestionAnsweringModelOutput",
        ("start_logits", "end_logits", "pooled_output", *STATES),
    ),
}

OPENED = """
from transformers import AutoTokenizer, {kind}
tokenizer = AutoTokenizer.from_pretrained("google/bigbird-roberta-base")
model = {kind}.from_pretrained("google/bigbird-roberta-base")
"""
HELLO = OPENED + 'inputs = tokenizer("Hello, my dog is cute", return_tensors="{tensors}")\noutputs = model(**inputs)\n'
SAMPLES = {
    "FlaxBigBirdModel": (HELLO, "jax", "last_hidden_states = outputs.last_hidden_state"),
    "FlaxBigBirdForPreTraining": (
        HELLO,
        "np",
        "prediction_logits = outputs.prediction_logits\nseq_relationship_logits = outputs.seq_relationship_logits",
    ),
    "FlaxBigBirdForCausalLM": (HELLO, "np", "next_token_logits = outputs.logits[:, -1]"),
    "FlaxBigBirdForMaskedLM": (
        OPENED + 'inputs = tokenizer("The capital of France is [MASK].", return_tensors="{tensors}")\n',
        "jax",
        "outputs = model(**inputs)\nlogits = outputs.logits",
    ),
    "FlaxBigBirdForSequenceClassification": (HELLO, "jax", "logits = outputs.logits"),
    "FlaxBigBirdForMultipleChoice": (
        OPENED,
        "",
        'prompt, choice0, choice1 = "Pizza is presented unsliced.", "It is eaten with a fork.", "By hand."\n'
        'encoding = tokenizer([prompt, prompt], [choice0, choice1], return_tensors="jax", padding=True)\n'
        "outputs = model(**{k: v[None, :] for k, v in encoding.items()})\n"
        "logits = outputs.logits",
    ),
    "FlaxBigBirdForTokenClassification": (HELLO, "jax", "logits = outputs.logits"),
    "FlaxBigBirdForQuestionAnswering": (
        OPENED,
        "",
        'question, text = "Who was Jim Henson?", "Jim Henson was a nice puppet"\n'
        'inputs = tokenizer(question, text, return_tensors="jax")\n'
        "outputs = model(**inputs)\n"
        "start_scores = outputs.start_logits\nend_scores = outputs.end_logits",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", OUTPUTS)
def test_arguments_stand_in_the_documentation_s_order(kind: str) -> None:
    model = getattr(bb, kind)
    wanted = CALL_OF_QA if kind == "FlaxBigBirdForQuestionAnswering" else CALL
    by_position = [
        each for each in inspect.signature(model.__call__).parameters.values() if each.kind is not each.KEYWORD_ONLY
    ]
    assert tuple(each.name for each in by_position)[1:] == wanted
    assert tuple(inspect.signature(model).parameters)[:6] == (
        *("config", "input_shape", "seed", "dtype", "_do_init", "gradient_checkpointing"),
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", OUTPUTS)
def test_outputs_have_the_documentation_s_fields(kind: str) -> None:
    name, wanted = OUTPUTS[kind]
    found = tuple(inspect.signature(getattr(outputs, name)).parameters)
    assert tuple(field for field in found if field in wanted) == wanted
    assert set(found) - set(wanted) <= {"past_key_values", "cross_attentions"}  # a decoder's


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAMPLES)
def test_a_sample_runs(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = bb.BigBirdTokenizer(VOCABULARY)
    config = bb.BigBirdConfig(**{**SETTINGS, "num_hidden_layers": 1, "vocab_size": len(tokenizer)})
    getattr(bb, kind)(config).save_pretrained(tmp_path, safe_serialization=False)
    tokenizer.save_pretrained(tmp_path)
    monkeypatch.chdir(tmp_path)
    for client in (store, folder_settings):
        monkeypatch.setattr(client, "fetch_model", lambda *_, **__: tmp_path)
    head, tensors, rest = SAMPLES[kind]
    code = (head.format(kind=kind, tensors=tensors) + rest).replace("transformers", "bigbird_cli")
    names: dict[str, Any] = {}
    exec(code, names)
    for name, value in names["outputs"].items():
        assert np.isfinite(np.asarray(value)).all(), name
