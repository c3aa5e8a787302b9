"""The plain Python call under each command: joins the rooms, prints nothing."""

from typing import TYPE_CHECKING

from bigbird_cli.lazy import lazy_names

if TYPE_CHECKING:
    from bigbird_cli.api.answering import QAItem as QAItem
    from bigbird_cli.api.answering import answer as answer
    from bigbird_cli.api.answering import answers as answers
    from bigbird_cli.api.answering import pair as pair
    from bigbird_cli.api.classifying import classes as classes
    from bigbird_cli.api.classifying import classify as classify
    from bigbird_cli.api.conversion import compare_models as compare_models
    from bigbird_cli.api.conversion import convert as convert
    from bigbird_cli.api.conversion import inspect_model as inspect_model
    from bigbird_cli.api.items import RowItem as RowItem
    from bigbird_cli.api.items import TextItem as TextItem
    from bigbird_cli.api.items import items_of as items_of
    from bigbird_cli.api.items import read_inputs as read_inputs
    from bigbird_cli.api.naming import entities as entities
    from bigbird_cli.api.naming import entity_types as entity_types
    from bigbird_cli.api.naming import ner as ner
    from bigbird_cli.api.reading import DEFAULT_NER_MODEL as DEFAULT_NER_MODEL
    from bigbird_cli.api.reading import DEFAULT_QA_MODEL as DEFAULT_QA_MODEL
    from bigbird_cli.api.reading import FailedItem as FailedItem
    from bigbird_cli.api.tokenizing import tokenize as tokenize
    from bigbird_cli.api.tokenizing import tokenize_documents as tokenize_documents
    from bigbird_cli.api.tokenizing import train_tokenizer as train_tokenizer
    from bigbird_cli.api.training import check as check
    from bigbird_cli.api.training import finetune as finetune
    from bigbird_cli.api.training import pretrain as pretrain

_HOMES = {
    "DEFAULT_NER_MODEL": "bigbird_cli.api.reading",
    "DEFAULT_QA_MODEL": "bigbird_cli.api.reading",
    "FailedItem": "bigbird_cli.api.reading",
    "QAItem": "bigbird_cli.api.answering",
    "RowItem": "bigbird_cli.api.items",
    "TextItem": "bigbird_cli.api.items",
    "answer": "bigbird_cli.api.answering",
    "answers": "bigbird_cli.api.answering",
    "check": "bigbird_cli.api.training",
    "classes": "bigbird_cli.api.classifying",
    "classify": "bigbird_cli.api.classifying",
    "compare_models": "bigbird_cli.api.conversion",
    "convert": "bigbird_cli.api.conversion",
    "entities": "bigbird_cli.api.naming",
    "entity_types": "bigbird_cli.api.naming",
    "finetune": "bigbird_cli.api.training",
    "inspect_model": "bigbird_cli.api.conversion",
    "items_of": "bigbird_cli.api.items",
    "ner": "bigbird_cli.api.naming",
    "pair": "bigbird_cli.api.answering",
    "pretrain": "bigbird_cli.api.training",
    "read_inputs": "bigbird_cli.api.items",
    "tokenize": "bigbird_cli.api.tokenizing",
    "tokenize_documents": "bigbird_cli.api.tokenizing",
    "train_tokenizer": "bigbird_cli.api.tokenizing",
}
"""Where each call stands: a command imports its own."""

__all__ = [*_HOMES]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
