"""Paths, the hub, streams, folders and JSON: what lies outside, before it is a document, a row or a model."""
