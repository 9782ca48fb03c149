"""Operations on arrays of pixels: contrast, sampling, statistics and textures.

All other packages build on this one. The modules operate on NumPy arrays; `gdiv.images.tensors`
provides the PyTorch counterparts needed by the network.
"""
