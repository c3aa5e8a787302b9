"""Text to ids and back, documents to windows and back; no torch in this room."""
