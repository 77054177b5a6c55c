"""Golden activations of towers, projectors and the merging of scales, by PyTorch in double precision:
tests/data/engine/vision.safetensors.

    /usr/bin/python3 tests/golden/engine/vision.py

Written from the papers (SigLIP 2303.15343, DINOv2 2304.07193, NVILA 2412.04468) and the facts in
docs/engine.md. Weights carry the checkpoints' names after the case's own, and are of 16 bits in the file.
"""

import os
import sys

import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(__file__))
from tensors import write

torch.manual_seed(20261123)
OUT = {}


def weight(name, *shape, scale=None, around=0.0):
    """A weight that the file holds in 16 bits, as the double that it then is."""
    if scale is None:
        scale = 1.5 / shape[-1] ** 0.5
    value = (around + scale * torch.randn(*shape)).half()
    OUT[name] = value
    return value.double()


def linear(name, n_out, n_in, x):
    return x @ weight(name + ".weight", n_out, n_in).T + weight(name + ".bias", n_out, scale=0.3)


def norm(name, x, eps):
    n = x.shape[-1]
    return F.layer_norm(x, (n,), weight(name + ".weight", n, scale=0.2, around=1),
                        weight(name + ".bias", n, scale=0.2), eps)


def keep(name, x):
    OUT[name] = x.float().contiguous()


class Names:
    """What SigLIP (True) and DINOv2 call the parts of a block."""

    def __init__(self, siglip):
        self.norm1, self.norm2 = ("layer_norm1", "layer_norm2") if siglip else ("norm1", "norm2")
        self.out = "self_attn.out_proj" if siglip else "attn.proj"
        self.heads = "self_attn." if siglip else "attn."
        self.siglip = siglip


