"""Priors as values, and the recommended set."""
