"""A converted BERT is the same encoder with more positions, and nothing of the source is lost unnamed."""

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from safetensors.numpy import load_file, save_file
from tokenizers import BertWordPieceTokenizer

import bigbird_cli as bb
from bigbird_cli.bigbird.config import BigBirdConfig
from bigbird_cli.bigbird.names import expected_names
from bigbird_cli.errors import BigBirdWarning, ModelError, UsageError
from bigbird_cli.text.tokenizers.tokenizer import load_tokenizer
from bigbird_cli.weights.convert import convert_model
from bigbird_cli.weights.describe import inspect_model
from bigbird_cli.weights.sources import open_source
from bigbird_cli.weights.store import find_folder, open_folder, read_tensors

WORDS = ["[UNK]", "[PAD]", "[MASK]", "[SEP]", "[CLS]", "the", "lease", "sign", "##ed", "Ada", "ada", "é", "e", "."]
SETTINGS: dict[str, Any] = {
    "vocab_size": 20,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 48,
    "type_vocab_size": 3,
    "hidden_dropout_prob": 0.25,
    "attention_probs_dropout_prob": 0.05,
    "layer_norm_eps": 1e-6,
    "pad_token_id": 1,
}
CONTROL = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
TEXT = "The lease. Ada signed the lease."

Changes = dict[str, Any]


