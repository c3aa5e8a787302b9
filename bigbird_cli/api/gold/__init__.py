"""The calls that try models on data with gold: scores, comparisons, calibration."""
