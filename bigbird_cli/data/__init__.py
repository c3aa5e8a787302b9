"""Rows, texts and sentences from files of any size, one after the other."""