def write_bert(folder: Path, *, kind: type = transformers.BertModel, **changes: Any) -> Path:
    """A random tiny BERT as transformers saves it, with a tokenizer.json that cuts and pads."""
    torch.manual_seed(0)
    model = kind(transformers.BertConfig(**SETTINGS | changes))
    with torch.no_grad():
        for parameter in model.parameters():  # biases and LayerNorms that show when they are lost
            parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    wordpiece = BertWordPieceTokenizer({word: index for index, word in enumerate(WORDS)})
    wordpiece.add_special_tokens([tokenizers.AddedToken(word, special=True) for word in WORDS[:5]])
    wordpiece.enable_truncation(6)
    wordpiece.enable_padding(pad_id=1, pad_token="[PAD]", length=6)
    wordpiece.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"do_lower_case": True, "model_max_length": 48, **CONTROL})
    return folder


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def edit_tensors(folder: Path, edit: Callable[[dict[str, np.ndarray]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def edit_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write_json(folder / "config.json", config | changes)


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    return write_bert(tmp_path / "bert")


def inputs() -> dict[str, torch.Tensor]:
    """Two documents as long as the source allows, the second one padded."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.ones(2, 48, dtype=torch.long)
    mask[1, 30:] = 0
    return {
        "input_ids": torch.randint(2, 20, (2, 48), generator=generator),
        "token_type_ids": torch.randint(0, 3, (2, 48), generator=generator),
        "attention_mask": mask,
    }


@pytest.mark.parametrize("runner", ["transformers", "ours"])
@pytest.mark.parametrize("act", ["gelu", "relu"])
def test_hidden_states_are_the_sources(act: str, runner: str, tmp_path: Path) -> None:
    source = write_bert(tmp_path / "bert", hidden_act=act)
    convert_model(source, tmp_path / "out", max_positions=256)
    if runner == "transformers":
        converted = transformers.BigBirdModel.from_pretrained(tmp_path / "out", attention_type="original_full")
    else:
        converted = bb.BigBirdModel.from_pretrained(tmp_path / "out")
    with torch.no_grad():
        want = transformers.BertModel.from_pretrained(source).eval()(**inputs())
        got = converted.eval()(**inputs())
    real = inputs()["attention_mask"].bool()
    assert want.last_hidden_state.std() > 0.1
    assert (got.last_hidden_state - want.last_hidden_state)[real].abs().max() < 1e-5
    assert (got.pooler_output - want.pooler_output).abs().max() < 1e-5


@pytest.mark.parametrize("max_positions", [48, 100, 144])
def test_positions_repeat(max_positions: int, bert: Path, tmp_path: Path) -> None:
    report = convert_model(bert, tmp_path / "out", max_positions=max_positions)
    name = "embeddings.position_embeddings.weight"
    before, after = load_file(bert / "model.safetensors")[name], load_file(tmp_path / "out/model.safetensors")[name]
    assert after.shape == (max_positions, 16)
    for row in range(max_positions):
        np.testing.assert_array_equal(after[row], before[row % 48])
    assert report.source_positions == 48
    assert report.config.max_position_embeddings == max_positions


def test_settings_and_special_ids_are_carried(bert: Path, tmp_path: Path) -> None:
    report = convert_model(bert, tmp_path / "out", max_positions=96, block_size=4, num_random_blocks=1)
    carried = {name: value for name, value in SETTINGS.items() if name != "max_position_embeddings"}
    want = BigBirdConfig(
        **carried,
        hidden_act="gelu",
        max_position_embeddings=96,
        block_size=4,
        num_random_blocks=1,
        bos_token_id=4,
        eos_token_id=3,
        sep_token_id=3,
        architectures=["BigBirdModel"],
    )
    assert report.config == want
    assert BigBirdConfig.from_file(tmp_path / "out") == want


def test_defaults_that_a_config_leaves_out_are_berts(bert: Path, tmp_path: Path) -> None:
    path = bert / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for name in ("hidden_act", "layer_norm_eps", "pad_token_id"):
        config.pop(name, None)
    write_json(path, config)
    converted = convert_model(bert, tmp_path / "out").config
    assert (converted.hidden_act, converted.layer_norm_eps, converted.pad_token_id) == ("gelu", 1e-12, 1)


def test_the_folder_is_a_base_model_with_every_tensor(bert: Path, tmp_path: Path) -> None:
    report = convert_model(bert, tmp_path / "out")
    tensors = load_file(tmp_path / "out/model.safetensors")
    assert {name: array.shape for name, array in tensors.items()} == expected_names(report.config, "none")
    assert report.used.keys() == load_file(bert / "model.safetensors").keys()
    assert set(report.used.values()) == tensors.keys()
    assert report.unused == {}


@pytest.mark.parametrize(
    ("kind", "left_out"),
    [
        (transformers.BertForQuestionAnswering, {"qa_outputs.weight", "qa_outputs.bias"}),
        (transformers.BertForSequenceClassification, {"classifier.weight", "classifier.bias"}),
    ],
)
def test_a_model_with_a_head_gives_its_encoder_and_names_the_head(
    kind: type, left_out: set[str], tmp_path: Path
) -> None:
    source = write_bert(tmp_path / "bert", kind=kind)
    report = convert_model(source, tmp_path / "out")
    assert report.unused == dict.fromkeys(left_out, "belongs to a head; heads are new")
    stored = load_file(source / "model.safetensors")
    assert report.used.keys() | report.unused.keys() == stored.keys()
    np.testing.assert_array_equal(
        load_file(tmp_path / "out/model.safetensors")["encoder.layer.1.output.dense.weight"],
        stored["bert.encoder.layer.1.output.dense.weight"],
    )


def test_a_source_without_a_pooler_says_so(tmp_path: Path) -> None:
    source = write_bert(tmp_path / "bert", kind=transformers.BertForQuestionAnswering)
    report = convert_model(source, tmp_path / "out")
    assert report.initialised[:2] == ("pooler.weight", "pooler.bias")
    assert "pooler.weight" not in load_file(tmp_path / "out/model.safetensors")


def test_new_heads_are_named(bert: Path, tmp_path: Path) -> None:
    initialised = convert_model(bert, tmp_path / "out").initialised
    assert "qa_classifier.qa_outputs.weight" in initialised
    assert "cls.predictions.bias" in initialised
    assert "cls.predictions.decoder.weight" not in initialised  # it is the word embeddings
    assert "pooler.weight" not in initialised


def test_buffers_and_strangers_are_named(bert: Path, tmp_path: Path) -> None:
    def add(tensors: dict[str, np.ndarray]) -> None:
        tensors["embeddings.position_ids"] = np.arange(48)[None]
        tensors["encoder.layer.2.output.dense.bias"] = np.zeros(16, dtype=np.float32)
        tensors["embeddings.extra.weight"] = np.zeros(3, dtype=np.float32)

    edit_tensors(bert, add)
    unused = convert_model(bert, tmp_path / "out").unused
    assert unused == {
        "embeddings.position_ids": "a buffer that counts positions, made anew",
        "encoder.layer.2.output.dense.bias": "no parameter of the 2 layers that config.json tells of",
        "embeddings.extra.weight": "no parameter of BERT's encoder",
    }


def test_the_older_spelling_of_layer_norms_is_read(bert: Path, tmp_path: Path) -> None:
    convert_model(bert, tmp_path / "newer")

    def respell(tensors: dict[str, np.ndarray]) -> None:
        for name in [name for name in tensors if "LayerNorm" in name]:
            tensors[name.replace(".weight", ".gamma").replace(".bias", ".beta")] = tensors.pop(name)

    edit_tensors(bert, respell)
    convert_model(bert, tmp_path / "older")
    newer, older = (load_file(tmp_path / name / "model.safetensors") for name in ("newer", "older"))
    assert newer.keys() == older.keys()
    for name in newer:
        np.testing.assert_array_equal(newer[name], older[name])


def test_half_precision_becomes_single(bert: Path, tmp_path: Path) -> None:
    edit_tensors(bert, lambda tensors: tensors.update({name: a.astype(np.float16) for name, a in tensors.items()}))
    convert_model(bert, tmp_path / "out")
    converted = load_file(tmp_path / "out/model.safetensors")
    assert {array.dtype for array in converted.values()} == {np.dtype(np.float32)}
    stored = load_file(bert / "model.safetensors")["pooler.dense.weight"]
    np.testing.assert_array_equal(converted["pooler.weight"], stored)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda tensors: tensors.pop("encoder.layer.1.attention.self.key.bias"),
            "the tensor encoder.layer.1.attention.self.key.bias (16,) is missing",
        ),
        (
            lambda tensors: tensors.pop("embeddings.LayerNorm.weight"),
            "the tensor embeddings.LayerNorm.weight (16,) is missing",
        ),
        (lambda tensors: tensors.pop("pooler.dense.bias"), "the tensor pooler.dense.bias (16,) is missing"),
        (
            lambda tensors: tensors.update({"embeddings.word_embeddings.weight": np.zeros((21, 16), np.float32)}),
            "the tensor embeddings.word_embeddings.weight has the shape (21, 16) where config.json asks for (20, 16)",
        ),
        (
            lambda tensors: tensors["pooler.dense.bias"].fill(np.nan),
            "the tensor pooler.dense.bias holds values that are not finite",
        ),
        (
            lambda tensors: tensors.update({"bert.pooler.dense.bias": tensors["pooler.dense.bias"].copy()}),
            "are the same parameter",
        ),
    ],
)
def test_a_wrong_tensor_is_named(
    edit: Callable[[dict[str, np.ndarray]], None], message: str, bert: Path, tmp_path: Path
) -> None:
    edit_tensors(bert, edit)
    with pytest.raises(ModelError) as caught:
        convert_model(bert, tmp_path / "out")
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "distilbert"}, "the model is a 'distilbert', which is no encoder of BERT's shape"),
        ({"model_type": None, "architectures": None}, "it does not say what kind of model this is"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
        ({"is_decoder": True}, "the model is a decoder"),
        ({"hidden_size": 18}, "hidden_size 18 is no multiple"),
        ({"max_position_embeddings": "many"}, "max_position_embeddings is 'many'"),
        ({"vocab_size": 12}, "the tokenizer has ids up to 13, but the model only 12 word embeddings"),
    ],
)
def test_a_source_that_is_no_plain_bert_is_refused(changes: Changes, message: str, bert: Path, tmp_path: Path) -> None:
    edit_config(bert, **changes)
    with pytest.raises(ModelError) as caught:
        convert_model(bert, tmp_path / "out")
    assert message in str(caught.value)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_an_error_that_names_the_folder(file: str, bert: Path, tmp_path: Path) -> None:
    (bert / file).unlink()
    with pytest.raises(ModelError) as caught:
        convert_model(bert, tmp_path / "out")
    assert str(bert) in str(caught.value)
    assert file in str(caught.value)


def test_a_folder_that_holds_something_is_left_alone(bert: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="holds files already"):
        convert_model(bert, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["notes.txt"]
    with pytest.raises(UsageError, match="a file of that name"):
        convert_model(bert, tmp_path / "out/notes.txt")


def test_an_empty_folder_is_filled(bert: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    convert_model(bert, tmp_path / "out")
    assert (tmp_path / "out/config.json").is_file()


def test_a_bigbirds_card_goes_with_it_and_that_of_another_model_does_not(bert: Path, tmp_path: Path) -> None:
    (bert / "README.md").write_text("# A BERT", encoding="utf-8")
    convert_model(bert, tmp_path / "bigbird")
    assert not (tmp_path / "bigbird" / "README.md").exists()
    (tmp_path / "bigbird" / "README.md").write_text("# A BigBird", encoding="utf-8")
    convert_model(tmp_path / "bigbird", tmp_path / "half", dtype="float16")
    assert (tmp_path / "half" / "README.md").read_text(encoding="utf-8") == "# A BigBird"


def test_fewer_positions_are_the_sources_first(bert: Path, tmp_path: Path) -> None:
    report = convert_model(bert, tmp_path / "out", max_positions=40)
    name = "embeddings.position_embeddings.weight"
    before, after = load_file(bert / "model.safetensors")[name], load_file(tmp_path / "out/model.safetensors")[name]
    np.testing.assert_array_equal(after, before[:40])
    assert [note for note in report.notes if note.startswith("positions 48 → 40: the source's first")]


def test_interpolated_positions_lie_evenly_between_the_sources(bert: Path, tmp_path: Path) -> None:
    convert_model(bert, tmp_path / "out", max_positions=95, positions="interpolate")
    name = "embeddings.position_embeddings.weight"
    before, after = load_file(bert / "model.safetensors")[name], load_file(tmp_path / "out/model.safetensors")[name]
    np.testing.assert_allclose(after[::2], before, atol=1e-7)
    np.testing.assert_allclose(after[1::2], (before[1:] + before[:-1]) / 2, atol=1e-7)


@pytest.mark.parametrize("settings", [{"block_size": 0}, {"num_random_blocks": -1}, {"max_positions": 2**63}])
def test_settings_out_of_range_are_the_callers_mistake(settings: dict[str, Any], bert: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is out of bounds; give a number between"):
        convert_model(bert, tmp_path / "out", **settings)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"model": {"type": "WordPiece"}, "added_tokens": [1]}'])
def test_a_broken_tokenizer_is_an_error_that_names_the_folder(content: str, bert: Path, tmp_path: Path) -> None:
    (bert / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        convert_model(bert, tmp_path / "out")
    assert str(caught.value).startswith(str(bert))


def test_a_vocabulary_without_its_unknown_token_is_refused(bert: Path, tmp_path: Path) -> None:
    path = bert / "tokenizer.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    description["model"]["vocab"]["[UNX]"] = description["model"]["vocab"].pop("[UNK]", 0)
    write_json(path, description)
    with pytest.raises(ModelError, match=r"lacks its own unknown token '\[UNK\]'"):
        convert_model(bert, tmp_path / "out")


def test_the_tokenizer_no_longer_cuts_or_pads(bert: Path, tmp_path: Path) -> None:
    convert_model(bert, tmp_path / "out")
    stored = tokenizers.Tokenizer.from_file(str(tmp_path / "out/tokenizer.json"))
    assert stored.truncation is None
    assert stored.padding is None
    assert stored.encode(TEXT * 9).tokens[:6] == ["[CLS]", "the", "lease", ".", "ada", "sign"]
    assert len(stored.encode(TEXT * 9)) == 2 + 9 * 9


def test_transformers_opens_the_tokenizer_as_it_was(bert: Path, tmp_path: Path) -> None:
    convert_model(bert, tmp_path / "out", max_positions=96)
    before = transformers.AutoTokenizer.from_pretrained(bert)
    after = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    pair = (TEXT, "Ada [MASK]")
    want = before(*pair, return_token_type_ids=True)
    assert dict(after(*pair)) == dict(want)
    assert after.model_max_length == 96
    assert (after.cls_token_id, after.sep_token_id, after.pad_token_id, after.mask_token_id) == (4, 3, 1, 2)


def test_a_vocabulary_without_a_mask_gets_none(bert: Path, tmp_path: Path) -> None:
    (bert / "tokenizer.json").unlink()
    words = [word.replace("[MASK]", "[unused0]") for word in WORDS]
    (bert / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    write_json(bert / "tokenizer_config.json", {"do_lower_case": True})
    convert_model(bert, tmp_path / "out")
    assert load_tokenizer(tmp_path / "out").mask_id is None
    assert len(transformers.AutoTokenizer.from_pretrained(tmp_path / "out")) == len(WORDS)


@pytest.mark.parametrize("from_vocabulary", [False, True])
@pytest.mark.parametrize("lower", [False, True])
def test_case_follows_the_settings_beside_the_vocabulary(
    lower: bool, from_vocabulary: bool, bert: Path, tmp_path: Path
) -> None:
    write_json(bert / "tokenizer_config.json", {"do_lower_case": lower})
    if from_vocabulary:
        (bert / "tokenizer.json").unlink()
        (bert / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    convert_model(bert, tmp_path / "out")
    tokenizer = load_tokenizer(tmp_path / "out")
    assert tokenizer.pieces(tokenizer.encode("Ada signed é").ids) == [
        "ada" if lower else "Ada",
        "sign",
        "##ed",
        "e" if lower else "é",
    ]
    assert (tokenizer.cls_id, tokenizer.sep_id, tokenizer.pad_id, tokenizer.mask_id) == (4, 3, 1, 2)


def test_sentence_transformers_keep_the_model_in_a_subfolder(tmp_path: Path) -> None:
    write_bert(tmp_path / "st/0_Transformer")
    write_json(
        tmp_path / "st/modules.json",
        [
            {"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ],
    )
    report = convert_model(tmp_path / "st", tmp_path / "out")
    assert len(report.used) == 5 + 2 * 16 + 2
    write_json(tmp_path / "st/modules.json", [{"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])
    with pytest.raises(ModelError, match="names no transformer"):
        convert_model(tmp_path / "st", tmp_path / "again")


def test_there_is_no_such_source(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such folder"):
        convert_model(tmp_path / "nowhere", tmp_path / "out")


# RoBERTa and other relatives

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "t", "h", "e", "Ġ", "l", "a", "s", "th", "the", "Ġl", "Ġthe", "<mask>"]
MERGES = ["t h", "th e", "Ġ l", "Ġ the"]


def write_roberta(folder: Path, *, kind: str = "Roberta", merges_only: bool = False, **changes: Any) -> Path:
    """A random tiny RoBERTa, or a relative of its shape, with its byte-level BPE."""
    settings = SETTINGS | {"type_vocab_size": 1, "max_position_embeddings": 50, "pad_token_id": 1} | changes
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")(**settings))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    write_json(folder / "vocab.json", {piece: index for index, piece in enumerate(PIECES)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n", encoding="utf-8")
    if not merges_only:
        transformers.RobertaTokenizerFast.from_pretrained(folder).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["Roberta", "Camembert", "XLMRoberta"])
@pytest.mark.parametrize("size", [{}, {"hidden_size": 32, "num_hidden_layers": 3}, {"pad_token_id": 3}])
def test_a_robertas_hidden_states_are_kept(kind: str, size: dict[str, Any], tmp_path: Path) -> None:
    source = write_roberta(tmp_path / "roberta", kind=kind, **size)
    convert_model(source, tmp_path / "out", max_positions=128)
    n_tokens = 50 - size.get("pad_token_id", 1) - 1
    ids = torch.randint(4, 20, (2, n_tokens), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        want = getattr(transformers, f"{kind}Model").from_pretrained(source).eval()(ids)
        ours = bb.BigBirdModel.from_pretrained(tmp_path / "out", attention_type="original_full").eval()
        got = [ours(ids, token_type_ids=torch.full_like(ids, kind)) for kind in (0, 1)]
    assert want.last_hidden_state.std() > 0.1
    for output in got:
        assert (output.last_hidden_state - want.last_hidden_state).abs().max() < 1e-5
        assert (output.pooler_output - want.pooler_output).abs().max() < 1e-5


@pytest.mark.parametrize("size", [{"hidden_size": 32}, {"num_hidden_layers": 4}, {"num_attention_heads": 2}])
def test_berts_of_other_sizes_keep_their_hidden_states(size: dict[str, Any], tmp_path: Path) -> None:
    source = write_bert(tmp_path / "bert", **size)
    convert_model(source, tmp_path / "out")
    with torch.no_grad():
        want = transformers.BertModel.from_pretrained(source).eval()(**inputs()).last_hidden_state
        got = bb.BigBirdModel.from_pretrained(tmp_path / "out").eval()(**inputs()).last_hidden_state
    assert (got - want)[inputs()["attention_mask"].bool()].abs().max() < 1e-5


def test_an_electra_of_one_width_keeps_its_hidden_states_and_others_are_refused(tmp_path: Path) -> None:
    source = write_bert(tmp_path / "bert")
    torch.manual_seed(0)
    for width in (16, 8):
        config = transformers.ElectraConfig(**SETTINGS, embedding_size=width)
        transformers.ElectraModel(config).save_pretrained(source)
        if width == 8:
            with pytest.raises(ModelError, match="its embeddings are 8 wide and its layers 16"):
                convert_model(source, tmp_path / "narrow")
            continue
        report = convert_model(source, tmp_path / "out")
        assert report.source.startswith("ELECTRA encoder in safetensors")
        assert report.initialised[:2] == ("pooler.weight", "pooler.bias")
        with torch.no_grad():
            want = transformers.ElectraModel.from_pretrained(source).eval()(**inputs()).last_hidden_state
            ours = bb.BigBirdModel(report.config, add_pooling_layer=False).eval()
            ours.load_tensors(load_file(tmp_path / "out/model.safetensors"), where="out")
            got = ours(**inputs()).last_hidden_state
        assert (got - want)[inputs()["attention_mask"].bool()].abs().max() < 1e-5


def test_the_positions_of_padding_are_skipped_and_types_doubled(tmp_path: Path) -> None:
    source = write_roberta(tmp_path / "roberta")
    report = convert_model(source, tmp_path / "out", max_positions=60)
    before, after = load_file(source / "model.safetensors"), load_file(tmp_path / "out/model.safetensors")
    positions, types = "embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight"
    np.testing.assert_array_equal(after[positions][:48], before[positions][2:])
    np.testing.assert_array_equal(after[positions][48:], before[positions][2:14])
    np.testing.assert_array_equal(after[types], before[types][[0, 0]])
    assert (report.source_positions, report.config.type_vocab_size) == (48, 2)
    assert "the first 2 position rows are padding's and were left out" in report.notes


@pytest.mark.parametrize("merges_only", [False, True])
def test_a_robertas_tokenizer_gives_the_same_ids(merges_only: bool, tmp_path: Path) -> None:
    source = write_roberta(tmp_path / "roberta", merges_only=merges_only)
    report = convert_model(source, tmp_path / "out")
    want = transformers.RobertaTokenizerFast.from_pretrained(source)
    got = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    if (
        merges_only
    ):  # the mask takes the space before it, as in transformers 4.44; 5.23 leaves it when it writes the file
        assert got(" the <mask>").input_ids == [0, 14, 15, 2]
    for text in ("the lath the", "<mask> the", "e\nle", "the <s> the"):
        assert got(text).input_ids == want(text).input_ids
    assert got("the", "la").input_ids == want("the", "la").input_ids
    ours = load_tokenizer(tmp_path / "out")
    assert (ours.cls_id, ours.sep_id, ours.pad_id, ours.mask_id, ours.unk_id) == (0, 2, 1, 15, 3)
    assert (report.config.bos_token_id, report.config.eos_token_id, report.config.sep_token_id) == (0, 2, 2)


def test_a_padding_id_that_leaves_no_positions_is_refused(tmp_path: Path) -> None:
    source = write_roberta(tmp_path / "roberta")
    edit_config(source, pad_token_id=49)
    with pytest.raises(ModelError, match="pad_token_id is 49, and positions are counted from there"):
        convert_model(source, tmp_path / "out")


def test_a_merges_file_that_is_none_is_named(tmp_path: Path) -> None:
    source = write_roberta(tmp_path / "roberta", merges_only=True)
    (source / "merges.txt").write_text("x y z\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"merges\.txt"):
        convert_model(source, tmp_path / "out")


def test_a_config_that_tells_of_a_billion_layers_is_refused_at_once(bert: Path, tmp_path: Path) -> None:
    edit_config(bert, num_hidden_layers=10**9)
    with pytest.raises(ModelError, match="num_hidden_layers is 1000000000, and the folder has 39 tensors"):
        convert_model(bert, tmp_path / "out")


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod."])
def test_what_a_wrapper_put_before_every_name_is_taken_off_and_told(prefix: str, bert: Path, tmp_path: Path) -> None:
    convert_model(bert, tmp_path / "plain")
    edit_tensors(bert, lambda tensors: [tensors.update({prefix + name: tensors.pop(name)}) for name in list(tensors)])
    report = convert_model(bert, tmp_path / "out")
    assert f"{prefix!r} before every name was taken off" in report.notes
    assert all(name.startswith(prefix) for name in report.used)
    again, plain = load_file(tmp_path / "out/model.safetensors"), load_file(tmp_path / "plain/model.safetensors")
    assert {name: array.tobytes() for name, array in again.items()} == {n: a.tobytes() for n, a in plain.items()}


def test_a_wrapped_bigbird_opens_with_a_warning(bert: Path, tmp_path: Path) -> None:
    convert_model(bert, tmp_path / "out")
    whole = bb.BigBirdModel.from_pretrained(tmp_path / "out").state_dict()
    edit_tensors(
        tmp_path / "out", lambda tensors: [tensors.update({f"module.{n}": tensors.pop(n)}) for n in list(tensors)]
    )
    with pytest.warns(BigBirdWarning, match=r"'module\.' before every name was taken off"):
        again = bb.BigBirdModel.from_pretrained(tmp_path / "out").state_dict()
    assert all(torch.equal(again[name], whole[name]) for name in whole)


@pytest.mark.parametrize("told", ["architectures", "nothing"])
def test_a_config_without_a_model_type_is_told_by_its_class_or_refused(told: str, bert: Path, tmp_path: Path) -> None:
    config = json.loads((bert / "config.json").read_text(encoding="utf-8"))
    del config["model_type"]
    if told == "nothing":
        del config["architectures"]
    write_json(bert / "config.json", config)
    if told == "architectures":
        assert convert_model(bert, tmp_path / "out").source.startswith("BERT encoder")
        return
    with pytest.raises(ModelError, match=r"does not say what kind of model this is; add its .model_type. to it"):
        convert_model(bert, tmp_path / "out")
    with pytest.raises(ModelError, match="does not say what kind of model this is"):
        BigBirdConfig.from_file(bert)


def test_a_table_under_the_heads_name_only_is_the_words(tmp_path: Path) -> None:
    source = write_bert(tmp_path / "bert", kind=transformers.BertForMaskedLM)
    table = load_file(source / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    name = "cls.predictions.decoder.weight"
    edit_tensors(source, lambda tensors: tensors.update({name: tensors.pop("bert.embeddings.word_embeddings.weight")}))
    report = convert_model(source, tmp_path / "out")
    assert report.used[name] == "embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(
        load_file(tmp_path / "out/model.safetensors")["embeddings.word_embeddings.weight"], table
    )


def test_a_bigbirds_table_under_the_heads_name_only_is_its_words(tmp_path: Path) -> None:
    config = BigBirdConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    bb.BigBirdForMaskedLM(config).save_pretrained(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole", tmp_path / "half")
    home, twin = "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"
    edit_tensors(tmp_path / "half", lambda tensors: tensors.update({twin: tensors.pop(home)}))
    convert_model(tmp_path / "half", tmp_path / "out")
    want = load_file(tmp_path / "whole/model.safetensors")[home]
    np.testing.assert_array_equal(load_file(tmp_path / "out/model.safetensors")[home], want)
    opened = bb.BigBirdForMaskedLM.from_pretrained(tmp_path / "half").state_dict()[home]
    np.testing.assert_array_equal(opened.numpy(), want)


def test_an_adapter_names_the_remedy(tmp_path: Path) -> None:
    write_json(tmp_path / "adapter_config.json", {"peft_type": "LORA"})
    (tmp_path / "adapter_model.safetensors").touch()
    for read in (lambda: convert_model(tmp_path, tmp_path / "out"), lambda: find_folder(tmp_path)):
        with pytest.raises(ModelError, match=r"an adapter .* merge it into its model with peft"):
            read()


@pytest.mark.parametrize("call", [open_folder, load_tokenizer, open_source, inspect_model, read_tensors])
def test_a_file_without_rights_is_the_models_fault_and_says_so(
    call: Callable[[Path], object], bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(ModelError, match=r"cannot be read \(Permission denied\); ask for the right"):
        call(bert)


def test_weights_without_rights_are_not_missing(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ModelError, match="cannot be read: Permission denied"):
        read_tensors(bert)
