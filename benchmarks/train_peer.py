"""The network of benchmarks/train.c in PyTorch, for Debian's python3-torch: started by it, and asked for
a step at a time so that both are timed in turn. It wants an optimised BLAS: Debian's libopenblas0-openmp.

    train --peer /usr/bin/python3

Written as one would write it there: modules, one batch for all pictures, a mask for questions that share
their picture's prefix, scaled_dot_product by matmul and softmax, torch.optim.AdamW. Prints the number of
parameters, then for each line on standard input the seconds of one step, and those of the processor.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

config, pictures, questions, words, answer, threads = json.loads(sys.argv[1]), *map(int, sys.argv[2:7])
torch.set_num_threads(threads)
torch.manual_seed(1)


def attend(q, k, v, mask=None):
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    return (scores if mask is None else scores + mask).softmax(-1) @ v


class Block(nn.Module):
    """An encoder's block, queries and keys normed."""

    def __init__(self, width, heads, mlp, tanh):
        super().__init__()
        self.heads, self.approximate = heads, 'tanh' if tanh else 'none'
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.q_norm, self.k_norm = nn.LayerNorm(width // heads), nn.LayerNorm(width // heads)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, mlp), nn.Linear(mlp, width)

    def forward(self, x):
        b, n, w = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = attend(self.q_norm(q), self.k_norm(k), v).transpose(1, 2).reshape(b, n, w)
        x = x + self.out(y)
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x)), approximate=self.approximate))


