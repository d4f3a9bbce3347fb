"""A posterior: draws, cells, labels and verdict; predictive checks, LOO and densities of it."""
