"""Planning a trial: its design, and the probabilities of its decisions."""
