"""Golden activations of the spatial encoder: MapAnything without its dense and pose heads, both generations, in
small dimensions, on one view and two and with every subset of geometry that the encoder takes.

Independent of the C: PyTorch's own operators in double precision, PIL's filters, and the facts that docs/engine.md
states under "Spatial encoder". Writes tests/data/engine/mapanything_v1.safetensors and mapanything_v11.safetensors: weights under the
names of a checkpoint (exact in bf16), pictures under "input.", activations under "expected.".

    /usr/bin/python3 tests/golden/engine/mapanything.py
"""

import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tensors import write

torch.set_default_dtype(torch.float64)
HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "..", "..", "data", "engine")
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Config:
    """The small dimensions; the tests state the same ones."""
    patch, long_side, table = 4, 20, 3  # table: side of the square of positions that the tower keeps, in patches
    tower_width, tower_layers, tower_heads = 20, 2, 2
    layers, taps = 4, (1, 2)
    dense, globals_, scale_hidden = (10, 12, 14), (6, 8, 10), 9

    def __init__(self, v11):
        self.v11 = v11
        self.tower_mlp = 20 if v11 else 48
        self.width, self.heads, self.mlp = (20, 2, 20) if v11 else (16, 2, 32)
        self.layer_scale = v11


# ---- weights ----

