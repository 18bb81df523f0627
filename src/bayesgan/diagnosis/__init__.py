"""What `bayesgan doctor` knows: evidence of a run, and findings as pure functions of it."""
