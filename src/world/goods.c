/* Owns what household goods look like: the things of a table. */
#include "world/builders.h"
#include "world/exact.h"

void fm_build_mug(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_material m = fm_pen_plain(b, b->dye, 0.8);

    fm_pen_round(b, 0, 0, 0, t->height, t->hx * 0.94, t->hx, 0.005, m);
    /* The handle: two stubs and a bar. */
    fm_pen_box(b, t->hx + 0.008, 0, t->height * 0.74, 0.014, 0.006, 0.012, m);
    fm_pen_box(b, t->hx + 0.007, 0, t->height * 0.24, 0.015, 0.006, 0.012, m);
    fm_pen_box(b, t->hx + 0.021, 0, t->height * 0.24, 0.006, 0.006, t->height * 0.5 + 0.012, m);
}

void fm_build_cup(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_round(b, 0, 0, 0, t->height, t->hx * 0.72, t->hx, 0.003,
                 fm_pen_material(b, FM_TEXTURE_STRIPES, b->dye, fm_shade(b->dye, 0.65),
                                 t->height * 0.5, 0.3));
}

void fm_build_ball(const fm_pen *b)
{
    fm_texture texture = b->thing->seed & 1 ? FM_TEXTURE_STRIPES : FM_TEXTURE_GLAZE;
    double r = b->thing->hx;

    fm_pen_sphere(b, 0, 0, 0, r,
                  fm_pen_material(b, texture, b->dye, fm_shade(b->dye, 0.7), r * 0.9, 0.6));
}

void fm_build_can(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_material tin = fm_pen_plain(b, v3(0.55, 0.56, 0.58), 1.0);

    fm_pen_round(b, 0, 0, 0, 0.006, t->hx * 0.93, t->hx, 0, tin);
    fm_pen_round(
        b, 0, 0, 0.006, t->height - 0.018, t->hx, t->hx, 0,
        fm_pen_material(b, FM_TEXTURE_LABEL, b->dye, fm_shade(b->dye, 0.8), t->height, 0.7));
    fm_pen_round(b, 0, 0, t->height - 0.012, 0.012, t->hx, t->hx * 0.86, 0.003, tin);
    fm_pen_round(b, 0, 0, t->height - 0.012, 0.007, t->hx * 0.84, t->hx * 0.84, 0, tin);
}

void fm_build_bottle(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double body = t->height * 0.60, shoulder = t->height * 0.16, neck = t->height * 0.17;
    fm_material glass = fm_pen_plain(b, b->dye, 1.0);

    fm_pen_round(b, 0, 0, 0, body, t->hx, t->hx, 0,
                 fm_pen_material(b, FM_TEXTURE_LABEL, b->dye, v3(0.78, 0.76, 0.70), body, 0.8));
    fm_pen_round(b, 0, 0, body, shoulder, t->hx, t->hx * 0.38, 0, glass);
    fm_pen_round(b, 0, 0, body + shoulder, neck, t->hx * 0.38, t->hx * 0.34, 0, glass);
    fm_pen_round(b, 0, 0, body + shoulder + neck, t->height - body - shoulder - neck, t->hx * 0.42,
                 t->hx * 0.42, 0, fm_pen_plain(b, v3(0.75, 0.74, 0.70), 0.4));
}

void fm_build_block(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_box(b, 0, 0, 0, t->hx, t->hy, t->height,
               fm_pen_material(b, FM_TEXTURE_WOOD, b->dye, fm_shade(b->dye, -0.25), 0.05, 0.25));
}

void fm_build_box(const fm_pen *b)
{
    fm_texture texture = b->thing->seed & 1 ? FM_TEXTURE_LABEL : FM_TEXTURE_DOTS;

    fm_pen_box(b, 0, 0, 0, b->thing->hx, b->thing->hy, b->thing->height,
               fm_pen_material(b, texture, b->dye, fm_shade(b->dye, 0.75),
                               texture == FM_TEXTURE_LABEL ? b->thing->height : 0.03, 0.15));
}

