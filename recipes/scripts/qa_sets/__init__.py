"""Question-answering sets, each read in its own format: documents, questions, and where the answers stand.

One file a set; each has `read(folder)`, which gives the questions to train on and those to choose models by, and never
what the set keeps for testing. Only the standard library is used.
"""
