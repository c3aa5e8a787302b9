"""Claim: what users of transformers do with its BigBird, they can do with ours.

    python benchmarks/transformers_suite.py              both
    python benchmarks/transformers_suite.py modelling

The tests that transformers runs on each of its models and tokenizers are run on our classes. They come out of its
source archive, which pip fetches into a temporary folder; the archive lacks the file of BigBird's own, so the small
models, inputs and shapes that one checks are written here anew. A test that does not apply (no GPU, no such
library) skips itself and is not counted.

Prints how many pass of how many, each that fails with the reason why it need not pass, and ends with 1 where one fails
that REASONS does not know, or passes that it says need not.
"""

import argparse
import importlib
import subprocess
import sys
import tarfile
import tempfile
import unittest
import warnings
from pathlib import Path
from typing import Any

VERSION = "5.23.0"
VOCABULARY = Path(__file__).parent.parent / "tests" / "text" / "fixtures" / "tiny-spiece.model"
STUBS = {  # modules that the archive leaves out, with what the others import from them
    "exporters/test_export": "class ExportTesterMixin: pass\n",
    "generation/test_utils": "class GenerationTesterMixin: pass\n",
    "utils/test_configuration_utils": "config_common_kwargs = {}\n",
}
B, S = 7, 128
"""Texts in a batch, and tokens in each."""
HEADS = (
    "BigBirdModel",
    "BigBirdForPreTraining",
    "BigBirdForMaskedLM",
    "BigBirdForCausalLM",
    "BigBirdForMultipleChoice",
    "BigBirdForQuestionAnswering",
    "BigBirdForSequenceClassification",
    "BigBirdForTokenClassification",
)
LISTS = "takes missing_keys for a set, as it is since 5; a list in 4.44, whose documentation we follow"
OUR_ERRORS = "expects a RuntimeError where we raise a ModelError that names the tensor and both shapes"
OWN_BASES = "looks for modules, or base classes, of transformers' own"
CHAT = "BigBird has no chat template"
INIT = "reads init_inputs or init_kwargs, which transformers keeps for itself"
LOGGED = "expects a message in transformers' log; we give a warning"
REASONS = {
    "test_attention_outputs": "gives is_decoder to heads that must read ahead; we refuse that",
    "test_base_model_prefix_loads_base_weights": LISTS,
    "test_can_load_ignoring_mismatched_shapes": OUR_ERRORS,
    "test_can_use_safetensors": LISTS,
    "test_cannot_load_with_meta_device_context_manager": "expects an error where we load as everywhere",
    "test_causal_lm_loss_honors_shift_labels": "shift_labels came after 4.44, whose documentation we follow",
    "test_from_pretrained_no_checkpoint": "opens a model named None; a config and load_state_dict do the same",
    "test_generation_tester_mixin_inheritance": "is about the tests of transformers' generate; ours is another",
    "test_gradient_checkpointing_enable_disable": OWN_BASES,
    "test_load_save_without_tied_weights": LISTS,
    "test_load_with_mismatched_shapes": OUR_ERRORS,
    "test_model_weights_reload_no_missing_tied_weights": "opens a checkpoint without an encoder; we refuse that",
    "test_resize_embeddings_untied_no_reinit_on_post_init": OWN_BASES,
    "test_config": "passes until a folder that is not there, for which it expects an OSError, not ours",
    "test_config_attn_implementation_setter": OWN_BASES,
    "test_resize_tokens_embeddings": "passes until a multiple of 1.3, for which it expects a ValueError, not ours",
    "test_retain_grad_hidden_states_attentions": "transformers' BigBird leaves it out: attentions carry no gradient",
    "test_save_load": "expects a generation_config.json; the settings are arguments of our generate",
    "test_training_gradient_checkpointing": OWN_BASES,
    "test_training_gradient_checkpointing_use_reentrant_false": OWN_BASES,
    "test_training_gradient_checkpointing_use_reentrant_true": OWN_BASES,
    **dict.fromkeys(
        (
            "test_chat_template",
            "test_chat_template_batched",
            "test_chat_template_dict",
            "test_chat_template_dict_saving",
            "test_chat_template_dict_saving_rejects_path_traversal",
            "test_chat_template_empty_conversation",
            "test_chat_template_file_priority",
            "test_chat_template_none_values",
            "test_continue_final_message",
            "test_continue_final_message_string_and_reasoning",
            "test_continue_final_message_with_decoy_earlier_message",
            "test_continue_final_message_with_trim",
            "test_jinja_loopcontrols",
            "test_jinja_strftime",
        ),
        CHAT,
    ),
    "test_maximum_encoding_length_pair_input": LOGGED,
    "test_maximum_encoding_length_single_input": LOGGED,
    "test_prepare_seq2seq_batch": "text_target is for models with an encoder and a decoder",
    "test_pretokenized_inputs": "gives a batch of pairs as tuples of lists of words, which 4.44's call refuses too",
    "test_sequence_ids": OWN_BASES,
    "test_tokenizer_store_full_signature": INIT,
    "test_tokenizers_common_properties": INIT,
}
"""Why a test need not pass, by its name."""


