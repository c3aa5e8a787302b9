"""The calls that read documents, and the one way from requests to results that they go."""
