"""Does a 95 % interval hold the truth 95 times in 100? A study by simulation."""
