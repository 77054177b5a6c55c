/* Owns what stands on a floor between walls. The camera's side is local -y. */
#include "world/builders.h"

static const fm_v3 DARK = {0.05, 0.05, 0.055}, TIMBER = {0.42, 0.26, 0.13},
                   TIMBER_GRAIN = {0.30, 0.17, 0.08};

static fm_material cloth(const fm_pen *b)
{
    return fm_pen_material(b, FM_TEXTURE_SPECKLE, b->dye, fm_shade(b->dye, 0.06), 0.012, 0);
}

static fm_material timber(const fm_pen *b)
{
    return fm_pen_material(b, FM_TEXTURE_WOOD, TIMBER, TIMBER_GRAIN, 0.08, 0.3);
}

static fm_material painted(const fm_pen *b)
{
    return fm_pen_material(b, FM_TEXTURE_WOOD, b->dye, fm_shade(b->dye, -0.15), 0.09, 0.3);
}

static void legs(const fm_pen *b, double inset, double half, double height, fm_material m)
{
    for (int i = 0; i < 4; i++)
        fm_pen_box(b, i & 1 ? b->thing->hx - inset : inset - b->thing->hx,
                   i & 2 ? b->thing->hy - inset : inset - b->thing->hy, 0, half, half, height, m);
}

/* A seat between two arms before a back; `cushions` of them side by side. */
static void upholstery(const fm_pen *b, int cushions)
{
    const fm_thing *t = b->thing;
    double arm = 0.07, back = 0.10, seat = 0.42, width = (t->hx - 2 * arm) / cushions;
    fm_material m = cloth(b);
    fm_material soft =
        fm_pen_material(b, FM_TEXTURE_SPECKLE, fm_shade(b->dye, 0.10), b->dye, 0.012, 0);

    fm_pen_box(b, 0, 0, 0.06, t->hx, t->hy, 0.22, m);
    fm_pen_box(b, 0, t->hy - back, 0.28, t->hx, back, t->height - 0.28, m);
    fm_pen_box(b, t->hx - arm, -back, 0.28, arm, t->hy - back, 0.30, m);
    fm_pen_box(b, arm - t->hx, -back, 0.28, arm, t->hy - back, 0.30, m);
    for (int i = 0; i < cushions; i++)
        fm_pen_box(b, (2 * i + 1 - cushions) * width, -back, 0.28, width - 0.008,
                   t->hy - back - 0.01, seat - 0.28, soft);
    fm_pen_box(b, 0, 0, 0, t->hx - 0.08, t->hy - 0.08, 0.06, fm_pen_plain(b, DARK, 0.2));
}

void fm_build_sofa(const fm_pen *b)
{
    upholstery(b, 2);
}

void fm_build_armchair(const fm_pen *b)
{
    upholstery(b, 1);
}

void fm_build_coffee_table(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_box(b, 0, 0, t->height - 0.035, t->hx, t->hy, 0.035, painted(b));
    legs(b, 0.05, 0.025, t->height - 0.035, painted(b));
}

void fm_build_cabinet(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double door = (t->height - 0.14) / 2;

    fm_pen_box(b, 0, 0, 0.06, t->hx, t->hy - 0.012, t->height - 0.06, painted(b));
    fm_pen_box(b, 0, 0.02, 0, t->hx - 0.03, t->hy - 0.05, 0.06, fm_pen_plain(b, DARK, 0.2));
    for (int i = 0; i < 2; i++) {
        double z = 0.09 + i * (door + 0.015);

        fm_pen_box(b, 0, 0.010 - t->hy, z, t->hx - 0.03, 0.010, door,
                   fm_pen_plain(b, fm_shade(b->dye, 0.10), 0.4));
        fm_pen_box(b, 0, 0.006 - t->hy, z + door * 0.7, 0.08, 0.006, 0.02,
                   fm_pen_plain(b, DARK, 0.8));
    }
}

void fm_build_bookcase(const fm_pen *b)
{
    static const fm_v3 spines[] = {{0.40, 0.08, 0.06}, {0.08, 0.16, 0.34}, {0.52, 0.44, 0.24}};
    const fm_thing *t = b->thing;
    double w = 0.018, gap = (t->height - 4 * 2 * w) / 3;
    fm_material m = painted(b);

    fm_pen_box(b, t->hx - w, 0, 0, w, t->hy, t->height, m);
    fm_pen_box(b, w - t->hx, 0, 0, w, t->hy, t->height, m);
    fm_pen_box(b, 0, t->hy - 0.006, 0, t->hx - 2 * w, 0.006, t->height, m);
    for (int i = 0; i < 4; i++)
        fm_pen_box(b, 0, -0.006, i * (gap + 2 * w), t->hx - 2 * w, t->hy - 0.006, 2 * w, m);
    for (int i = 0; i < 3; i++)
        fm_pen_box(
            b, (i - 1) * t->hx * 0.2, 0.02, i * (gap + 2 * w) + 2 * w, t->hx * 0.62, t->hy - 0.05,
            gap * (0.62 + 0.08 * i),
            fm_pen_material(b, FM_TEXTURE_PAGES, spines[i], fm_shade(spines[i], 0.3), 0.04, 0));
}

