"""How a network computes in 8 bits: ranges, choice of layers, fake quantization, sensitivity."""