class Tower(nn.Module):
    def __init__(self, width, layers, heads, mlp, image, patch, tanh, class_token):
        super().__init__()
        self.patch = nn.Linear(3 * patch * patch, width)
        self.positions = nn.Parameter(torch.randn((image // patch) ** 2 + class_token, width) * 0.02)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.02) if class_token else None
        self.blocks = nn.Sequential(*[Block(width, heads, mlp, tanh) for _ in range(layers)])
        self.norm = nn.LayerNorm(width) if class_token else nn.Identity()

    def forward(self, patches):
        x = self.patch(patches)
        if self.token is not None:
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        x = self.norm(self.blocks(x + self.positions))
        return x[:, 1:] if self.token is not None else x


class Dense(nn.Module):
    """MapAnything's encoder of a field."""

    def __init__(self, channels, patch, sizes, width):
        super().__init__()
        a, b, c = sizes
        self.conv_in = nn.Conv2d(channels * patch * patch, a, 3, padding=1)
        self.conv1 = nn.ModuleList([nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, c, 3, padding=1)])
        self.conv2 = nn.ModuleList([nn.Conv2d(b, b, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)])
        self.shortcut = nn.ModuleList([nn.Conv2d(a, b, 1), nn.Conv2d(b, c, 1)])
        self.conv_out, self.norm = nn.Conv2d(c, width, 1), nn.LayerNorm(width)

    def forward(self, x):
        x = self.conv_in(x)
        for first, second, shortcut in zip(self.conv1, self.conv2, self.shortcut):
            x = F.gelu(shortcut(x) + second(F.gelu(first(x))))
        return self.norm(self.conv_out(x).flatten(2).transpose(1, 2))


class Spatial(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, patch = c['encoder_hidden_size'], c['patch_size']
        self.side = c['position_size'] // patch
        self.tower = Tower(width, c['encoder_num_layers'], c['encoder_num_heads'],
                           c['encoder_intermediate_size'], c['position_size'], patch, False, 1)
        self.rays = Dense(3, patch, c['dense_sizes'], width)
        self.depth = Dense(1, patch, c['dense_sizes'], width)
        sizes = [1] + c['global_sizes'] + [width]
        parts = []
        for n_in, n_out in zip(sizes, sizes[1:]):
            parts += [nn.Linear(n_in, n_out), nn.GELU()]
        self.number = nn.Sequential(*parts[:-1], nn.LayerNorm(width))
        self.fusion, self.token = nn.LayerNorm(width), nn.Parameter(torch.randn(1, 1, width))
        self.project = nn.Linear(width, c['hidden_size'])
        self.blocks = nn.ModuleList([Block(c['hidden_size'], c['num_attention_heads'],
                                           c['intermediate_size'], False)
                                     for _ in range(c['num_hidden_layers'])])
        self.norm = nn.LayerNorm(c['hidden_size'])

    def forward(self, patches, rays, depth, mean):
        grid = [len(patches), -1, self.side, self.side]
        x = self.tower(patches) + self.rays(rays.transpose(1, 2).reshape(grid))
        x = x + self.depth(depth.transpose(1, 2).reshape(grid)) + self.number(mean.log()).unsqueeze(1)
        x = torch.cat([self.fusion(x), self.token.expand(len(x), -1, -1)], 1)
        x = self.project(x)
        for i, block in enumerate(self.blocks):
            x = block(x) if i % 2 == 0 else torch.cat([block(x[:, :-1]), x[:, -1:]], 1)
        return self.norm(x)[:, :-1]


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, self.heads, self.kv = c['hidden_size'], c['num_attention_heads'], c['num_key_value_heads']
        size = width // self.heads
        self.norm1, self.norm2, self.q_norm, self.k_norm = (RMSNorm(n) for n in (width, width, size, size))
        self.q, self.k = nn.Linear(width, width), nn.Linear(width, self.kv * size)
        self.v, self.out = nn.Linear(width, self.kv * size), nn.Linear(width, width, bias=False)
        self.gate, self.up = (nn.Linear(width, c['intermediate_size'], bias=False) for _ in range(2))
        self.down = nn.Linear(c['intermediate_size'], width, bias=False)

    def forward(self, x, cosines, sines, mask):
        b, n, width = x.shape

        def turn(heads):
            a, c = heads.chunk(2, -1)
            return torch.cat([a * cosines - c * sines, c * cosines + a * sines], -1)

        y = self.norm1(x)
        q = turn(self.q_norm(self.q(y).view(b, n, self.heads, -1).transpose(1, 2)))
        k = turn(self.k_norm(self.k(y).view(b, n, self.kv, -1).transpose(1, 2)))
        v = self.v(y).view(b, n, self.kv, -1).transpose(1, 2)
        k, v = (t.repeat_interleave(self.heads // self.kv, 1) for t in (k, v))
        x = x + self.out(attend(q, k, v, mask).transpose(1, 2).reshape(b, n, width))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Network(nn.Module):
    def __init__(self, c):
        super().__init__()
        llm, eye, space, scale = (c[k] for k in ('llm_cfg', 'vision_tower_cfg', 'spatial_encoder_cfg',
                                                 'scale_decoder_cfg'))
        width, seen = llm['hidden_size'], eye['hidden_size']
        self.vision = Tower(seen, eye['num_hidden_layers'], eye['num_attention_heads'],
                            eye['intermediate_size'], eye['image_size'], eye['patch_size'], True, 0)
        self.side = eye['image_size'] // eye['patch_size']
        self.projector = nn.Sequential(nn.LayerNorm(4 * seen), nn.Linear(4 * seen, width), nn.GELU(),
                                       nn.Linear(width, width))
        self.spatial = Spatial(space)
        self.spatial_projector = nn.Sequential(nn.Linear(space['hidden_size'], width), nn.GELU(),
                                               nn.Linear(width, width))
        self.embeddings = nn.Embedding(llm['vocab_size'], width)
        self.layers = nn.ModuleList([Layer(llm) for _ in range(llm['num_hidden_layers'])])
        self.norm, self.theta = RMSNorm(width), llm['rope_theta']
        hidden = scale['hidden_size']
        parts = [nn.Linear(width, scale['projected_size']), nn.Linear(scale['projected_size'], hidden)]
        for _ in range(scale['num_hidden_layers']):
            parts += [nn.Linear(hidden, hidden), nn.ReLU()]
        self.scale = nn.Sequential(*parts, nn.Linear(hidden, 1))
        self.kinds = nn.ModuleList([nn.Linear(n, 128) for n in (seen, space['hidden_size'])])
        self.colours = nn.ModuleList([nn.Linear(n, 128) for n in (seen, space['hidden_size'])])
        self.places = nn.ModuleList([nn.Linear(n, 3) for n in (seen, space['hidden_size'])])

    def forward(self, d):
        b, half = len(d['patches']), self.side // 2
        seen, space = self.vision(d['patches']), self.spatial(d['patches'], d['rays'], d['depth'], d['mean'])
        tile = seen.view(b, half, 2, half, 2, -1).permute(0, 1, 3, 2, 4, 5).reshape(b, half * half, -1)
        shared = torch.cat([self.projector(tile), self.spatial_projector(space)], 1)
        n, own = shared.shape[1], words + answer - 1
        ids = d['ids']
        x = torch.cat([shared, self.embeddings(ids[:, :, :-1].reshape(b, -1))], 1)
        half_size = x.shape[-1] // self.layers[0].heads // 2
        at = torch.cat([torch.arange(n), (n + torch.arange(own)).repeat(questions)])
        angles = at[:, None] * self.theta ** (-torch.arange(half_size) / half_size)
        which = torch.cat([torch.full((n,), -1), torch.arange(questions).repeat_interleave(own)])
        sees = (at[:, None] >= at) & ((which == -1) | (which[:, None] == which))
        mask = torch.zeros(sees.shape).masked_fill(~sees, float('-inf'))
        for layer in self.layers:
            x = layer(x, angles.cos(), angles.sin(), mask)
        x = self.norm(x)[:, n:].view(b, questions, own, -1)
        logits = x[:, :, words - 1:] @ self.embeddings.weight.T
        loss = F.cross_entropy(logits.flatten(0, 2), ids[:, :, words:].flatten())
        loss = loss + 0.1 * (self.scale(x[:, :, words - 1]) - 0.4).pow(2).mean()
        for i, features in enumerate((seen, space)):
            for head in (self.kinds[i], self.colours[i]):
                loss = loss + 0.5 * F.cross_entropy(head(features).flatten(0, 1), d['kinds'].flatten())
            loss = loss + (self.places[i](features) - d['places']).pow(2).mean()
        return loss


def data():
    patch, side = config['vision_tower_cfg']['patch_size'], network.side
    n, area = side * side, patch * patch
    return {'patches': torch.randn(pictures, n, 3 * area), 'rays': torch.randn(pictures, n, 3 * area),
            'depth': torch.rand(pictures, n, area), 'mean': torch.rand(pictures, 1) + 1,
            'ids': torch.randint(config['llm_cfg']['vocab_size'], (pictures, questions, words + answer)),
            'kinds': torch.randint(128, (pictures, n)), 'places': torch.rand(pictures, n, 3)}


network = Network(config)
optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
batch = data()
print(sum(p.numel() for p in network.parameters()), flush=True)
for _ in sys.stdin:
    start, spent = time.perf_counter(), time.process_time()
    optimiser.zero_grad(set_to_none=True)
    network(batch).backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
    print(time.perf_counter() - start, time.process_time() - spent, flush=True)
