"""The plain Python call under each command: joins the rooms, prints nothing.

Each task has a call for one document or several (`answer`), which gives records, and one for any number of requests
(`answer_all`), which gives results one after the other, each as soon as it is ready.
"""

from typing import TYPE_CHECKING

from bigbird_cli.lazy import lazy_names

if TYPE_CHECKING:
    from bigbird_cli.api._former import FailedItem as FailedItem
    from bigbird_cli.api._former import QAItem as QAItem
    from bigbird_cli.api._former import RowItem as RowItem
    from bigbird_cli.api._former import TextItem as TextItem
    from bigbird_cli.api._former import answers as answers
    from bigbird_cli.api._former import classes as classes
    from bigbird_cli.api._former import entities as entities
    from bigbird_cli.api._former import tokenize_documents as tokenize_documents
    from bigbird_cli.api.beside import EvaluationsBeside as EvaluationsBeside
    from bigbird_cli.api.beside import RunsBeside as RunsBeside
    from bigbird_cli.api.beside import read_beside as read_beside
    from bigbird_cli.api.conversion import compare_models as compare_models
    from bigbird_cli.api.conversion import convert as convert
    from bigbird_cli.api.conversion import inspect_model as inspect_model
    from bigbird_cli.api.gold.calibrating import Calibrated as Calibrated
    from bigbird_cli.api.gold.calibrating import calibrate as calibrate
    from bigbird_cli.api.gold.comparing import ComparedModels as ComparedModels
    from bigbird_cli.api.gold.comparing import compare as compare
    from bigbird_cli.api.gold.evaluating import Evaluation as Evaluation
    from bigbird_cli.api.gold.evaluating import evaluate as evaluate
    from bigbird_cli.api.gold.evaluating import read_evaluation as read_evaluation
    from bigbird_cli.api.gold.needles import FoundNeedle as FoundNeedle
    from bigbird_cli.api.gold.needles import find_needles as find_needles
    from bigbird_cli.api.reading.classify import ClassifyRecord as ClassifyRecord
    from bigbird_cli.api.reading.classify import ClassifyResult as ClassifyResult
    from bigbird_cli.api.reading.classify import ZeroShotResult as ZeroShotResult
    from bigbird_cli.api.reading.classify import classify as classify
    from bigbird_cli.api.reading.classify import classify_all as classify_all
    from bigbird_cli.api.reading.extracting import extract_text as extract_text
    from bigbird_cli.api.reading.inputs import read_inputs as read_inputs
    from bigbird_cli.api.reading.ner import NERRecord as NERRecord
    from bigbird_cli.api.reading.ner import NERResult as NERResult
    from bigbird_cli.api.reading.ner import entity_types as entity_types
    from bigbird_cli.api.reading.ner import ner as ner
    from bigbird_cli.api.reading.ner import ner_all as ner_all
    from bigbird_cli.api.reading.qa import QARecord as QARecord
    from bigbird_cli.api.reading.qa import QAResult as QAResult
    from bigbird_cli.api.reading.qa import answer as answer
    from bigbird_cli.api.reading.qa import answer_all as answer_all
    from bigbird_cli.api.reading.qa import questions_on as questions_on
    from bigbird_cli.api.reading.rank import N_DOCUMENTS as N_DOCUMENTS
    from bigbird_cli.api.reading.rank import RankedResult as RankedResult
    from bigbird_cli.api.reading.rank import rank as rank
    from bigbird_cli.api.reading.rank import rank_all as rank_all
    from bigbird_cli.api.reading.reader import DEFAULT_NER_MODEL as DEFAULT_NER_MODEL
    from bigbird_cli.api.reading.reader import DEFAULT_QA_MODEL as DEFAULT_QA_MODEL
    from bigbird_cli.api.reading.reader import ReadingOptions as ReadingOptions
    from bigbird_cli.api.reading.requests import FailedRecord as FailedRecord
    from bigbird_cli.api.reading.requests import Receipt as Receipt
    from bigbird_cli.api.reading.requests import Request as Request
    from bigbird_cli.api.reading.requests import Result as Result
    from bigbird_cli.api.reading.select import SelectRecord as SelectRecord
    from bigbird_cli.api.reading.select import SelectResult as SelectResult
    from bigbird_cli.api.reading.select import select as select
    from bigbird_cli.api.reading.select import select_all as select_all
    from bigbird_cli.api.recipes.checking import CheckReport as CheckReport
    from bigbird_cli.api.recipes.checking import check as check
    from bigbird_cli.api.recipes.drafting import Draft as Draft
    from bigbird_cli.api.recipes.drafting import init as init
    from bigbird_cli.api.recipes.planning import plan as plan
    from bigbird_cli.api.recipes.runs import RunCurves as RunCurves
    from bigbird_cli.api.recipes.runs import RunRecord as RunRecord
    from bigbird_cli.api.recipes.runs import list_runs as list_runs
    from bigbird_cli.api.recipes.runs import read_run as read_run
    from bigbird_cli.api.recipes.training import finetune as finetune
    from bigbird_cli.api.recipes.training import pretrain as pretrain
    from bigbird_cli.api.tokenizing import tokenize as tokenize
    from bigbird_cli.api.tokenizing import tokenize_all as tokenize_all
    from bigbird_cli.api.tokenizing import train_tokenizer as train_tokenizer
    from bigbird_cli.training.plan import Plan as Plan

