"""Every PyTorch sample of Hugging Face's BigBird documentation (v4.44) runs with the name of the package changed.

The hub is a folder here, and its models are small ones.
"""

import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch

import bigbird_cli as bb
from bigbird_cli.text.tokenizers import folder_settings
from bigbird_cli.weights import store

VOCABULARY = Path(__file__).parents[2] / "text" / "fixtures" / "tiny-spiece.model"
ARTICLE = "The summer is hot and the highest values are very close to the theoretical maximum value . " * 12
QUESTION = "During daytime how high can the temperatures reach?"

CONFIG = """
from transformers import BigBirdConfig, BigBirdModel
configuration = BigBirdConfig()
model = BigBirdModel(configuration)
configuration = model.config
"""
HELLO = """
from transformers import AutoTokenizer, {kind}
import torch
tokenizer = AutoTokenizer.from_pretrained("google/bigbird-roberta-base")
model = {kind}.from_pretrained("google/bigbird-roberta-base")
inputs = tokenizer("Hello, my dog is cute", return_tensors="pt")
"""
MODEL = """
outputs = model(**inputs)
last_hidden_states = outputs.last_hidden_state
"""
PRE_TRAINING = """
outputs = model(**inputs)
prediction_logits = outputs.prediction_logits
seq_relationship_logits = outputs.seq_relationship_logits
"""
CAUSAL_LM = """
outputs = model(**inputs, labels=inputs["input_ids"])
loss = outputs.loss
logits = outputs.logits
"""
MASKED_LM = """
import torch
from transformers import AutoTokenizer, BigBirdForMaskedLM
from datasets import load_dataset
tokenizer = AutoTokenizer.from_pretrained("google/bigbird-roberta-base")
model = BigBirdForMaskedLM.from_pretrained("google/bigbird-roberta-base")
squad_ds = load_dataset("rajpurkar/squad_v2", split="train")
LONG_ARTICLE_TARGET = squad_ds[81514]["context"]
LONG_ARTICLE_TARGET[332:398]
LONG_ARTICLE_TO_MASK = LONG_ARTICLE_TARGET.replace("maximum", "[MASK]")
inputs = tokenizer(LONG_ARTICLE_TO_MASK, return_tensors="pt")
list(inputs["input_ids"].shape)
with torch.no_grad():
    logits = model(**inputs).logits
mask_token_index = (inputs.input_ids == tokenizer.mask_token_id)[0].nonzero(as_tuple=True)[0]
predicted_token_id = logits[0, mask_token_index].argmax(axis=-1)
tokenizer.decode(predicted_token_id)
labels = tokenizer(LONG_ARTICLE_TARGET, return_tensors="pt")["input_ids"]
labels = torch.where(inputs.input_ids == tokenizer.mask_token_id, labels, -100)
outputs = model(**inputs, labels=labels)
round(outputs.loss.item(), 2)
"""
SEQUENCE_CLASSIFICATION = """
import torch
from transformers import AutoTokenizer, BigBirdForSequenceClassification
from datasets import load_dataset
tokenizer = AutoTokenizer.from_pretrained("l-yohai/bigbird-roberta-base-mnli")
model = BigBirdForSequenceClassification.from_pretrained("l-yohai/bigbird-roberta-base-mnli")
squad_ds = load_dataset("rajpurkar/squad_v2", split="train")
LONG_ARTICLE = squad_ds[81514]["context"]
inputs = tokenizer(LONG_ARTICLE, return_tensors="pt")
list(inputs["input_ids"].shape)
with torch.no_grad():
    logits = model(**inputs).logits
predicted_class_id = logits.argmax().item()
model.config.id2label[predicted_class_id]
num_labels = len(model.config.id2label)
model = BigBirdForSequenceClassification.from_pretrained(
    "l-yohai/bigbird-roberta-base-mnli", num_labels=num_labels
)
labels = torch.tensor(1)
loss = model(**inputs, labels=labels).loss
round(loss.item(), 2)
"""
MULTIPLE_CHOICE = """
from transformers import AutoTokenizer, BigBirdForMultipleChoice
import torch
tokenizer = AutoTokenizer.from_pretrained("google/bigbird-roberta-base")
model = BigBirdForMultipleChoice.from_pretrained("google/bigbird-roberta-base")
prompt = "In Italy, pizza served in formal settings, such as at a restaurant, is presented unsliced."
choice0 = "It is eaten with a fork and a knife."
choice1 = "It is eaten while held in the hand."
labels = torch.tensor(0).unsqueeze(0)
encoding = tokenizer([prompt, prompt], [choice0, choice1], return_tensors="pt", padding=True)
outputs = model(**{k: v.unsqueeze(0) for k, v in encoding.items()}, labels=labels)
loss = outputs.loss
logits = outputs.logits
"""
TOKEN_CLASSIFICATION = """
from transformers import AutoTokenizer, BigBirdForTokenClassification
import torch
tokenizer = AutoTokenizer.from_pretrained("google/bigbird-roberta-base")
model = BigBirdForTokenClassification.from_pretrained("google/bigbird-roberta-base")
inputs = tokenizer(
    "HuggingFace is a company based in Paris and New York", add_special_tokens=False, return_tensors="pt"
)
with torch.no_grad():
    logits = model(**inputs).logits
predicted_token_class_ids = logits.argmax(-1)
predicted_tokens_classes = [model.config.id2label[t.item()] for t in predicted_token_class_ids[0]]
labels = predicted_token_class_ids
loss = model(**inputs, labels=labels).loss
round(loss.item(), 2)
"""
QUESTION_ANSWERING = """
import torch
from transformers import AutoTokenizer, BigBirdForQuestionAnswering
from datasets import load_dataset
tokenizer = AutoTokenizer.from_pretrained("google/bigbird-roberta-base")
model = BigBirdForQuestionAnswering.from_pretrained("google/bigbird-roberta-base")
squad_ds = load_dataset("rajpurkar/squad_v2", split="train")
LONG_ARTICLE = squad_ds[81514]["context"]
QUESTION = squad_ds[81514]["question"]
inputs = tokenizer(QUESTION, LONG_ARTICLE, return_tensors="pt")
list(inputs["input_ids"].shape)
with torch.no_grad():
    outputs = model(**inputs)
answer_start_index = outputs.start_logits.argmax()
answer_end_index = outputs.end_logits.argmax()
predict_answer_token_ids = inputs.input_ids[0, answer_start_index : answer_end_index + 1]
predict_answer_token = tokenizer.decode(predict_answer_token_ids)
target_start_index, target_end_index = torch.tensor([130]), torch.tensor([132])
outputs = model(**inputs, start_positions=target_start_index, end_positions=target_end_index)
loss = outputs.loss
"""
SAMPLES = {
    "BigBirdConfig": CONFIG,
    "BigBirdModel": HELLO.format(kind="BigBirdModel") + MODEL,
    "BigBirdForPreTraining": HELLO.format(kind="BigBirdForPreTraining") + PRE_TRAINING,
    "BigBirdForCausalLM": HELLO.format(kind="BigBirdForCausalLM") + CAUSAL_LM,
    "BigBirdForMaskedLM": MASKED_LM,
    "BigBirdForSequenceClassification": SEQUENCE_CLASSIFICATION,
    "BigBirdForMultipleChoice": MULTIPLE_CHOICE,
    "BigBirdForTokenClassification": TOKEN_CLASSIFICATION,
    "BigBirdForQuestionAnswering": QUESTION_ANSWERING,
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = bb.BigBirdTokenizer(VOCABULARY)
    tokenizer.add_tokens(["maximum"])  # one token in the large vocabulary, too
    config = bb.BigBirdConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=1024,
        block_size=16,
    )
    bb.BigBirdForPreTraining(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    monkeypatch.chdir(tmp_path)
    for client in (store, folder_settings):
        monkeypatch.setattr(client, "fetch_model", lambda *_, **__: tmp_path)
    rows: Any = defaultdict(lambda: {"context": ARTICLE, "question": QUESTION})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: rows)


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_of_the_documentation_runs(name: str) -> None:
    sample = SAMPLES[name].replace("from transformers import", "from bigbird_cli import")
    names: dict[str, Any] = {}
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore", bb.BigBirdWarning)  # of the heads that are new
        exec(sample, names)
    assert type(names["model"]).__name__ == name.replace("Config", "Model")
    for result in ("loss", "logits"):
        if result in names:
            assert names[result].isfinite().all()
