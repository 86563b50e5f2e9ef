"""What a compiled module is used with: parameters on disk, batching, training, sampling, pictures."""
