"""How requests are read and answers are written."""
