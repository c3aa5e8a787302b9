"""The plain Python call under each command: joins the rooms, prints nothing."""

from bigbird_cli.api.answering import QAItem, answer, answers, pair
from bigbird_cli.api.classifying import classes, classify
from bigbird_cli.api.conversion import compare_models, convert, inspect_model
from bigbird_cli.api.items import TextItem, items_of
from bigbird_cli.api.naming import entities, ner
from bigbird_cli.api.reading import DEFAULT_QA_MODEL, FailedItem
from bigbird_cli.api.tokenizing import tokenize, tokenize_documents, train_tokenizer
from bigbird_cli.api.training import check, finetune, pretrain

__all__ = [
    "DEFAULT_QA_MODEL",
    "FailedItem",
    "QAItem",
    "TextItem",
    "answer",
    "answers",
    "check",
    "classes",
    "classify",
    "compare_models",
    "convert",
    "entities",
    "finetune",
    "inspect_model",
    "items_of",
    "ner",
    "pair",
    "pretrain",
    "tokenize",
    "tokenize_documents",
    "train_tokenizer",
]