def attention(at, names, x, heads, qk_norm, eps):
    n, tokens, width = x.shape
    if names.siglip:
        q, k, v = (linear(f"{at}self_attn.{i}_proj", width, width, x) for i in "qkv")
    else:
        q, k, v = linear(at + "attn.qkv", 3 * width, width, x).chunk(3, -1)
    q, k, v = (i.reshape(n, tokens, heads, width // heads).transpose(1, 2) for i in (q, k, v))
    if qk_norm:
        q = norm(at + names.heads + "q_norm", q, eps)
        k = norm(at + names.heads + "k_norm", k, eps)
    spread = (q @ k.transpose(-1, -2) / (width // heads) ** 0.5).softmax(-1)
    return linear(at + names.out, width, width, (spread @ v).transpose(1, 2).reshape(n, tokens, width))


def feed_forward(at, x, mlp, swiglu, tanh):
    width = x.shape[-1]
    if swiglu:
        gate, up = linear(at + "mlp.w12", 2 * mlp, width, x).chunk(2, -1)
        return linear(at + "mlp.w3", width, mlp, F.silu(gate) * up)
    inner = F.gelu(linear(at + "mlp.fc1", mlp, width, x), approximate="tanh" if tanh else "none")
    return linear(at + "mlp.fc2", width, mlp, inner)


def block(at, names, x, heads, mlp, swiglu=False, tanh=False, scaled=False, qk_norm=False, eps=1e-6):
    width = x.shape[-1]

    def scale(which):
        return weight(f"{at}ls{which}.gamma", width, scale=0.3, around=0.5) if scaled else 1

    x = x + scale(1) * attention(at, names, norm(at + names.norm1, x, eps), heads, qk_norm, eps)
    return x + scale(2) * feed_forward(at, norm(at + names.norm2, x, eps), mlp, swiglu, tanh)


def siglip():
    """Two pictures of 5 x 5 patches; the position table as it is; features after two layers."""
    at, width, patch, side = "siglip.vision_model.", 36, 4, 5
    pixels = torch.randn(2, 3, side * patch, side * patch).float()
    keep("siglip.pixels", pixels.permute(0, 2, 3, 1))
    kernel = weight(at + "embeddings.patch_embedding.weight", width, 3, patch, patch, scale=0.2)
    bias = weight(at + "embeddings.patch_embedding.bias", width, scale=0.3)
    x = F.conv2d(pixels.double(), kernel, bias, stride=patch).flatten(2).transpose(1, 2)
    x = x + weight(at + "embeddings.position_embedding.weight", side * side, width, scale=0.5)
    for i in range(2):
        x = block(f"{at}encoder.layers.{i}.", Names(True), x, heads=2, mlp=50, tanh=True)
        keep(f"siglip.layer.{i}", x)


def dinov2(case, width, heads, mlp, layers, side, grids, final_norm, **options):
    """A class token; the table of side x side resized to each of the grids, which share the weights."""
    at, patch = case + ".encoder.model.", 2
    kept = {}

    def once(make, name, *shape, **how):
        """Weights are drawn by the first grid and used again by the others."""
        if name not in kept:
            kept[name] = make(name, *shape, **how)
        return kept[name]

    global weight
    draw, weight = weight, lambda name, *shape, **how: once(draw, name, *shape, **how)
    for rows, columns in grids:
        pixels = torch.randn(1, 3, rows * patch, columns * patch).float()
        grid = f"{case}.{rows}x{columns}"
        keep(grid + ".pixels", pixels.permute(0, 2, 3, 1))
        kernel = weight(at + "patch_embed.proj.weight", width, 3, patch, patch, scale=0.3)
        bias = weight(at + "patch_embed.proj.bias", width, scale=0.3)
        x = F.conv2d(pixels.double(), kernel, bias, stride=patch).flatten(2).transpose(1, 2)
        x = torch.cat([weight(at + "cls_token", 1, 1, width, scale=0.5), x], 1)
        table = weight(at + "pos_embed", 1, 1 + side * side, width, scale=0.5)
        places = table[:, 1:].reshape(1, side, side, width).permute(0, 3, 1, 2)
        if (rows, columns) != (side, side):
            factor = ((rows + 0.1) / side, (columns + 0.1) / side)
            places = F.interpolate(places, scale_factor=factor, mode="bicubic", antialias=False)
            assert places.shape[-2:] == (rows, columns)
        x = x + torch.cat([table[:, :1], places.flatten(2).transpose(1, 2)], 1)
        for i in range(layers):
            x = block(f"{at}blocks.{i}.", Names(False), x, heads, mlp, scaled=True, **options)
        if final_norm:
            x = norm(at + "norm", x, 1e-6)
        keep(grid + ".class", x[0, :1])
        keep(grid + ".features", x[0, 1:])
    weight = draw


def join(x, side):
    """Neighbours of a grid [rows][columns][channels], zeros at the bottom and the right."""
    rows, columns, channels = x.shape
    x = F.pad(x, (0, 0, 0, -columns % side, 0, -rows % side))
    rows, columns = x.shape[0] // side, x.shape[1] // side
    x = x.reshape(rows, side, columns, side, channels).permute(0, 2, 1, 3, 4)
    return x.reshape(rows * columns, side * side * channels)


def projectors():
    inside, out = 6, 10

    def features(case, rows, columns):
        x = torch.randn(rows, columns, inside).float()
        keep(case + ".features", x)
        return x.double()

    x = features("linear", 3, 4).reshape(12, inside)
    keep("linear.out", linear("linear.layers", out, inside, x))

    x = features("mlp2x", 3, 4).reshape(12, inside)
    x = F.gelu(linear("mlp2x.layers.0", out, inside, x))
    keep("mlp2x.out", linear("mlp2x.layers.2", out, out, x))

    x = norm("down2x2.layers.1", join(features("down2x2", 5, 4), 2), 1e-5)
    x = F.gelu(linear("down2x2.layers.2", out, 4 * inside, x))
    keep("down2x2.out", linear("down2x2.layers.4", out, out, x))

    x = norm("down3x3.layers.1", join(features("down3x3", 5, 7), 3), 1e-5)
    x = F.gelu(linear("down3x3.layers.2", 3 * inside, 9 * inside, x))
    x = F.gelu(linear("down3x3.layers.5", out, 3 * inside, norm("down3x3.layers.4", x, 1e-5)))
    keep("down3x3.out", linear("down3x3.layers.7", out, out, x))


def lay(tiles, rows, columns):
    """Tiles [rows columns][side][side][width] as one map [width][rows side][columns side]."""
    side, width = tiles.shape[1], tiles.shape[-1]
    x = tiles.reshape(rows, columns, side, side, width).permute(4, 0, 2, 1, 3)
    return x.reshape(width, rows * side, columns * side)


def merging(case, to):
    """Three scales, the last of 3 x 4 tiles, brought to the grid of scale `to`."""
    side, width, grids = 3, 2, [(1, 1), (2, 2), (3, 4)]
    tiles = torch.randn(sum(r * c for r, c in grids), side, side, width).float()
    keep(case + ".features", tiles)
    maps, at = [], 0
    for rows, columns in grids:
        maps.append(lay(tiles[at:at + rows * columns].double(), rows, columns))
        at += rows * columns
    rows, columns = grids[to]
    x = torch.cat([F.interpolate(m[None], size=maps[to].shape[1:], mode="area")[0] for m in maps])
    x = x.reshape(3 * width, rows, side, columns, side).permute(1, 3, 2, 4, 0)
    keep(case + ".out", x.reshape(rows * columns, side, side, 3 * width))
    keep(case + ".laid", maps[2].permute(1, 2, 0))


siglip()
dinov2("large", 32, 4, 64, 2, side=4, grids=[(4, 4), (5, 3)], final_norm=True)
dinov2("giant", 40, 2, 24, 2, side=3, grids=[(9, 7)], final_norm=False, swiglu=True, qk_norm=True)
projectors()
merging("last", 2)
merging("middle", 1)
write(os.path.join(os.path.dirname(__file__), "../../data/engine/vision.safetensors"), OUT)