class Weights:
    """Random values that bf16 holds exactly, made in the order in which they are first asked for."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.tensors = {}

    def __call__(self, name, shape, deviation, mean=0.0):
        if name not in self.tensors:
            value = torch.from_numpy(self.rng.standard_normal(shape))
            self.tensors[name] = (value * deviation + mean).bfloat16().double()
        assert list(self.tensors[name].shape) == list(shape), name
        return self.tensors[name]

    def linear(self, name, x, n_out):
        weight = self(name + ".weight", (n_out, x.shape[-1]), x.shape[-1] ** -0.5)
        return F.linear(x, weight, self(name + ".bias", (n_out,), 0.1))

    def conv(self, name, x, n_out, size):
        weight = self(name + ".weight", (n_out, x.shape[1], size, size), 1.2 * (x.shape[1] * size * size) ** -0.5)
        return F.conv2d(x, weight, self(name + ".bias", (n_out,), 0.1), padding=size // 2)

    def norm(self, name, x):
        n = x.shape[-1]
        return F.layer_norm(x, (n,), self(name + ".weight", (n,), 0.1, 1.0), self(name + ".bias", (n,), 0.1), 1e-6)


def block(w, name, x, heads, mlp, swiglu, layer_scale):
    """One pre-norm block over x [sequences, tokens, width]."""
    batch, n, width = x.shape
    qkv = w.linear(name + ".attn.qkv", w.norm(name + ".norm1", x), 3 * width)
    q, k, v = qkv.reshape(batch, n, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    attention = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(width // heads), dim=-1)
    out = w.linear(name + ".attn.proj", (attention @ v).transpose(1, 2).reshape(batch, n, width), width)
    x = x + (out * w(name + ".ls1.gamma", (width,), 0.3, 0.7) if layer_scale else out)
    normed = w.norm(name + ".norm2", x)
    if swiglu:
        gate, up = w.linear(name + ".mlp.w12", normed, 2 * mlp).chunk(2, dim=-1)
        out = w.linear(name + ".mlp.w3", F.silu(gate) * up, width)
    else:
        out = w.linear(name + ".mlp.fc2", F.gelu(w.linear(name + ".mlp.fc1", normed, mlp)), width)
    return x + (out * w(name + ".ls2.gamma", (width,), 0.3, 0.7) if layer_scale else out)


# ---- the encoder of pictures ----

def positions(w, c, rows, columns):
    table = w("encoder.model.pos_embed", (1, 1 + c.table ** 2, c.tower_width), 0.5)
    if rows == columns == c.table:
        return table
    grid = table[:, 1:].reshape(1, c.table, c.table, c.tower_width).permute(0, 3, 1, 2)
    factors = ((rows + 0.1) / c.table, (columns + 0.1) / c.table)
    grid = F.interpolate(grid, scale_factor=factors, mode="bicubic", align_corners=False)
    assert grid.shape[2:] == (rows, columns)
    return torch.cat([table[:, :1], grid.permute(0, 2, 3, 1).reshape(1, rows * columns, c.tower_width)], dim=1)


def tower(w, c, rgb):
    """rgb [height, width, 3] of 0..255 -> patches [rows, columns, tower_width], class token [tower_width]"""
    x = (torch.from_numpy(rgb.astype(np.float64)) / 255 - torch.tensor(MEAN)) / torch.tensor(DEVIATION)
    x = x.permute(2, 0, 1)[None]
    weight = w("encoder.model.patch_embed.proj.weight", (c.tower_width, 3, c.patch, c.patch), 0.15)
    bias = w("encoder.model.patch_embed.proj.bias", (c.tower_width,), 0.1)
    x = F.conv2d(x, weight, bias, stride=c.patch)
    rows, columns = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([w("encoder.model.cls_token", (1, 1, c.tower_width), 0.5), x], dim=1) + positions(w, c, rows, columns)
    for i in range(c.tower_layers):
        x = block(w, f"encoder.model.blocks.{i}", x, c.tower_heads, c.tower_mlp, c.v11, True)
    if not c.v11:
        x = w.norm("encoder.model.norm", x)
    return x[0, 1:].reshape(rows, columns, -1), x[0, 0]


# ---- geometry ----

def sizes(c):
    """(width, height) that a picture may be brought to: fractions of the long side in whole patches."""
    side = c.long_side // c.patch
    shorts = [max(1, math.floor(side * n / 37 + 0.5)) for n in (37, 28, 24, 21, 18, 12)]
    return [(side * c.patch, n * c.patch) for n in shorts] + [(n * c.patch, side * c.patch) for n in shorts[1:5]]


def fit(c, view, first):
    """The view resized and cut to the size whose aspect ratio is nearest to that of the first view."""
    ratio = first["rgb"].shape[1] / first["rgb"].shape[0]
    width, height = min(sizes(c), key=lambda s: abs(s[0] / s[1] - ratio))
    rows, columns = view["rgb"].shape[:2]
    factor = max(width / columns, height / rows)
    wide, high = max(width, math.floor(columns * factor + 0.5)), max(height, math.floor(rows * factor + 0.5))
    left, top = (wide - width) // 2, (high - height) // 2
    cut = lambda a: np.asarray(a)[top:top + height, left:left + width]
    out = dict(view, rgb=cut(Image.fromarray(view["rgb"]).resize((wide, high), Image.LANCZOS)))
    if "depth" in view:
        out["depth"] = cut(Image.fromarray(view["depth"], mode="F").resize((wide, high), Image.NEAREST))
    if "k" in view:
        fx, fy, cx, cy = view["k"].astype(np.float64)
        sx, sy = wide / columns, high / rows
        out["k"] = (fx * sx, fy * sy, (cx + 0.5) * sx - 0.5 - left, (cy + 0.5) * sy - 0.5 - top)
    return out


def rays(view):
    """[height, width, 3] unit vectors through whole pixel coordinates"""
    height, width = view["rgb"].shape[:2]
    fx, fy, cx, cy = view["k"]
    y, x = torch.meshgrid(torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64),
                          indexing="ij")
    return F.normalize(torch.stack([(x - cx) / fx, (y - cy) / fy, torch.ones_like(x)], dim=-1), dim=-1)


def depth_along_rays(view):
    """Depth along each ray over its mean, its logarithm, and that mean; 0 where it is not known."""
    z = torch.from_numpy(np.array(view["depth"], dtype=np.float64))
    valid = torch.isfinite(z) & (z > 0)
    along = torch.where(valid, z, torch.zeros_like(z)) / rays(view)[..., 2]
    mean = along.sum() / valid.sum()
    scaled = along / mean
    return torch.sign(scaled) * torch.log1p(scaled.abs()), mean


def rotation_matrix(q):
    x, y, z, s = q
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - z * s), 2 * (x * z + y * s)],
                     [2 * (x * y + z * s), 1 - 2 * (x * x + z * z), 2 * (y * z - x * s)],
                     [2 * (x * z - y * s), 2 * (y * z + x * s), 1 - 2 * (x * x + y * y)]])


def quaternion(m):
    """x, y, z, w of a rotation matrix, w not negative, by the largest eigenvector of Bar-Itzhack's matrix."""
    k = np.array([[m[0, 0] - m[1, 1] - m[2, 2], m[1, 0] + m[0, 1], m[2, 0] + m[0, 2], m[2, 1] - m[1, 2]],
                  [m[1, 0] + m[0, 1], m[1, 1] - m[0, 0] - m[2, 2], m[2, 1] + m[1, 2], m[0, 2] - m[2, 0]],
                  [m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], m[2, 2] - m[0, 0] - m[1, 1], m[1, 0] - m[0, 1]],
                  [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], np.trace(m)]]) / 3
    q = np.linalg.eigh(k)[1][:, -1]
    return q if q[3] >= 0 else -q


