"""The tokenizer calls of the Hugging Face documentation over our tokenizers."""
