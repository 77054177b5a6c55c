"""Safetensors for the scripts that make golden activations of the engine: nothing but numpy is needed.

Run by hand, at development time, with Debian's python3 and python3-torch; the tests read the small files
that the scripts write into tests/data/engine.
"""

import json
import struct

import numpy as np

KINDS = {"float32": "F32", "float16": "F16", "int32": "I32"}


def write(path, tensors):
    """tensors: name -> numpy array or torch tensor; bfloat16 torch tensors stay what they are."""
    header, blobs, at = {}, [], 0
    for name in sorted(tensors):
        value = tensors[name]
        if str(getattr(value, "dtype", "")) == "torch.bfloat16":
            import torch
            kind, shape = "BF16", list(value.shape)
            data = (value.float().numpy().view(np.uint32) >> 16).astype("<u2").tobytes()
            assert torch.equal(value.float().bfloat16(), value)
        else:
            value = value.detach().numpy() if hasattr(value, "detach") else np.asarray(value)
            kind, shape, data = KINDS[str(value.dtype)], list(value.shape), np.ascontiguousarray(value).tobytes()
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(data)]}
        blobs.append(data)
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