def fetch(folder: Path) -> None:
    """Put the tests into folder/tests, and the one library that they need besides into folder."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    only_source = ["--no-deps", "--no-build-isolation", "--no-binary", ":all:"]
    subprocess.run([*pip, "download", *only_source, "-d", folder, f"transformers=={VERSION}"], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--target", folder, "parameterized"], check=True)
    with tarfile.open(next(folder.glob("transformers-*.tar.gz"))) as archive:
        for member in archive.getmembers():
            _, _, path = member.name.partition("/")
            if path.startswith("tests/") and member.isfile():
                member.name = path
                archive.extract(member, folder, filter="data")
    for name, content in STUBS.items():
        path = folder / "tests" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
        (path.parent / "__init__.py").touch()
    (folder / "tests" / "__init__.py").touch()
    (folder / "tests" / "fixtures").mkdir()
    (folder / "tests" / "fixtures" / "sample_text.txt").write_text("A text.\n", encoding="utf-8")


def lend_internals() -> None:
    """Give our classes what transformers' tests read of its base classes and what no user calls, for this run.

    Flags that switch tests off which do not apply, and the names that two methods have since 5.23.
    """
    import bigbird_cli

    config, model = bigbird_cli.BigBirdConfig, bigbird_cli.BigBirdModel.__mro__[1]
    for name, value in {
        "sub_configs": {},
        "base_model_tp_plan": None,
        "get_text_config": lambda self, **_: self,
        "to_diff_dict": lambda self: self.to_dict(),
        "__iter__": lambda self: iter(self.to_dict()),
    }.items():
        if name not in vars(config):
            setattr(config, name, value)
    flags = ("sdpa", "flash_attn", "flash_attn_2", "flex_attn", "attention_backend")
    for name, value in {
        **{f"_supports_{flag}": False for flag in flags},
        "_can_compile_fullgraph": False,
        "_keep_in_fp32_modules": set(),
        "_keep_in_fp32_modules_strict": set(),
        "_keys_to_ignore_on_load_missing": None,
        "_keys_to_ignore_on_save": None,
        "_no_split_modules": None,
        "_tied_weights_keys": None,
        "_can_set_attn_implementation": staticmethod(lambda: False),
        "_can_set_experts_implementation": staticmethod(lambda: False),
        "_from_config": classmethod(lambda cls, config, **_: cls(config)),
        "vocab_size": property(lambda self: self.config.vocab_size),
        "init_weights": lambda self: self._initialise_all(),
        "activation_checkpointing_enable": lambda self, options=None, **_: self.gradient_checkpointing_enable(options),
        "activation_checkpointing_disable": lambda self: self.gradient_checkpointing_disable(),
        "is_activation_checkpointing": property(lambda self: self.is_gradient_checkpointing),
    }.items():
        if not hasattr(model, name):
            setattr(model, name, value)


class Tester:
    """A small model and inputs, as transformers' own tests of BigBird have them."""

    batch_size, seq_length, hidden_size, num_hidden_layers, num_attention_heads = B, S, 32, 2, 4
    vocab_size, num_labels, num_choices, is_training = 99, 3, 4, True
    attention_type = "block_sparse"

    def get_config(self) -> Any:
        import bigbird_cli

        return bigbird_cli.BigBirdConfig(
            vocab_size=self.vocab_size,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=37,
            max_position_embeddings=256,
            type_vocab_size=16,
            is_encoder_decoder=False,
            attention_type=self.attention_type,
            block_size=8,
            num_random_blocks=3,
            position_embedding_type="absolute",
        )

    def prepare_config_and_inputs_for_common(self) -> tuple[Any, dict[str, Any]]:
        from tests import test_modeling_common as common

        shape = [self.batch_size, self.seq_length]
        inputs = {
            "input_ids": common.ids_tensor(shape, self.vocab_size),
            "token_type_ids": common.ids_tensor(shape, 16),
            "attention_mask": common.random_attention_mask(shape),
        }
        return self.get_config(), inputs


