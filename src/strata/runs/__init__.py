"""Parts of the run store and of sweeps: points and their keys, results, locks, workers."""