void fm_build_jar(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double lid = 0.022;

    fm_pen_round(b, 0, 0, 0, t->height - lid - 0.012, t->hx, t->hx, 0,
                 fm_pen_material(b, FM_TEXTURE_SPECKLE, b->dye, fm_shade(b->dye, 0.5), 0.006, 0.7));
    fm_pen_round(b, 0, 0, t->height - lid - 0.012, 0.012, t->hx, t->hx * 0.88, 0,
                 fm_pen_plain(b, b->dye, 0.7));
    fm_pen_round(
        b, 0, 0, t->height - lid, lid, t->hx * 0.93, t->hx * 0.93, 0,
        fm_pen_material(b, FM_TEXTURE_WOOD, v3(0.52, 0.34, 0.17), v3(0.38, 0.22, 0.10), 0.03, 0.2));
}

void fm_build_bowl(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_material m = fm_pen_material(b, FM_TEXTURE_GLAZE, b->dye, b->dye, 0.05, 0.9);

    fm_pen_round(b, 0, 0, 0, 0.010, t->hx * 0.48, t->hx * 0.46, 0, m);
    fm_pen_round(b, 0, 0, 0.010, t->height - 0.010, t->hx * 0.52, t->hx, 0.005, m);
}

void fm_build_plate(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_material rim = fm_pen_plain(b, b->dye, 0.8),
                well = fm_pen_plain(b, fm_shade(b->dye, 0.12), 0.8);

    fm_pen_round(b, 0, 0, 0, t->height * 0.45, t->hx * 0.62, t->hx * 0.66, 0, well);
    fm_pen_round(b, 0, 0, t->height * 0.25, t->height * 0.75, t->hx * 0.70, t->hx, 0.006, rim);
}

static void add_book(const fm_pen *b, double x, double y, double z0, double hx, double hy,
                     double height, fm_v3 cover)
{
    fm_material cloth =
        fm_pen_material(b, FM_TEXTURE_LABEL, cover, fm_shade(cover, 0.7), 0.20, 0.2);
    fm_material pages =
        fm_pen_material(b, FM_TEXTURE_PAGES, v3(0.76, 0.72, 0.62), v3(0.55, 0.51, 0.43), 0.003, 0);
    double board = 0.004;

    fm_pen_box(b, x + 0.004, y, z0 + board, hx - 0.008, hy - 0.005, height - 2 * board, pages);
    fm_pen_box(b, x, y, z0, hx, hy, board, cloth);
    fm_pen_box(b, x, y, z0 + height - board, hx, hy, board, cloth);
    fm_pen_box(b, x - hx + board / 2, y, z0 + board, board / 2, hy, height - 2 * board, cloth);
}

void fm_build_book(const fm_pen *b)
{
    add_book(b, 0, 0, 0, b->thing->hx, b->thing->hy, b->thing->height, b->dye);
}

void fm_build_tray(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_material base = fm_pen_plain(b, fm_shade(b->dye, 0.08), 0.5),
                rim = fm_pen_plain(b, b->dye, 0.5);
    double w = 0.007;

    fm_pen_box(b, 0, 0, 0, t->hx - w, t->hy - w, 0.008, base);
    fm_pen_box(b, 0, t->hy - w, 0, t->hx, w, t->height, rim);
    fm_pen_box(b, 0, -t->hy + w, 0, t->hx, w, t->height, rim);
    fm_pen_box(b, t->hx - w, 0, 0, w, t->hy - 2 * w, t->height, rim);
    fm_pen_box(b, -t->hx + w, 0, 0, w, t->hy - 2 * w, t->height, rim);
}

void fm_build_mat(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_box(b, 0, 0, 0, t->hx, t->hy, t->height,
               fm_pen_material(b, FM_TEXTURE_CHECKS, b->dye, fm_shade(b->dye, 0.7), 0.055, 0));
}

void fm_build_board(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_box(b, 0, 0, 0, t->hx, t->hy, t->height,
               fm_pen_material(b, FM_TEXTURE_PLANKS, v3(0.62, 0.42, 0.22), v3(0.42, 0.25, 0.11),
                               0.045, 0.2));
}

void fm_build_stand(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_material m = fm_pen_material(b, FM_TEXTURE_WOOD, b->dye, fm_shade(b->dye, -0.2), 0.06, 0.3);

    fm_pen_box(b, 0, 0, 0, t->hx, t->hy, 0.014, m);
    fm_pen_box(b, 0, 0, 0.014, t->hx * 0.82, t->hy * 0.82, t->height - 0.030, m);
    fm_pen_box(b, 0, 0, t->height - 0.016, t->hx, t->hy, 0.016, m);
}