def relative_poses(views):
    """Per view with a pose: rotation and translation (over their mean length) seen from the first; and that length."""
    if "pose" not in views[0]:
        return [None] * len(views), None
    r0, t0 = rotation_matrix(views[0]["pose"][:4].astype(np.float64)), views[0]["pose"][4:].astype(np.float64)
    poses = [(quaternion(r0.T @ rotation_matrix(v["pose"][:4].astype(np.float64))),
              r0.T @ (v["pose"][4:] - t0)) if "pose" in v else None for v in views]
    lengths = [np.linalg.norm(p[1]) for p in poses if p and np.linalg.norm(p[1]) > 0]
    scale = max(np.mean(lengths) if lengths else 0.0, 1e-8)
    return [p and (p[0], p[1] / scale) for p in poses], scale


def dense(w, c, name, x):
    """x [height, width, channels] -> [rows, columns, tower_width]"""
    x = F.pixel_unshuffle(x.permute(2, 0, 1)[None], c.patch)
    x = w.conv(name + ".conv_in", x, c.dense[0], 3)
    for i in (0, 1):
        at = f"{name}.encoder.{i}"
        y = w.conv(at + ".conv2", F.gelu(w.conv(at + ".conv1", x, c.dense[i + 1], 3)), c.dense[i + 1], 3)
        x = F.gelu(y + w.conv(at + ".shortcut", x, c.dense[i + 1], 1))
    x = w.conv(name + ".encoder.2", x, c.tower_width, 1)
    return w.norm(name + ".norm_layer", x[0].permute(1, 2, 0))


def global_(w, c, name, values):
    x = torch.tensor(values)
    for at, n in zip(("0.0.0.0", "0.0.1", "0.1"), c.globals_):
        x = F.gelu(w.linear(f"{name}.encoder.{at}", x, n))
    return w.norm(name + ".norm_layer", w.linear(name + ".encoder.1", x, c.tower_width))


# ---- the whole ----