def modelling() -> type[unittest.TestCase]:
    """The tests of models."""
    import bigbird_cli

    common = importlib.import_module("tests.test_modeling_common")

    class Modelling(common.ModelTesterMixin, unittest.TestCase):
        all_model_classes = tuple(getattr(bigbird_cli, name) for name in HEADS)

        def setUp(self) -> None:
            self.model_tester = Tester()

        def _prepare_for_class(self, inputs: Any, kind: Any, return_labels: bool = False) -> Any:
            inputs = super()._prepare_for_class(inputs, kind, return_labels=return_labels)
            if return_labels and kind.__name__ == "BigBirdForPreTraining":
                inputs["labels"] = inputs["input_ids"] * 0
                inputs["next_sentence_label"] = inputs["input_ids"][:, 0] * 0
            return inputs

        def check(
            self, name: str, *, config: Any = None, expected: dict[str, tuple[int, ...]], **arguments: Any
        ) -> None:
            """Build a model, call it in three ways, and look at the shapes of what it returns."""
            model = getattr(bigbird_cli, name)(self.model_tester.get_config() if config is None else config).eval()
            _, inputs = self.model_tester.prepare_config_and_inputs_for_common()
            inputs = self._prepare_for_class(inputs, type(model))
            ids, mask, kinds = inputs["input_ids"], inputs["attention_mask"], inputs["token_type_ids"]
            model(ids)
            model(ids, token_type_ids=kinds)
            output = model(ids, attention_mask=mask, token_type_ids=kinds, **arguments)
            for field, shape in expected.items():
                assert tuple(output[field].shape) == shape, (field, output[field].shape)

        def test_own_model(self) -> None:
            for attention in ("block_sparse", "original_full"):
                config = self.model_tester.get_config()
                config.attention_type = attention
                self.check("BigBirdModel", config=config, expected={"last_hidden_state": (B, S, 32)})

        def test_own_lengths(self) -> None:
            for length in (241, 9):
                self.model_tester.seq_length = length
                self.check("BigBirdModel", expected={"last_hidden_state": (B, length, 32)})

        def test_own_pretraining(self) -> None:
            expected = {"prediction_logits": (B, S, 99), "seq_relationship_logits": (B, 2), "loss": ()}
            labels = common.ids_tensor([B, S], 3)
            self.check(
                "BigBirdForPreTraining", expected=expected, labels=labels, next_sentence_label=common.ids_tensor([B], 2)
            )

        def test_own_masked_lm(self) -> None:
            expected = {"logits": (B, S, 99), "loss": ()}
            self.check("BigBirdForMaskedLM", expected=expected, labels=common.ids_tensor([B, S], 3))

        def test_own_labels(self) -> None:
            config = self.model_tester.get_config()
            config.num_labels = 3
            for name, shape in (("Sequence", (B,)), ("Token", (B, S))):
                expected = {"logits": (*shape, 3), "loss": ()}
                labels = common.ids_tensor(list(shape), 3)
                self.check(f"BigBirdFor{name}Classification", config=config, expected=expected, labels=labels)

        def test_own_choices(self) -> None:
            config = self.model_tester.get_config()
            config.num_choices = 4
            expected = {"logits": (B, 4), "loss": ()}
            self.check("BigBirdForMultipleChoice", config=config, expected=expected, labels=common.ids_tensor([B], 4))

        def test_own_questions(self) -> None:
            positions = common.ids_tensor([B], 2)
            expected = {"start_logits": (B, S), "end_logits": (B, S), "loss": ()}
            self.check(
                "BigBirdForQuestionAnswering", expected=expected, start_positions=positions, end_positions=positions
            )

        def test_own_decoder(self) -> None:
            config = self.model_tester.get_config()
            config.is_decoder = config.add_cross_attention = True
            states, mask = common.floats_tensor([B, S, 32]), common.ids_tensor([B, S], 2)
            expected = {"last_hidden_state": (B, S, 32)}
            self.check("BigBirdModel", config=config, expected=expected, encoder_hidden_states=states)
            self.check(
                "BigBirdModel",
                config=config,
                expected=expected,
                encoder_hidden_states=states,
                encoder_attention_mask=mask,
            )

        def test_own_past(self) -> None:
            import torch

            config, inputs = self.model_tester.prepare_config_and_inputs_for_common()
            config.is_decoder = config.add_cross_attention = True
            model = bigbird_cli.BigBirdForCausalLM(config).eval()
            ids, new = inputs["input_ids"], common.ids_tensor([B, 3], 99)
            given = {"encoder_hidden_states": common.floats_tensor([B, S, 32]), "output_hidden_states": True}
            past = model(ids, use_cache=True, **given).past_key_values
            whole = model(torch.cat([ids, new], dim=1), **given)["hidden_states"][-1][:, -3:]
            torch.testing.assert_close(model(new, past_key_values=past, **given)["hidden_states"][-1], whole)

        def test_config(self) -> None:
            module = importlib.import_module("tests.test_configuration_common")
            module.ConfigTester(self, config_class=bigbird_cli.BigBirdConfig, hidden_size=36).run_common_tests()

    return Modelling


