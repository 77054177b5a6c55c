"""What PIL 9.4 makes of pictures, and the tiles of `dynamic` and `dynamic_s2`: tests/data/engine/pictures.safetensors.

    /usr/bin/python3 tests/golden/engine/pictures.py

Bytes are held as f16, which says each of them exactly. Written from PIL's behaviour and the facts in
docs/engine.md.
"""

import os
import random
import sys

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.dirname(__file__))
from tensors import write

FILTERS = {"bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS, "nearest": Image.NEAREST}
RESIZED = [("bicubic", 37, 23, 41, 30), ("bicubic", 37, 23, 17, 11), ("bicubic", 37, 23, 37, 9), ("bicubic", 37, 23, 50, 23),
           ("bicubic", 37, 23, 1, 1), ("bicubic", 1, 1, 5, 4), ("bicubic", 1, 60, 7, 3), ("bicubic", 37, 23, 5, 40),
           ("lanczos", 37, 23, 41, 30), ("lanczos", 37, 23, 13, 7), ("lanczos", 37, 23, 20, 40), ("lanczos", 1, 60, 3, 11),
           ("nearest", 37, 23, 41, 30), ("nearest", 37, 23, 10, 7), ("nearest", 1, 60, 2, 100)]
SIDE, OUT = 6, {}


def picture(width, height):
    """Noise, with flat corners of black and white where a filter overshoots."""
    data = np.random.RandomState(width * 1000 + height).randint(0, 256, (height, width, 3)).astype(np.uint8)
    data[:height // 3, :width // 3], data[height // 2:, width // 2:] = 0, 255
    OUT[f"picture.{width}x{height}"] = data.astype(np.float16)
    return Image.fromarray(data)


def keep(name, image):
    OUT[name] = np.asarray(image).astype(np.float16)


def nearest_grid(width, height, fewest, most, side):
    best, off = (1, 1), float("inf")
    for i, j in sorted(((i, n // i) for n in range(fewest, most + 1) for i in range(1, n + 1) if n % i == 0),
                       key=lambda g: g[0] * g[1]):
        now = abs(width / height - i / j)
        if now < off or now == off and width * height > 0.5 * side * side * i * j:
            best, off = (i, j), now
    return best


def tiles(image, columns, rows):
    sheet = image.resize((columns * SIDE, rows * SIDE))
    return [np.asarray(sheet.crop((c * SIDE, r * SIDE, (c + 1) * SIDE, (r + 1) * SIDE)))
            for r in range(rows) for c in range(columns)]


for name, width, height, to_width, to_height in RESIZED:
    keep(f"{name}.{width}x{height}.{to_width}x{to_height}",
         picture(width, height).resize((to_width, to_height), FILTERS[name]))

image = picture(40, 30)
columns, rows = nearest_grid(40, 30, 1, 12, SIDE)
keep("dynamic", np.stack(tiles(image, columns, rows) + tiles(image, 1, 1)))
columns, rows = nearest_grid(40, 30, 9, 12, SIDE)
keep("s2", np.stack(tiles(image, 1, 1) + tiles(image, 2, 2) + tiles(image, columns, rows)))

random.seed(7)
sizes = [(448, 448), (640, 480), (480, 640), (512, 384), (1920, 1080), (300, 300), (317, 317), (600, 600), (1000, 500), (400, 200),
         (5000, 10), (10, 5000), (1, 1)] + [(random.randint(1, 3000), random.randint(1, 3000)) for _ in range(60)]
OUT["grids"] = np.array([[w, h, *nearest_grid(w, h, 1, 12, 448), *nearest_grid(w, h, 9, 12, 448)] for w, h in sizes], np.float32)
write(os.path.join(os.path.dirname(__file__), "../../data/engine/pictures.safetensors"), OUT)