def info_sharing(w, c, fused, registers):
    """fused: per view [rows, columns, tower_width] -> the taps, the final features, the scale token"""
    n, (rows, columns) = len(fused), fused[0].shape[:2]
    views = [torch.cat([f.reshape(rows * columns, -1)] + ([r[None]] if c.v11 else [])) for f, r in zip(fused, registers)]
    tokens = views[0].shape[0]
    x = torch.cat(views + [w("scale_token", (c.tower_width,), 0.7)[None]])
    if not c.v11:
        x = w.linear("info_sharing.proj_embed", x, c.width)
    reference = torch.tensor([0.0, 1.0]).repeat(c.width // 2)
    x = torch.cat([x[:tokens] + reference, x[tokens:]])
    taps = []
    for i in range(c.layers):
        name = f"info_sharing.self_attention_blocks.{i}"
        run = lambda y: block(w, name, y, c.heads, c.mlp, c.v11, c.layer_scale)
        if i % 2 == 0:
            x = run(x[None])[0]
        else:
            x = torch.cat([run(x[:-1].reshape(n, tokens, -1)).reshape(n * tokens, -1), x[-1:]])
        if i in c.taps:
            taps.append(w.norm("info_sharing.norm", x))
    x = w.norm("info_sharing.norm", x)
    patches = lambda y: y[:-1].reshape(n, tokens, -1)[:, :rows * columns].reshape(n, rows, columns, -1)
    return [patches(t) for t in taps], patches(x), x[-1]


def scale_head(w, c, x):
    x = w.linear("scale_head.proj", x, c.scale_hidden)
    for i in (0, 1):
        x = F.relu(w.linear(f"scale_head.mlp.{i}.0", x, c.scale_hidden))
    return w.linear("scale_head.output_proj", x, 1).exp().clamp(min=1e-8)


def spatial(w, c, views):
    """Every stage by its name."""
    out = {stage: [] for stage in ("encoder", "rays", "depth")}
    views = [fit(c, v, views[0]) for v in views]
    poses, pose_scale = relative_poses(views)
    fused, registers = [], []
    for view, pose in zip(views, poses):
        features, register = tower(w, c, view["rgb"])
        out["encoder"].append(features)
        if "k" in view:
            out["rays"].append(dense(w, c, "ray_dirs_encoder", rays(view)))
            features = features + out["rays"][-1]
            if "depth" in view:
                along, mean = depth_along_rays(view)
                out["depth"].append(dense(w, c, "depth_encoder", along[..., None]))
                features = features + out["depth"][-1]
                features = features + global_(w, c, "depth_scale_encoder", [math.log(mean + 1e-8)])
        if pose:
            features = features + global_(w, c, "cam_rot_encoder", list(pose[0]))
            features = features + global_(w, c, "cam_trans_encoder", list(pose[1]))
            features = features + global_(w, c, "cam_trans_scale_encoder", [math.log(pose_scale + 1e-8)])
        fused.append(w.norm("fusion_norm_layer", features))
        registers.append(register)
    out = {stage: torch.stack(parts) for stage, parts in out.items() if parts}
    out["fused"] = torch.stack(fused)
    (out["tap.0"], out["tap.1"]), out["final"], out["scale_token"] = info_sharing(w, c, fused, registers)
    out["metric_scale"] = scale_head(w, c, out["scale_token"])
    return out


def joined_2x2(w, at, features, n_out):
    """The projector mlp_downsample: 2 x 2 neighbours of [rows, columns, width] become one token."""
    rows, columns, width = features.shape
    x = F.pad(features, (0, 0, 0, columns % 2, 0, rows % 2))
    x = x.reshape((rows + 1) // 2, 2, (columns + 1) // 2, 2, width).permute(0, 2, 1, 3, 4).reshape(-1, 4 * width)
    x = F.layer_norm(x, (4 * width,), w(at + "layers.1.weight", (4 * width,), 0.1, 1.0),
                     w(at + "layers.1.bias", (4 * width,), 0.1), 1e-5)
    return w.linear(at + "layers.4", F.gelu(w.linear(at + "layers.2", x, n_out)), n_out)


def tokens(w, features, scale_token):
    """What the language model is given: the views, and the scale token as a grid of one."""
    return torch.cat([joined_2x2(w, "spatial_projector.", view, 12)
                      for view in list(features) + [scale_token[None, None]]])


# ---- what is asked of it ----

def pictures():
    """Three views of nothing in particular; b has other sides than a, d has unknown depths of every kind."""
    rng = np.random.default_rng(7)
    views = {}
    for name, (width, height) in {"a": (20, 16), "b": (27, 20)}.items():
        y, x = np.mgrid[0:height, 0:width]
        wave = np.stack([np.sin(x / 3.0 + p) * np.cos(y / (2.0 + p)) for p in range(3)], axis=-1)
        rgb = np.clip(128 + 90 * wave + 12 * rng.standard_normal((height, width, 3)), 0, 255).astype(np.uint8)
        depth = (1.5 + 0.05 * x + 0.3 * np.cos(y / 4.0)).astype(np.float32)
        depth[2:4, 5:9] = 0
        if name == "b":
            depth[8, 3], depth[9, 4], depth[10, 5], depth[11:13, 6:9] = np.nan, np.inf, -1.0, -np.inf
        views[name] = {"rgb": rgb, "depth": depth,
                       "k": np.array([0.9 * width, 0.95 * width, 0.48 * width, 0.53 * height], np.float32)}
    axis = np.array([0.2, -0.6, 0.3])
    for name, angle, translation in (("a", 0.4, (0.1, -0.2, 0.3)), ("b", -0.9, (0.9, 0.1, -0.4))):
        half = math.sin(angle / 2) * axis / np.linalg.norm(axis)
        views[name]["pose"] = np.array([*half, math.cos(angle / 2), *translation], np.float32)
    return views


# name: per view, which picture and which of its geometry
CASES = {
    "rgb": ["a"],
    "k": ["a k"],
    "k_depth": ["a k depth"],
    "k_depth_pose": ["a k depth pose"],
    "resized": ["b k depth"],
    "two": ["a", "b"],
    "two_mixed": ["a k pose", "b k depth pose"],
}

STAGES_ONCE = ("encoder", "rays", "depth", "tap.0", "tap.1")  # of two cases: they follow from less, or lead to the rest


def case_views(views, case):
    return [{key: views[word.split()[0]][key] for key in ["rgb"] + word.split()[1:]} for word in CASES[case]]


def make(name, v11, seed):
    c, w, views = Config(v11), Weights(seed), pictures()
    written = {}
    for case in CASES:
        with torch.no_grad():
            stages = spatial(w, c, case_views(views, case))
        for stage, value in stages.items():
            if stage not in STAGES_ONCE or case in ("k_depth", "two_mixed"):
                written[f"expected.{case}.{stage}"] = value.float()
        if v11 and case == "two":
            for tap, stage in (("final", "final"), ("fused", "fused"), ("middle", "tap.1")):
                written[f"expected.two.tokens.{tap}"] = tokens(w, stages[stage], stages["scale_token"]).float()
    for key, tensor in w.tensors.items():
        written[key] = tensor.bfloat16()
    for view, parts in views.items():
        for part, value in parts.items():
            if part == "depth":  # a file of weights holds no NaN: these stand for the kinds of unknown depth
                value = np.nan_to_num(value, nan=-2.0, posinf=-3.0, neginf=-4.0)
            written[f"input.{view}.{part}"] = value.astype(np.float16 if part == "rgb" else np.float32)
    path = os.path.join(DATA, name)
    write(path, written)
    print(f"{os.path.getsize(path):7d} {name}, scale " +
          " ".join(f"{case} {float(written[f'expected.{case}.metric_scale']):.4f}" for case in CASES))


if __name__ == "__main__":
    make("mapanything_v1.safetensors", False, 1)
    make("mapanything_v11.safetensors", True, 15)
