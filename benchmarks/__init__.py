"""How long the package takes, beside the same analyses written in other ways; not part of it."""
