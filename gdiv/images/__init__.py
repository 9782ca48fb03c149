"""Operations on arrays of pixels: contrast, sampling, statistics, textures.

Everything else stands on this package. The modules take NumPy arrays; `gdiv.images.tensors` has
the same operations for PyTorch where the network needs them.
"""
