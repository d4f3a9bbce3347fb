"""Trials that are simulated and analysed one by one: how they are run, kept and counted."""
