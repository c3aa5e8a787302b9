"""Answers, labels and names out of long documents, with BigBird (Zaheer et al., 2020, arXiv:2007.14062).

The public names are imported when they are first used, so that `import bigbird_cli` costs nothing.
"""

from bigbird_cli.lazy import lazy_names

__version__ = "0.1.0"

_HOMES = {
    "AutoConfig": "bigbird_cli.bigbird.config",
    "AutoModel": "bigbird_cli.pytorch.models",
    "AutoModelForCausalLM": "bigbird_cli.pytorch.models",
    "AutoModelForMaskedLM": "bigbird_cli.pytorch.models",
    "AutoModelForMultipleChoice": "bigbird_cli.pytorch.models",
    "AutoModelForPreTraining": "bigbird_cli.pytorch.models",
    "AutoModelForQuestionAnswering": "bigbird_cli.pytorch.models",
    "AutoModelForSequenceClassification": "bigbird_cli.pytorch.models",
    "AutoModelForTokenClassification": "bigbird_cli.pytorch.models",
    "AutoTokenizer": "bigbird_cli.text.tokenizer",
    "BigBirdConfig": "bigbird_cli.bigbird.config",
    "BigBirdTokenizer": "bigbird_cli.text.tokenizer",
    "BigBirdTokenizerFast": "bigbird_cli.text.tokenizer",
    "load_tokenizer": "bigbird_cli.text.tokenizer",
    "BigBirdModel": "bigbird_cli.pytorch.model",
    "BigBirdForCausalLM": "bigbird_cli.pytorch.models",
    "BigBirdForMaskedLM": "bigbird_cli.pytorch.models",
    "BigBirdForMultipleChoice": "bigbird_cli.pytorch.models",
    "BigBirdForPreTraining": "bigbird_cli.pytorch.models",
    "BigBirdForQuestionAnswering": "bigbird_cli.pytorch.models",
    "BigBirdForSequenceClassification": "bigbird_cli.pytorch.models",
    "BigBirdForTokenClassification": "bigbird_cli.pytorch.models",
    "BaseModelOutputWithPoolingAndCrossAttentions": "bigbird_cli.pytorch.outputs",
    "BigBirdForPreTrainingOutput": "bigbird_cli.pytorch.outputs",
    "BigBirdForQuestionAnsweringModelOutput": "bigbird_cli.pytorch.outputs",
    "CausalLMOutputWithCrossAttentions": "bigbird_cli.pytorch.outputs",
    "MaskedLMOutput": "bigbird_cli.pytorch.outputs",
    "MultipleChoiceModelOutput": "bigbird_cli.pytorch.outputs",
    "SequenceClassifierOutput": "bigbird_cli.pytorch.outputs",
    "TokenClassifierOutput": "bigbird_cli.pytorch.outputs",
    "KeyValueCache": "bigbird_cli.pytorch.cache",
    "SparseAttention": "bigbird_cli.pytorch.kernels.sparse_weights",
    "answer": "bigbird_cli.api",
    "answers": "bigbird_cli.api",
    "tokenize": "bigbird_cli.api",
    "train_tokenizer": "bigbird_cli.api",
    "ner": "bigbird_cli.api",
    "classify": "bigbird_cli.api",
    "pretrain": "bigbird_cli.api",
    "finetune": "bigbird_cli.api",
    "convert": "bigbird_cli.api",
    "inspect_model": "bigbird_cli.api",
    "compare_models": "bigbird_cli.api",
    "BigBirdError": "bigbird_cli.errors",
    "BigBirdWarning": "bigbird_cli.errors",
}

__all__ = ["__version__", *_HOMES]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
