"""From draws of δ to probabilities and decisions: the rules, each a small pure function."""
