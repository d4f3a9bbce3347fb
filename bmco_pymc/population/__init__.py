"""Which covariate values, which clusters: populations as weighted points."""
