"""Training one network, and Ray Tune around it."""
