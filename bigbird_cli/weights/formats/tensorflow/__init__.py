"""TensorFlow checkpoints, without TensorFlow: bundle reads them, names gives their tensors our names."""
