"""Golden stages of the whole network: a small RoboTracer with random weights as a model folder,
tests/data/engine/tiny-robotracer, and what PyTorch computes with it in double precision from one picture with
intrinsics and depth, in tests/data/engine/robotracer.safetensors.

Independent of the C: written from the papers (NVILA 2412.04468, SigLIP 2303.15343, Qwen2 2407.10671, RoboTracer
2512.13660) and the facts and defaults that docs/engine.md states.

    /usr/bin/python3 tests/golden/engine/robotracer.py
"""

import json
import math
import os

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import mapanything
from mapanything import Weights, joined_2x2
from tensors import write

FOLDER = os.path.join(mapanything.DATA, "tiny-robotracer")
QUESTION = "Where is the cup? Answer in metres."
ANSWER_TOKENS = 12
STAGES = {}


def keep(stage, rows):
    """What a stage gives, its rows in the order in which they come about."""
    STAGES.setdefault(stage, []).append(rows.reshape(-1, rows.shape[-1]))


# ---- the model's dimensions ----

LLM = dict(model_type="qwen2", hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
           intermediate_size=48, vocab_size=260, max_position_embeddings=512, rope_theta=10000.0, rms_norm_eps=1e-6,
           tie_word_embeddings=False)
VISION = dict(model_type="siglip_vision_model", hidden_size=24, num_hidden_layers=3, num_attention_heads=2,
              intermediate_size=40, image_size=28, patch_size=7, hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-6)
SCALE = dict(projected_size=16, hidden_size=9, num_hidden_layers=2)
IM_START, IM_END, SCALE_TOKEN = 256, 257, 258  # after the 256 bytes


class Spatial(mapanything.Config):
    patch, long_side = 7, 35
    dense = (8, 10, 12)

    def as_json(self):
        return dict(generation="v1", encoder_hidden_size=self.tower_width, encoder_num_layers=self.tower_layers,
                    encoder_num_heads=self.tower_heads, encoder_intermediate_size=self.tower_mlp,
                    patch_size=self.patch, position_size=self.table * self.patch, hidden_size=self.width,
                    num_hidden_layers=self.layers, num_attention_heads=self.heads, intermediate_size=self.mlp,
                    tapped_layers=list(self.taps), dense_sizes=list(self.dense), global_sizes=list(self.globals_),
                    scale_head_size=self.scale_hidden, long_side=self.long_side)


# ---- pictures to tiles ----

def tiles(rgb, side, fewest, most):
    """NVILA's `dynamic`: the grid whose aspect ratio is nearest, then the whole as a thumbnail."""
    height, width = rgb.shape[:2]
    grids = sorted({(i, j) for i in range(1, most + 1) for j in range(1, most + 1) if fewest <= i * j <= most},
                   key=lambda g: g[0] * g[1])
    best, nearest = None, math.inf
    for columns, rows in grids:
        distance = abs(width / height - columns / rows)
        if distance < nearest or (distance == nearest and width * height > 0.5 * side * side * columns * rows):
            best, nearest = (columns, rows), distance
    picture = Image.fromarray(rgb)
    whole = np.asarray(picture.resize((side * best[0], side * best[1]), Image.BICUBIC))
    cut = [whole[r * side:(r + 1) * side, c * side:(c + 1) * side] for r in range(best[1]) for c in range(best[0])]
    if len(cut) > 1:
        cut.append(np.asarray(picture.resize((side, side), Image.BICUBIC)))
    return [(torch.from_numpy(t.astype(np.float64)) / 255 - 0.5) / 0.5 for t in cut]


