"""What the files of a model or run folder are called: by Hugging Face's conventions, or by ours."""

from typing import Final

CONFIG: Final = "config.json"
GENERATION_CONFIG: Final = "generation_config.json"
WEIGHTS: Final = "model.safetensors"
INDEX: Final = "model.safetensors.index.json"
GRAPH: Final = "model.onnx"
CARD: Final = "README.md"

TASK: Final = "task.json"
RECIPE: Final = "recipe.yaml"
METRICS: Final = "metrics.jsonl"
LEARNT: Final = "learnt.json"

SPIECE_MODEL: Final = "spiece.model"
TOKENIZER_JSON: Final = "tokenizer.json"
TOKENIZER_CONFIG: Final = "tokenizer_config.json"
SPECIAL_TOKENS_MAP: Final = "special_tokens_map.json"
ADDED_TOKENS: Final = "added_tokens.json"
VOCAB_TXT: Final = "vocab.txt"
BPE_FILES: Final = ("vocab.json", "merges.txt")
SENTENCEPIECE_BPE: Final = "sentencepiece.bpe.model"

TOKENIZER_FILES: Final = (
    *(SPIECE_MODEL, TOKENIZER_JSON, TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP, ADDED_TOKENS),
    *(VOCAB_TXT, *BPE_FILES),
)
"""All that a folder's tokenizer is read from."""

COMPANIONS: Final = (*TOKENIZER_FILES, GENERATION_CONFIG, TASK)
"""Files of a BigBird folder that go where its weights go."""
