"""A frame and the roles of its columns: the study, its cells, what is unusual in it."""