def tokenizer() -> type[unittest.TestCase]:
    """The tests of tokenizers."""
    import bigbird_cli

    common = importlib.import_module("tests.test_tokenization_common")

    class Tokenization(common.TokenizerTesterMixin, unittest.TestCase):
        tokenizer_class = bigbird_cli.BigBirdTokenizer

        @classmethod
        def setUpClass(cls) -> None:
            super().setUpClass()
            bigbird_cli.BigBirdTokenizer(VOCABULARY).save_pretrained(cls.tmpdirname)

    return Tokenization


SUITES = {"modelling": modelling, "tokenizer": tokenizer}


class Outcome(unittest.TestResult):
    """Keeps which tests passed, and how the others failed."""

    def __init__(self) -> None:
        super().__init__()
        self.passed: list[str] = []
        self.failed: dict[str, str] = {}

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.passed.append(test._testMethodName)

    def addFailure(self, test: unittest.TestCase, error: Any) -> None:
        self.failed[test._testMethodName] = f"{error[0].__name__}: {' '.join(str(error[1]).split())}"

    addError = addFailure

    def addSubTest(self, test: unittest.TestCase, _subtest: unittest.TestCase, error: Any) -> None:
        if error is not None:
            self.addFailure(test, error)


def run(case: type[unittest.TestCase]) -> Outcome:
    outcome = Outcome()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(outcome)
    outcome.passed = [name for name in outcome.passed if name not in outcome.failed]
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="*", help="modelling, tokenizer, or both", default=[])
    parser.add_argument("--verbose", action="store_true", help="print how each test failed, too")
    arguments = parser.parse_args()
    surprises = 0
    with tempfile.TemporaryDirectory() as folder:
        fetch(Path(folder))
        sys.path.insert(0, folder)
        lend_internals()
        for name in arguments.suites or SUITES:
            outcome = run(SUITES[name]())
            n_run = len(outcome.passed) + len(outcome.failed)
            print(f"{name}: {len(outcome.passed)} of {n_run} pass, {len(outcome.skipped)} do not apply")
            for test, error in sorted(outcome.failed.items()):
                reason = REASONS.get(test, "UNKNOWN FAILURE")
                surprises += test not in REASONS
                print(f"  {test}: {reason}" + (f"\n      {error[:300]}" if arguments.verbose else ""))
            for test in sorted(REASONS.keys() & set(outcome.passed)):
                surprises += 1
                print(f"  {test}: PASSES, though it is said to need not")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