void fm_build_panel(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_material cloth =
        fm_pen_material(b, FM_TEXTURE_SPECKLE, b->dye, fm_shade(b->dye, 0.05), 0.006, 0);
    fm_material foot = fm_pen_plain(b, v3(0.05, 0.05, 0.055), 0.4);

    fm_pen_box(b, 0, 0, 0.012, t->hx, t->hy * 0.6, t->height - 0.012, cloth);
    fm_pen_box(b, t->hx * 0.7, 0, 0, 0.018, 0.055, 0.012, foot);
    fm_pen_box(b, -t->hx * 0.7, 0, 0, 0.018, 0.055, 0.012, foot);
    fm_pen_box(b, 0, 0, t->height, t->hx, t->hy, 0.010, foot);
    fm_pen_box(b, t->hx, 0, 0.012, 0.006, t->hy, t->height - 0.002, foot);
    fm_pen_box(b, -t->hx, 0, 0.012, 0.006, t->hy, t->height - 0.002, foot);
}

void fm_build_carton(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_box(
        b, 0, 0, 0, t->hx, t->hy, t->height,
        fm_pen_material(b, FM_TEXTURE_CARTON, v3(0.48, 0.31, 0.17), v3(0.60, 0.45, 0.28), 0.05, 0));
}

void fm_build_stack(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    uint32_t seed = t->seed;
    double z = 0;

    /* Each book of its own thickness, size and cloth, and none quite over the one below. */
    for (int i = 0; i < 3; i++) {
        uint32_t h = fm_exact_hash(i, 7, seed);
        double left = t->height - z, thick = left / (3 - i) * (0.9 + 0.2 * (h & 255) / 256.0);
        double hx = t->hx * (0.84 + 0.12 * (h >> 8 & 255) / 256.0);
        double hy = t->hy * (0.84 + 0.12 * (h >> 16 & 255) / 256.0);
        double slip = 0.012 * ((h >> 24) / 128.0 - 1);

        if (i == 2)
            thick = left;
        add_book(b, slip, -slip * 0.6, z, hx, hy, thick, fm_colours[(h >> 4) % 6].albedo);
        z += thick;
    }
}

void fm_build_plant(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double pot = t->height * 0.40, r = t->hx * 0.62;
    fm_material leaves = fm_pen_material(b, FM_TEXTURE_LEAVES, v3(0.07, 0.25, 0.05),
                                         v3(0.18, 0.42, 0.08), 0.022, 0.1);

    fm_pen_round(b, 0, 0, 0, pot, t->hx * 0.56, t->hx * 0.78, 0,
                 fm_pen_material(b, FM_TEXTURE_SPECKLE, v3(0.52, 0.20, 0.10), v3(0.62, 0.28, 0.16),
                                 0.01, 0.1));
    fm_pen_round(
        b, 0, 0, pot - 0.02, 0.024, t->hx * 0.84, t->hx * 0.86, 0.010,
        fm_pen_material(b, FM_TEXTURE_GLAZE, v3(0.48, 0.18, 0.09), v3(0.5, 0.2, 0.1), 0.05, 0.1));
    for (int i = 0; i < 7; i++) {
        double s, c, up = i == 6 ? t->height - 2 * r * 0.85 : pot - 0.01 + 0.022 * (i % 3);
        double out = i == 6 ? 0 : t->hx - r * 0.8;

        fm_exact_sincos(i * (FM_PI / 3), &s, &c);
        leaves.seed = t->seed + (uint32_t)i;
        fm_pen_sphere(b, out * c, out * s, up, r * (i == 6 ? 0.85 : 0.8 - 0.06 * (i % 2)), leaves);
    }
}

void fm_build_speaker(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_material front =
        fm_pen_material(b, FM_TEXTURE_DOTS, v3(0.03, 0.03, 0.033), v3(0.10, 0.10, 0.11), 0.016, 0);

    fm_pen_box(b, 0, 0.004, 0, t->hx, t->hy - 0.004, t->height, fm_pen_plain(b, b->dye, 0.4));
    fm_pen_box(b, 0, -t->hy + 0.004, 0.015, t->hx - 0.012, 0.004, t->height - 0.03, front);
}
