"""From formulas to design matrices for any group and covariate values."""
