"""Post-training quantization and its simulation: calibration, activation ranges, fake quantization, sensitivity."""