def siglip(w, pixels):
    """The features after the last layer but one: [rows, columns, width]"""
    width, heads, patch = VISION["hidden_size"], VISION["num_attention_heads"], VISION["patch_size"]
    at = "vision_model.embeddings."
    x = F.conv2d(pixels.permute(2, 0, 1)[None], w(at + "patch_embedding.weight", (width, 3, patch, patch), 0.1),
                 w(at + "patch_embedding.bias", (width,), 0.1), stride=patch)
    rows, columns = x.shape[2:]
    x = x[0].flatten(1).T + w(at + "position_embedding.weight", (rows * columns, width), 0.5)
    given = None
    for i in range(VISION["num_hidden_layers"]):
        at = f"vision_model.encoder.layers.{i}."
        normed = w.norm(at + "layer_norm1", x)
        q, k, v = (w.linear(f"{at}self_attn.{n}_proj", normed, width).reshape(-1, heads, width // heads).transpose(0, 1)
                   for n in "qkv")
        out = torch.softmax(q @ k.transpose(1, 2) / math.sqrt(width // heads), dim=-1) @ v
        x = x + w.linear(at + "self_attn.out_proj", out.transpose(0, 1).reshape(-1, width), width)
        inner = w.linear(at + "mlp.fc1", w.norm(at + "layer_norm2", x), VISION["intermediate_size"])
        x = x + w.linear(at + "mlp.fc2", F.gelu(inner, approximate="tanh"), width)
        if i == VISION["num_hidden_layers"] - 2:
            given = x
        if given is None or given is x:
            keep(f"vision.layer.{i}", x)
    w.norm("vision_model.post_layernorm", x)  # in published files, and not used
    return given.reshape(rows, columns, width)


# ---- the language model ----

def rms(w, name, x):
    return x / (x.pow(2).mean(-1, keepdim=True) + LLM["rms_norm_eps"]).sqrt() * w(name, (x.shape[-1],), 0.1, 1.0)


def rotated(x):
    """x [heads, positions, size]: coordinates i and i + size / 2 turn together."""
    size = x.shape[-1]
    angles = torch.arange(x.shape[1])[:, None] * LLM["rope_theta"] ** (-torch.arange(0, size, 2) / size)
    cosines, sines = angles.cos(), angles.sin()
    a, b = x[..., :size // 2], x[..., size // 2:]
    return torch.cat([a * cosines - b * sines, b * cosines + a * sines], dim=-1)


def plain(w, name, x, n_out):
    return F.linear(x, w(name + ".weight", (n_out, x.shape[-1]), x.shape[-1] ** -0.5))


def decoder(w, x, show):
    """Embeddings [positions, width] to final normed states."""
    width, heads, kv_heads = LLM["hidden_size"], LLM["num_attention_heads"], LLM["num_key_value_heads"]
    n, size = x.shape[0], width // heads
    future = torch.full((n, n), -math.inf).triu(1)
    for i in range(LLM["num_hidden_layers"]):
        at = f"model.layers.{i}."
        normed = rms(w, at + "input_layernorm.weight", x)
        q, k, v = (w.linear(f"{at}self_attn.{name}_proj", normed, h * size).reshape(n, h, size).transpose(0, 1)
                   for name, h in (("q", heads), ("k", kv_heads), ("v", kv_heads)))
        k, v = (t.repeat_interleave(heads // kv_heads, dim=0) for t in (rotated(k), v))
        weights = torch.softmax(rotated(q) @ k.transpose(1, 2) / math.sqrt(size) + future, dim=-1)
        x = x + plain(w, at + "self_attn.o_proj", (weights @ v).transpose(0, 1).reshape(n, width), width)
        normed = rms(w, at + "post_attention_layernorm.weight", x)
        inner = F.silu(plain(w, at + "mlp.gate_proj", normed, LLM["intermediate_size"])) * \
            plain(w, at + "mlp.up_proj", normed, LLM["intermediate_size"])
        x = x + plain(w, at + "mlp.down_proj", inner, width)
        if show:
            keep(f"llm.layer.{i}", x)
    return rms(w, "model.norm.weight", x)


def language_model_head(w):
    """Printable characters are likelier, so that the answer is text."""
    name = "lm_head.weight"
    if name not in w.tensors:
        head = w(name, (LLM["vocab_size"], LLM["hidden_size"]), 1.0)
        head[:32] /= 16
        head[127:] /= 16
    return w.tensors[name]


# ---- the prompt ----

def embeddings(w, parts):
    """Text and features one after another; bytes are their own ids."""
    table = w("model.embed_tokens.weight", (LLM["vocab_size"], LLM["hidden_size"]), 0.7)
    return torch.cat([table[list(p)] if not torch.is_tensor(p) else p for p in parts])


def prompt(tiles_given, spatial_given):
    """NVILA's order. Each group of features is followed by the encoder's own line end and by the text's; a space
    between pictures and space, a line end before the question; the scale's token begins the answer."""
    parts = [[IM_START], b"system\nYou are a helpful assistant", [IM_END], b"\n", [IM_START], b"user\n"]
    for tile in tiles_given:
        parts += [tile, b"\n", b"\n"]
    parts += [b" ", spatial_given, b"\n", b"\n", b"\n", QUESTION.encode(), [IM_END], b"\n", [IM_START],
              b"assistant\n", [SCALE_TOKEN]]
    return parts


# ---- the whole ----

def scale_decoder(w, state):
    x = w.linear("scale_projector", state, SCALE["projected_size"])
    x = w.linear("scale_head.proj", x, SCALE["hidden_size"])
    for i in range(SCALE["num_hidden_layers"]):
        x = F.relu(w.linear(f"scale_head.mlp.{i}.0", x, SCALE["hidden_size"]))
    return w.linear("scale_head.output_proj", x, 1).exp().clamp(min=1e-8)


def scene():
    rng = np.random.default_rng(3)
    width, height = 60, 44
    y, x = np.mgrid[0:height, 0:width]
    wave = np.stack([np.sin(x / (5.0 + p)) + np.cos(y / (4.0 - p)) for p in range(3)], axis=-1)
    rgb = np.clip(128 + 55 * wave + 10 * rng.standard_normal(wave.shape), 0, 255).astype(np.uint8)
    depth = (0.8 + 0.02 * y + 0.2 * np.sin(x / 9.0)).astype(np.float32)
    depth[10:14, 20:30] = 0
    return {"rgb": rgb, "depth": depth, "k": np.array([52.0, 54.0, 29.0, 22.5], np.float32)}


def tokenizer():
    """Bytes alone: GPT-2's letters for them, in the order of the bytes, and three special tokens."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    vocabulary = {chr(b if b in printable else next(others)): b for b in range(256)}
    added = [dict(id=i, content=c, special=True, lstrip=False, rstrip=False, single_word=False, normalized=False)
             for i, c in ((IM_START, "<|im_start|>"), (IM_END, "<|im_end|>"), (SCALE_TOKEN, "<SCALE>"))]
    split = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
             "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
    steps = [dict(type="Split", pattern=dict(Regex=split), behavior="Isolated", invert=False),
             dict(type="ByteLevel", add_prefix_space=False, trim_offsets=False, use_regex=False)]
    return dict(version="1.0", added_tokens=added, normalizer=dict(type="NFC"),
                pre_tokenizer=dict(type="Sequence", pretokenizers=steps),
                model=dict(type="BPE", vocab=vocabulary, merges=[]))


def write_part(name, config, weights):
    os.makedirs(os.path.join(FOLDER, name), exist_ok=True)
    write_json(os.path.join(name, "config.json"), config)
    write(os.path.join(FOLDER, name, "model.safetensors"), {k: v.bfloat16() for k, v in weights.tensors.items()})


def write_json(name, value):
    with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def main():
    parts = ("llm", "vision_tower", "mm_projector", "spatial_encoder", "spatial_projector", "scale_decoder")
    w = {name: Weights(100 + i) for i, name in enumerate(parts)}
    width, view, small = LLM["hidden_size"], scene(), Spatial(False)

    pixels = tiles(view["rgb"], VISION["image_size"], 1, 4)
    seen = [joined_2x2(w["mm_projector"], "", siglip(w["vision_tower"], p), width) for p in pixels]
    # Both poses' encoders are part of a folder, though this picture has no pose.
    mapanything.spatial(w["spatial_encoder"], small, [dict(view, pose=np.array([0, 0, 0, 1, 0, 0, 0.0]))])
    space = mapanything.spatial(w["spatial_encoder"], small, [view])
    spatial_given = joined_2x2(w["spatial_projector"], "", space["final"][0], width)
    x = embeddings(w["llm"], prompt(seen, spatial_given))
    keep("vision.projected", torch.cat(seen))
    keep("spatial.fused", space["fused"][0])
    keep("spatial.final", space["final"][0])
    keep("spatial.projected", spatial_given)

    answer, n_prompt, scale = [], x.shape[0], None
    head = language_model_head(w["llm"])
    while len(answer) < ANSWER_TOKENS:
        states = decoder(w["llm"], x, len(answer) == 0)
        if not answer:
            scale = scale_decoder(w["scale_decoder"], states[-1])
        logits = head @ states[-1]
        keep("logits", logits[None])
        answer.append(int(logits.argmax()))
        x = torch.cat([x, embeddings(w["llm"], [answer[-1:]])])
    assert all(32 <= i < 127 for i in answer)

    os.makedirs(FOLDER, exist_ok=True)
    write_json("config.json", dict(model_type="llava_llama", architectures=["LlavaLlamaModel"], name="tiny-robotracer",
                                   image_aspect_ratio="dynamic", min_tiles=1, max_tiles=4, mm_vision_select_layer=-2,
                                   mm_hidden_size=VISION["hidden_size"]))
    projector = dict(mm_projector_type="mlp_downsample")
    for name, config in zip(parts, (LLM, VISION, projector, small.as_json(), projector, SCALE)):
        write_part(name, config, w[name])
    write_json("llm/tokenizer.json", tokenizer())
    expected = {f"expected.{stage}": torch.cat(rows).float() for stage, rows in STAGES.items()}
    expected["expected.scale"] = scale.float()
    expected["expected.answer"] = np.array(answer, np.float32)
    expected["expected.prompt_tokens"] = np.array([n_prompt], np.float32)
    for key, value in view.items():
        expected[f"input.{key}"] = value.astype(np.float16 if key == "rgb" else np.float32)
    path = os.path.join(mapanything.DATA, "robotracer.safetensors")
    write(path, expected)
    sizes = [os.path.getsize(os.path.join(at, f)) for at, _, files in os.walk(FOLDER) for f in files]
    print(f"{sum(sizes)} + {os.path.getsize(path)} bytes, {len(pixels)} tiles, {n_prompt} positions, "
          f"scale {float(scale):.4f}, answer '{bytes(answer).decode()}'")
    logits = torch.cat(STAGES["logits"])
    best = logits.topk(2, dim=-1).values
    print("least lead of a greedy token", float((best[:, 0] - best[:, 1]).min()), "of", float(logits.abs().max()))


if __name__ == "__main__":
    with torch.no_grad():
        main()
