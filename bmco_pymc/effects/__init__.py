"""What a fit answers: effects in populations, along covariates, in subgroups, compared."""
