"""φ averaged over points and clusters: condensed rows, quadrature, new clusters."""
