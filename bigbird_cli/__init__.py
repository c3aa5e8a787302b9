"""Answers, labels and names out of long documents, with BigBird (Zaheer et al., 2020, arXiv:2007.14062).

The public names are imported when they are first used, so that `import bigbird_cli` costs nothing.
"""

from bigbird_cli.lazy import lazy_names

__version__ = "0.1.0"

_HOMES = {
    "AutoConfig": "bigbird_cli.bigbird.config",
    "AutoModel": "bigbird_cli.pytorch.model.models",
    "AutoModelForCausalLM": "bigbird_cli.pytorch.model.models",
    "AutoModelForMaskedLM": "bigbird_cli.pytorch.model.models",
    "AutoModelForMultipleChoice": "bigbird_cli.pytorch.model.models",
    "AutoModelForPreTraining": "bigbird_cli.pytorch.model.models",
    "AutoModelForQuestionAnswering": "bigbird_cli.pytorch.model.models",
    "AutoModelForSequenceClassification": "bigbird_cli.pytorch.model.models",
    "AutoModelForTokenClassification": "bigbird_cli.pytorch.model.models",
    "AutoTokenizer": "bigbird_cli.text.tokenizers.tokenizer",
    "BigBirdConfig": "bigbird_cli.bigbird.config",
    "BigBirdTokenizer": "bigbird_cli.text.tokenizers.tokenizer",
    "BigBirdTokenizerFast": "bigbird_cli.text.tokenizers.tokenizer",
    "load_tokenizer": "bigbird_cli.text.tokenizers.tokenizer",
    "BigBirdModel": "bigbird_cli.pytorch.model.base",
    "BigBirdForCausalLM": "bigbird_cli.pytorch.model.models",
    "BigBirdForMaskedLM": "bigbird_cli.pytorch.model.models",
    "BigBirdForMultipleChoice": "bigbird_cli.pytorch.model.models",
    "BigBirdForPreTraining": "bigbird_cli.pytorch.model.models",
    "BigBirdForQuestionAnswering": "bigbird_cli.pytorch.model.models",
    "BigBirdForSequenceClassification": "bigbird_cli.pytorch.model.models",
    "BigBirdForTokenClassification": "bigbird_cli.pytorch.model.models",
    "BaseModelOutputWithPoolingAndCrossAttentions": "bigbird_cli.pytorch.model.outputs",
    "BigBirdForPreTrainingOutput": "bigbird_cli.pytorch.model.outputs",
    "BigBirdForQuestionAnsweringModelOutput": "bigbird_cli.pytorch.model.outputs",
    "CausalLMOutputWithCrossAttentions": "bigbird_cli.pytorch.model.outputs",
    "MaskedLMOutput": "bigbird_cli.pytorch.model.outputs",
    "MultipleChoiceModelOutput": "bigbird_cli.pytorch.model.outputs",
    "SequenceClassifierOutput": "bigbird_cli.pytorch.model.outputs",
    "TokenClassifierOutput": "bigbird_cli.pytorch.model.outputs",
    "KeyValueCache": "bigbird_cli.pytorch.model.cache",
    "SparseAttention": "bigbird_cli.pytorch.model.kernels.sparse_weights",
    "answer": "bigbird_cli.api",
    "answer_all": "bigbird_cli.api",
    "answers": "bigbird_cli.api",
    "ner": "bigbird_cli.api",
    "ner_all": "bigbird_cli.api",
    "classify": "bigbird_cli.api",
    "rank": "bigbird_cli.api",
    "rank_all": "bigbird_cli.api",
    "select": "bigbird_cli.api",
    "classify_all": "bigbird_cli.api",
    "tokenize": "bigbird_cli.api",
    "tokenize_all": "bigbird_cli.api",
    "train_tokenizer": "bigbird_cli.api",
    "extract_text": "bigbird_cli.api",
    "write_page": "bigbird_cli.report.pages",
    "write_results": "bigbird_cli.report.formats",
    "merge_results": "bigbird_cli.report.merge",
    "Document": "bigbird_cli.text.documents",
    "Request": "bigbird_cli.api",
    "init": "bigbird_cli.api",
    "check": "bigbird_cli.api",
    "plan": "bigbird_cli.api",
    "pretrain": "bigbird_cli.api",
    "finetune": "bigbird_cli.api",
    "calibrate": "bigbird_cli.api",
    "compare": "bigbird_cli.api",
    "evaluate": "bigbird_cli.api",
    "find_needles": "bigbird_cli.api",
    "list_runs": "bigbird_cli.api",
    "read_evaluation": "bigbird_cli.api",
    "read_beside": "bigbird_cli.api",
    "read_run": "bigbird_cli.api",
    "convert": "bigbird_cli.api",
    "inspect_model": "bigbird_cli.api",
    "compare_models": "bigbird_cli.api",
    "BigBirdError": "bigbird_cli.errors",
    "BigBirdWarning": "bigbird_cli.errors",
}

_FLAX_HOMES = {
    "FlaxBigBirdModel": "bigbird_cli.jax.model.models",
    "FlaxBigBirdForCausalLM": "bigbird_cli.jax.model.models",
    "FlaxBigBirdForMaskedLM": "bigbird_cli.jax.model.models",
    "FlaxBigBirdForMultipleChoice": "bigbird_cli.jax.model.models",
    "FlaxBigBirdForPreTraining": "bigbird_cli.jax.model.models",
    "FlaxBigBirdForQuestionAnswering": "bigbird_cli.jax.model.models",
    "FlaxBigBirdForSequenceClassification": "bigbird_cli.jax.model.models",
    "FlaxBigBirdForTokenClassification": "bigbird_cli.jax.model.models",
}
"""Names that need the extra `[jax]`: `from bigbird_cli import *` and who looks at every name leave them alone."""

__all__ = ["__version__", *_HOMES]

__getattr__ = lazy_names(__name__, _HOMES | _FLAX_HOMES)[0]
__dir__ = lazy_names(__name__, _HOMES)[1]
