"""TFLite, ONNX and ORT artifacts on the kernels that phones have: an ARM64 userland under QEMU's user emulation.

Quantized kernels differ by processor, so that an x86 machine alone cannot say what a phone will answer. `setup` makes
the userland, `place` says where it stands and whether it is whole, `run` has it answer, `inside` is what runs in it.
"""
