"""Pages and tables: the room that makes files of results. It knows no model, and prints nothing."""
