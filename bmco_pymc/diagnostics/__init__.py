"""R-hat, MPSRF and ESS of draws, and the verdict with its advice."""