void fm_build_chair(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_material m = painted(b);

    legs(b, 0.022, 0.020, 0.43, m);
    fm_pen_box(b, 0, 0, 0.43, t->hx, t->hy, 0.04, m);
    fm_pen_box(b, 0, t->hy - 0.018, 0.47, 0.03, 0.014, t->height - 0.52, m);
    fm_pen_box(b, 0, t->hy - 0.018, t->height - 0.20, t->hx, 0.018, 0.20, m);
}

void fm_build_lamp(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_round(b, 0, 0, 0, 0.03, 0.14, 0.13, 0, fm_pen_plain(b, DARK, 0.6));
    fm_pen_round(b, 0, 0, 0.03, t->height - 0.30, 0.016, 0.016, 0, fm_pen_plain(b, DARK, 0.8));
    fm_pen_round(b, 0, 0, t->height - 0.30, 0.30, t->hx, t->hx * 0.66, 0, cloth(b));
}

void fm_build_rug(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_box(b, 0, 0, 0, t->hx, t->hy, t->height,
               fm_pen_material(b, FM_TEXTURE_CHECKS, b->dye, fm_shade(b->dye, 0.35), 0.22, 0));
}

void fm_build_stool(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double out = t->hx * 0.58;

    fm_pen_round(b, 0, 0, t->height - 0.05, 0.05, t->hx, t->hx, 0, painted(b));
    for (int i = 0; i < 4; i++)
        fm_pen_box(b, i & 1 ? out : -out, i & 2 ? out : -out, 0, 0.016, 0.016, t->height - 0.05,
                   timber(b));
}

void fm_build_pouf(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_round(b, 0, 0, 0, t->height * 0.2, t->hx * 0.88, t->hx, 0, cloth(b));
    fm_pen_round(b, 0, 0, t->height * 0.2, t->height * 0.8, t->hx, t->hx, 0,
                 fm_pen_material(b, FM_TEXTURE_STRIPES, b->dye, fm_shade(b->dye, 0.18), 0.10, 0));
}

void fm_build_basket(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_round(b, 0, 0, 0, t->height, t->hx * 0.80, t->hx, 0.015,
                 fm_pen_material(b, FM_TEXTURE_CHECKS, b->dye, fm_shade(b->dye, -0.25), 0.04, 0));
}

void fm_build_bin(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_round(b, 0, 0, 0, t->height, t->hx * 0.78, t->hx, 0.008, fm_pen_plain(b, b->dye, 0.6));
}

void fm_build_suitcase(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double body = t->height - 0.11;

    fm_pen_box(b, 0, 0, 0.04, t->hx, t->hy, body,
               fm_pen_material(b, FM_TEXTURE_STRIPES, b->dye, fm_shade(b->dye, 0.10), 0.10, 0.5));
    for (int i = 0; i < 4; i++)
        fm_pen_sphere(b, i & 1 ? t->hx * 0.8 : -t->hx * 0.8, i & 2 ? t->hy * 0.6 : -t->hy * 0.6, 0,
                      0.022, fm_pen_plain(b, DARK, 0.4));
    fm_pen_box(b, t->hx * 0.35, 0, body + 0.04, 0.010, 0.010, 0.055, fm_pen_plain(b, DARK, 0.6));
    fm_pen_box(b, -t->hx * 0.35, 0, body + 0.04, 0.010, 0.010, 0.055, fm_pen_plain(b, DARK, 0.6));
    fm_pen_box(b, 0, 0, t->height - 0.018, t->hx * 0.42, 0.014, 0.018, fm_pen_plain(b, DARK, 0.6));
}

void fm_build_chest(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_box(b, 0, 0, 0, t->hx - 0.01, t->hy - 0.01, t->height - 0.05,
               fm_pen_plain(b, b->dye, 0.4));
    fm_pen_box(b, 0, 0, t->height - 0.05, t->hx, t->hy, 0.05,
               fm_pen_plain(b, fm_shade(b->dye, 0.25), 0.4));
}

void fm_build_vase(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double belly = t->height * 0.36;
    fm_material m =
        fm_pen_material(b, FM_TEXTURE_STRIPES, b->dye, fm_shade(b->dye, 0.3), t->height * 0.3, 0.9);

    fm_pen_round(b, 0, 0, 0, belly, t->hx * 0.55, t->hx, 0, m);
    fm_pen_round(b, 0, 0, belly, t->height * 0.40, t->hx, t->hx * 0.42, 0, m);
    fm_pen_round(b, 0, 0, belly + t->height * 0.40, t->height * 0.24, t->hx * 0.42, t->hx * 0.55,
                 0.01, m);
}
