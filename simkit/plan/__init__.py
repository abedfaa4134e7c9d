"""A scenario compiled into flat arrays: the only thing an engine reads."""
