"""The forms on the pages: buttons, the tokens they carry, and the guard that checks a POST."""
