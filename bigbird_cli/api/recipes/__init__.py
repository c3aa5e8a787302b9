"""The calls about recipes and what they train: from data to a recipe, its check, its run, what runs tell."""
