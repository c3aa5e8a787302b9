"""The names among which options and settings choose, each list once: `get_args` gives the names."""

from typing import Literal

OnLong = Literal["window", "error", "truncate"]
"""What to do with a document that does not fit into one window: read it in several, refuse it, or cut it."""

Newline = Literal["space", "keep"]
"""How a tokenizer sees line breaks: as spaces, or as what they are."""

Backend = Literal["pytorch", "jax"]
"""What computes: the framework by whose program a model reads."""

ReadingBackend = Literal["auto", "pytorch", "jax", "onnx"]
"""The same for reading, where `auto` takes the one that is sooner there."""

Quantize = Literal["int8"]
"""How a model computes in fewer bits."""

SkimBy = Literal["bm25", "sentences", "both"]
"""What ranks windows of which only some are read: shared words, likeness of meaning, or both."""

Combine = Literal["mean", "max", "first"]
"""How the windows of a classified document are made one."""

OutputFormat = Literal["text", "table", "json", "jsonl", "csv", "tsv", "parquet"]
"""How results are written: drawn for reading, or as data."""

Split = Literal["whitespace", "none"]
"""Where a vocabulary's pieces end."""

Algorithm = Literal["unigram", "bpe"]
"""How a vocabulary is learned."""

WeightsFormat = Literal["safetensors", "bin", "flax", "onnx"]
"""The formats in which weights are written; onnx is safetensors with a graph beside them."""

WeightsType = Literal["float32", "float16", "bfloat16", "int8"]
"""The precisions in which weights are written."""

Positions = Literal["tile", "interpolate"]
"""Where a converted model's further positions come from."""

TrainingCommand = Literal["pretrain", "finetune"]
"""The commands that train, each with a schema of its own."""

TaskName = Literal["qa", "ner", "classify", "multiple_choice", "zero_shot", "mlm", "causal"]
"""The tasks that recipes train."""

RecipesAction = Literal["list", "show", "copy", "settings", "schema"]
"""What may be asked about recipes: those that ship, and what any may say."""

ScheduleShape = Literal["linear", "cosine", "constant"]
"""How the learning rate goes on after the warm-up: down to 0 in a line, down to 0 in a half cosine, or as it is."""

OnBad = Literal["error", "skip"]
"""What to do about a row that cannot be learnt from: stop, or leave it out."""

DocumentsAre = Literal["file", "line", "paragraph"]
"""What of a plain text file is one document."""

ScoredTaskName = Literal["qa", "ner", "classify", "multiple_choice", "zero_shot"]
"""The tasks whose predictions are measured against gold."""

Engine = Literal["ray"]
"""What may read the parts of documents in many processes."""
