"""Fast approximations of posteriors: the normal one at the mode, many trials a second."""
