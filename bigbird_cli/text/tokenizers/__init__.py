"""Tokenizers: a vocabulary's file, whatever its format, behind one interface."""
