"""The arguments that users of transformers open and save a model with."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.numpy import load_file

import bigbird_cli as bb
from bigbird_cli.errors import BigBirdWarning, ModelError
from bigbird_cli.weights import store

IDS = torch.arange(5, 25)[None]


def tiny_config(**changes: Any) -> bb.BigBirdConfig:
    settings = {
        "vocab_size": 40,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 64,
    }
    return bb.BigBirdConfig(**{**settings, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bb.BigBirdForSequenceClassification(tiny_config(num_labels=3)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["torch_dtype", "dtype"])
@pytest.mark.parametrize("asked", [torch.bfloat16, "bfloat16", "torch.bfloat16"])
def test_a_model_opens_in_the_type_that_is_asked_for(folder: Path, name: str, asked: Any) -> None:
    model = bb.BigBirdForSequenceClassification.from_pretrained(folder, **{name: asked})
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert model(IDS).logits.dtype == torch.bfloat16


def test_auto_takes_the_type_that_the_config_names(folder: Path) -> None:
    opened = bb.BigBirdForSequenceClassification.from_pretrained
    assert opened(folder, torch_dtype="auto").dtype == torch.float32
    opened(folder, torch_dtype="float16").save_pretrained(folder)
    config = bb.BigBirdConfig.from_pretrained(folder, torch_dtype="float16")
    config.save_pretrained(folder)
    assert opened(folder, torch_dtype="auto").dtype == torch.float16
    assert opened(folder).dtype == torch.float32
    for wrong in ("float3", torch.int64, "int64"):
        with pytest.raises(ValueError, match="torch_dtype is"):
            opened(folder, torch_dtype=wrong)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_a_model_of_half_precision_is_saved_and_opens_the_same(folder: Path, kind: torch.dtype) -> None:
    model = bb.BigBirdForSequenceClassification.from_pretrained(folder, torch_dtype=kind)
    model.save_pretrained(folder)
    again = bb.BigBirdForSequenceClassification.from_pretrained(folder, torch_dtype=kind)
    for name, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


@pytest.mark.parametrize("as_folder", [False, True])
def test_another_config_takes_the_place_of_the_folders(folder: Path, tmp_path: Path, as_folder: bool) -> None:
    config: Any = tiny_config(num_labels=3, hidden_act="relu")
    if as_folder:
        config.save_pretrained(tmp_path / "other")
        config = str(tmp_path / "other")
    model = bb.BigBirdForSequenceClassification.from_pretrained(folder, config=config, attention_type="original_full")
    assert (model.config.hidden_act, model.config.attention_type) == ("relu", "original_full")


def test_the_pooler_is_a_choice_where_a_class_leaves_it(folder: Path) -> None:
    with pytest.warns(BigBirdWarning):
        assert bb.BigBirdModel.from_pretrained(folder, add_pooling_layer=False).pooler is None
    with pytest.warns(BigBirdWarning):
        assert bb.BigBirdForQuestionAnswering.from_pretrained(folder, add_pooling_layer=True).bert.pooler is not None
    with pytest.raises(TypeError, match="BigBirdForMaskedLM leaves no choice"):
        bb.BigBirdForMaskedLM.from_pretrained(folder, add_pooling_layer=False)


def test_what_became_of_the_tensors_is_told_on_demand(folder: Path) -> None:
    model, info = bb.BigBirdForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert isinstance(model, bb.BigBirdForSequenceClassification)
    assert info == {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": [], "error_msgs": []}
    with pytest.warns(BigBirdWarning):
        _, info = bb.BigBirdModel.from_pretrained(folder, output_loading_info=True)
    assert info["missing_keys"] == ["pooler.weight", "pooler.bias"]
    assert "classifier.out_proj.weight" in info["unexpected_keys"]


def test_tensors_of_another_shape_start_anew_on_demand_but_not_the_encoders(folder: Path) -> None:
    config = tiny_config(num_labels=5)
    config.save_pretrained(folder)  # at odds with the weights
    with pytest.raises(ModelError, match=r"out_proj\.weight has the shape"):
        bb.BigBirdForSequenceClassification.from_pretrained(folder)
    with pytest.warns(BigBirdWarning, match="of another shape and new: classifier.out_proj.weight"):
        model, info = bb.BigBirdForSequenceClassification.from_pretrained(
            folder, ignore_mismatched_sizes=True, output_loading_info=True
        )
    assert model(IDS).logits.shape == (1, 5)
    assert info["mismatched_keys"][0] == ("classifier.out_proj.weight", [3, 16], [5, 16])
    with pytest.raises(ModelError, match=r"word_embeddings\.weight has the shape"):
        bb.BigBirdModel.from_pretrained(folder, vocab_size=50, ignore_mismatched_sizes=True)


def test_a_hub_name_takes_the_arguments_of_the_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def from_hub(name: str, _weights: object, **options: Any) -> Path:
        asked.append({"name": name, **options})
        return folder

    monkeypatch.setattr(store, "_from_hub", from_hub)
    monkeypatch.chdir(folder.parent)
    where = {"revision": "v2", "cache_dir": "c", "token": "t"}
    bb.BigBirdForSequenceClassification.from_pretrained("me/model", local_files_only=True, **where)
    bb.BigBirdConfig.from_pretrained("me/model", local_files_only=True, **where)
    expected = {"name": "me/model", "revision": "v2", "offline": True, "hub": {"cache_dir": "c", "token": "t"}}
    assert asked == [expected, expected]


def test_arguments_that_leave_no_choice_are_taken_or_refused(folder: Path) -> None:
    opened = bb.BigBirdForSequenceClassification.from_pretrained
    opened(
        folder,
        low_cpu_mem_usage=False,
        use_safetensors=True,
        trust_remote_code=True,
        device_map="cpu",
        attn_implementation="eager",
    )
    with pytest.raises(ValueError, match="use_safetensors=False is not offered"):
        opened(folder, use_safetensors=False)
    with pytest.raises(ModelError, match="no setting 'torch_dtyp'"):
        opened(folder, torch_dtyp="bfloat16")


def test_a_model_is_saved_by_the_main_process_and_never_as_a_pickle(folder: Path, tmp_path: Path) -> None:
    model = bb.BigBirdForSequenceClassification.from_pretrained(folder)
    model.save_pretrained(tmp_path / "b", is_main_process=False)
    assert not (tmp_path / "b").exists()
    state = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    model.save_pretrained(tmp_path / "b", state_dict=state, safe_serialization=True, max_shard_size="5GB")
    assert not any(value.any() for value in load_file(tmp_path / "b" / "model.safetensors").values())
    with pytest.raises(ValueError, match="safetensors only"):
        model.save_pretrained(tmp_path / "b", safe_serialization=False)
    with pytest.raises(TypeError, match="push_to_hub"):
        model.save_pretrained(tmp_path / "b", push_to_hub=True)


def test_the_encoder_of_a_model_is_saved_as_what_it_is(folder: Path, tmp_path: Path) -> None:
    bb.BigBirdForSequenceClassification.from_pretrained(folder).bert.save_pretrained(tmp_path / "bert")
    assert bb.BigBirdConfig.from_pretrained(tmp_path / "bert").architectures == ["BigBirdModel"]
    assert transformers.BigBirdModel.from_pretrained(tmp_path / "bert").config.vocab_size == 40


@pytest.mark.parametrize(
    "name",
    [
        "CausalLM",
        "MaskedLM",
        "MultipleChoice",
        "PreTraining",
        "QuestionAnswering",
        "SequenceClassification",
        "TokenClassification",
    ],
)
def test_auto_names_give_the_bigbird_of_their_kind(name: str) -> None:
    assert getattr(bb, f"AutoModelFor{name}") is getattr(bb, f"BigBirdFor{name}")
    assert isinstance(getattr(bb, f"AutoModelFor{name}").from_config(tiny_config()), getattr(bb, f"BigBirdFor{name}"))


def test_auto_names_tell_a_model_of_another_kind(tmp_path: Path) -> None:
    transformers.BertConfig().save_pretrained(tmp_path)
    for opened in (bb.AutoModel.from_pretrained, bb.AutoConfig.from_pretrained):
        with pytest.raises(ModelError, match=r"the model is a 'bert', not a 'big_bird'; .*bigbird convert"):
            opened(tmp_path)


def test_token_types_that_a_checkpoint_lacks_begin_as_its_first(folder: Path) -> None:
    name = "bert.embeddings.token_type_embeddings.weight"
    saved = bb.BigBirdForSequenceClassification.from_pretrained(folder).state_dict()[name]
    wider = bb.BigBirdForSequenceClassification.from_pretrained(folder, type_vocab_size=5).state_dict()[name]
    torch.testing.assert_close(wider, torch.cat([saved, saved[:1].repeat(5 - len(saved), 1)]))
    with pytest.raises(ModelError, match=r"token_type_embeddings\.weight has the shape"):
        bb.BigBirdForSequenceClassification.from_pretrained(folder, type_vocab_size=1)
