"""TFLite, ONNX and ORT artifacts on the kernels of phones: an ARM64 userland under QEMU's user emulation.

Quantized kernels differ by processor, so that an x86 machine cannot tell what a phone will predict. `setup` makes the
userland, `place` finds it, `run` runs artifacts in it, and `inside` is the script that runs there.
"""