_HOMES = {
    "Calibrated": "bigbird_cli.api.gold.calibrating",
    "CheckReport": "bigbird_cli.api.recipes.checking",
    "ClassifyRecord": "bigbird_cli.api.reading.classify",
    "ClassifyResult": "bigbird_cli.api.reading.classify",
    "ComparedModels": "bigbird_cli.api.gold.comparing",
    "DEFAULT_NER_MODEL": "bigbird_cli.api.reading.reader",
    "DEFAULT_QA_MODEL": "bigbird_cli.api.reading.reader",
    "Draft": "bigbird_cli.api.recipes.drafting",
    "Evaluation": "bigbird_cli.api.gold.evaluating",
    "EvaluationsBeside": "bigbird_cli.api.beside",
    "FailedItem": "bigbird_cli.api._former",
    "FailedRecord": "bigbird_cli.api.reading.requests",
    "FoundNeedle": "bigbird_cli.api.gold.needles",
    "NERRecord": "bigbird_cli.api.reading.ner",
    "NERResult": "bigbird_cli.api.reading.ner",
    "Plan": "bigbird_cli.training.plan",
    "QAItem": "bigbird_cli.api._former",
    "QARecord": "bigbird_cli.api.reading.qa",
    "QAResult": "bigbird_cli.api.reading.qa",
    "N_DOCUMENTS": "bigbird_cli.api.reading.rank",
    "RankedResult": "bigbird_cli.api.reading.rank",
    "ReadingOptions": "bigbird_cli.api.reading.reader",
    "Receipt": "bigbird_cli.api.reading.requests",
    "Request": "bigbird_cli.api.reading.requests",
    "Result": "bigbird_cli.api.reading.requests",
    "RowItem": "bigbird_cli.api._former",
    "RunCurves": "bigbird_cli.api.recipes.runs",
    "RunRecord": "bigbird_cli.api.recipes.runs",
    "RunsBeside": "bigbird_cli.api.beside",
    "SelectRecord": "bigbird_cli.api.reading.select",
    "SelectResult": "bigbird_cli.api.reading.select",
    "TextItem": "bigbird_cli.api._former",
    "ZeroShotResult": "bigbird_cli.api.reading.classify",
    "answer": "bigbird_cli.api.reading.qa",
    "answer_all": "bigbird_cli.api.reading.qa",
    "answers": "bigbird_cli.api._former",
    "calibrate": "bigbird_cli.api.gold.calibrating",
    "check": "bigbird_cli.api.recipes.checking",
    "classes": "bigbird_cli.api._former",
    "classify": "bigbird_cli.api.reading.classify",
    "classify_all": "bigbird_cli.api.reading.classify",
    "compare": "bigbird_cli.api.gold.comparing",
    "compare_models": "bigbird_cli.api.conversion",
    "convert": "bigbird_cli.api.conversion",
    "entities": "bigbird_cli.api._former",
    "entity_types": "bigbird_cli.api.reading.ner",
    "evaluate": "bigbird_cli.api.gold.evaluating",
    "extract_text": "bigbird_cli.api.reading.extracting",
    "find_needles": "bigbird_cli.api.gold.needles",
    "finetune": "bigbird_cli.api.recipes.training",
    "init": "bigbird_cli.api.recipes.drafting",
    "inspect_model": "bigbird_cli.api.conversion",
    "list_runs": "bigbird_cli.api.recipes.runs",
    "ner": "bigbird_cli.api.reading.ner",
    "ner_all": "bigbird_cli.api.reading.ner",
    "plan": "bigbird_cli.api.recipes.planning",
    "pretrain": "bigbird_cli.api.recipes.training",
    "questions_on": "bigbird_cli.api.reading.qa",
    "read_evaluation": "bigbird_cli.api.gold.evaluating",
    "rank": "bigbird_cli.api.reading.rank",
    "rank_all": "bigbird_cli.api.reading.rank",
    "read_inputs": "bigbird_cli.api.reading.inputs",
    "read_beside": "bigbird_cli.api.beside",
    "read_run": "bigbird_cli.api.recipes.runs",
    "select": "bigbird_cli.api.reading.select",
    "select_all": "bigbird_cli.api.reading.select",
    "tokenize": "bigbird_cli.api.tokenizing",
    "tokenize_all": "bigbird_cli.api.tokenizing",
    "tokenize_documents": "bigbird_cli.api._former",
    "train_tokenizer": "bigbird_cli.api.tokenizing",
}
"""Where each call stands: a command imports its own."""

__all__ = [*_HOMES]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
