"""Classification: the task, rows and folders of labelled texts, its three problems, decoding, and scores."""
