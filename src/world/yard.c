/* Owns what stands in a yard. The camera's side is local -y. */
#include "world/builders.h"
#include "world/exact.h"

static const fm_v3 RUBBER = {0.025, 0.025, 0.028}, GLASS = {0.10, 0.14, 0.17},
                   BARK = {0.20, 0.12, 0.07}, LEAF = {0.07, 0.25, 0.05},
                   LIGHT_LEAF = {0.18, 0.42, 0.08};

static fm_material planks(const fm_pen *b, fm_v3 a, double scale)
{
    return fm_pen_material(b, FM_TEXTURE_PLANKS, a, fm_shade(a, -0.25), scale, 0.1);
}

static fm_material leaves(const fm_pen *b, int i)
{
    fm_material m = fm_pen_material(b, FM_TEXTURE_LEAVES, LEAF, LIGHT_LEAF, 0.09, 0.05);

    m.seed += (uint32_t)i;
    return m;
}

void fm_build_car(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double sill = 0.28, belt = t->height * 0.60, wheel = 0.31;
    fm_material paint = fm_pen_plain(b, b->dye, 1.0), glass = fm_pen_plain(b, GLASS, 1.0);

    fm_pen_box(b, 0, 0, sill, t->hx, t->hy, belt - sill, paint);
    fm_pen_box(b, -0.15, 0, belt, t->hx * 0.56, t->hy * 0.90, t->height - belt - 0.05, glass);
    fm_pen_box(b, -0.15, 0, t->height - 0.05, t->hx * 0.54, t->hy * 0.88, 0.05, paint);
    fm_pen_box(b, -0.15, 0, belt, 0.05, t->hy * 0.91, t->height - belt - 0.05, paint);
    for (int i = 0; i < 4; i++)
        fm_pen_box(b, i & 1 ? t->hx * 0.62 : -t->hx * 0.62, i & 2 ? t->hy - 0.10 : 0.10 - t->hy, 0,
                   wheel, 0.102, 2 * wheel, fm_pen_plain(b, RUBBER, 0.2));
    fm_pen_box(b, 0, 0, sill - 0.04, t->hx * 0.96, t->hy * 0.8, 0.04, fm_pen_plain(b, RUBBER, 0));
}

void fm_build_tree(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double r = t->hx * 0.62, crown = t->height - t->hx * 2;

    fm_pen_round(b, 0, 0, 0, crown + 0.5 * r, 0.16, 0.10, 0,
                 fm_pen_material(b, FM_TEXTURE_WOOD, BARK, fm_shade(BARK, -0.3), 0.2, 0));
    for (int i = 0; i < 6; i++) {
        double s, c;

        fm_exact_sincos(i * (FM_PI / 3), &s, &c);
        fm_pen_sphere(b, (t->hx - r) * c, (t->hx - r) * s, crown + 0.18 * (i % 3),
                      r * (0.92 - 0.08 * (i % 2)), leaves(b, i));
    }
    fm_pen_sphere(b, 0, 0, t->height - 2 * r * 0.85, r * 0.85, leaves(b, 6));
}

void fm_build_bush(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double r = t->hx * 0.60;

    for (int i = 0; i < 5; i++) {
        double s, c;

        fm_exact_sincos(i * (FM_PI * 2 / 5), &s, &c);
        fm_pen_sphere(b, (t->hx - r) * c, (t->hx - r) * s, 0, r * (0.95 - 0.05 * (i % 2)),
                      leaves(b, i));
    }
    fm_pen_sphere(b, 0, 0, t->height - 2 * r, r, leaves(b, 5));
}

void fm_build_bench(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_material slats = planks(b, b->dye, 0.10), iron = fm_pen_plain(b, RUBBER, 0.5);

    fm_pen_box(b, 0, -0.04, 0.42, t->hx, t->hy - 0.04, 0.05, slats);
    fm_pen_box(b, 0, t->hy - 0.03, 0.55, t->hx, 0.025, t->height - 0.55, slats);
    for (int i = 0; i < 2; i++) {
        double x = i ? t->hx * 0.82 : -t->hx * 0.82;

        fm_pen_box(b, x, 0, 0, 0.03, t->hy - 0.06, 0.42, iron);
        fm_pen_box(b, x, t->hy - 0.03, 0.42, 0.03, 0.03, 0.16, iron);
    }
}

void fm_build_shed(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double eaves = t->height - 0.16;

    fm_pen_box(b, 0, 0, 0, t->hx - 0.08, t->hy - 0.08, eaves, planks(b, b->dye, 0.22));
    fm_pen_box(b, 0, 0, eaves, t->hx, t->hy, 0.16, fm_pen_plain(b, v3(0.10, 0.09, 0.09), 0.1));
    fm_pen_box(b, t->hx * 0.3, 0.07 - t->hy, 0.02, 0.38, 0.03, 1.85,
               planks(b, fm_shade(b->dye, 0.3), 0.14));
    fm_pen_box(b, -t->hx * 0.45, 0.07 - t->hy, 1.0, 0.28, 0.03, 0.5, fm_pen_plain(b, GLASS, 1.0));
}

void fm_build_bollard(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_round(b, 0, 0, 0, t->height - 0.06, t->hx, t->hx, 0, fm_pen_plain(b, b->dye, 0.5));
    fm_pen_round(b, 0, 0, t->height - 0.06, 0.06, t->hx, t->hx * 0.5, 0,
                 fm_pen_plain(b, fm_shade(b->dye, 0.7), 0.5));
}

void fm_build_pallet(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    fm_v3 wood = v3(0.52, 0.38, 0.22);

    for (int i = 0; i < 3; i++)
        fm_pen_box(b, 0, (i - 1) * (t->hy - 0.05), 0, t->hx, 0.05, t->height - 0.025,
                   planks(b, wood, 0.5));
    fm_pen_box(b, 0, 0, t->height - 0.025, t->hx, t->hy, 0.025, planks(b, wood, 0.13));
}

void fm_build_platform(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_box(b, 0, 0, 0, t->hx * 0.92, t->hy * 0.92, t->height - 0.07, planks(b, b->dye, 0.20));
    fm_pen_box(b, 0, 0, t->height - 0.07, t->hx, t->hy, 0.07,
               fm_pen_plain(b, fm_shade(b->dye, 0.2), 0.2));
}

void fm_build_barrel(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double third = t->height / 3;
    fm_material m = fm_pen_plain(b, b->dye, 0.5),
                hoop = fm_pen_plain(b, fm_shade(b->dye, -0.5), 0.6);

    fm_pen_round(b, 0, 0, 0, third, t->hx * 0.94, t->hx * 0.97, 0, m);
    fm_pen_round(b, 0, 0, third, third, t->hx * 0.97, t->hx * 0.97, 0, m);
    fm_pen_round(b, 0, 0, 2 * third, third, t->hx * 0.97, t->hx * 0.94, 0, m);
    fm_pen_round(b, 0, 0, third - 0.02, 0.04, t->hx, t->hx, 0, hoop);
    fm_pen_round(b, 0, 0, 2 * third - 0.02, 0.04, t->hx, t->hx, 0, hoop);
}

void fm_build_cone(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_round(b, 0, 0, 0, 0.04, t->hx, t->hx, 0, fm_pen_plain(b, RUBBER, 0.2));
    fm_pen_round(b, 0, 0, 0.04, t->height - 0.04, t->hx * 0.72, 0.025, 0,
                 fm_pen_material(b, FM_TEXTURE_STRIPES, b->dye, fm_shade(b->dye, 0.6),
                                 t->height * 0.4, 0.3));
}

void fm_build_crate(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_box(b, 0, 0, 0.03, t->hx - 0.02, t->hy - 0.02, t->height - 0.06,
               planks(b, b->dye, 0.16));
    fm_pen_box(b, 0, 0, 0, t->hx, t->hy, 0.05, fm_pen_plain(b, fm_shade(b->dye, -0.2), 0.1));
    fm_pen_box(b, 0, 0, t->height - 0.05, t->hx, t->hy, 0.05,
               fm_pen_plain(b, fm_shade(b->dye, -0.2), 0.1));
}

void fm_build_dustbin(const fm_pen *b)
{
    const fm_thing *t = b->thing;
    double wheel = 0.10;

    fm_pen_box(b, 0, 0, 0.06, t->hx * 0.92, t->hy * 0.92, t->height - 0.14,
               fm_pen_plain(b, b->dye, 0.5));
    fm_pen_box(b, 0, 0, t->height - 0.08, t->hx, t->hy, 0.08,
               fm_pen_plain(b, fm_shade(b->dye, -0.2), 0.5));
    fm_pen_sphere(b, t->hx - wheel, t->hy - wheel, 0, wheel, fm_pen_plain(b, RUBBER, 0.2));
    fm_pen_sphere(b, wheel - t->hx, t->hy - wheel, 0, wheel, fm_pen_plain(b, RUBBER, 0.2));
    fm_pen_box(b, 0, 0.05 - t->hy * 0.9, 0, t->hx * 0.6, 0.04, 0.06, fm_pen_plain(b, RUBBER, 0.2));
}

void fm_build_bucket(const fm_pen *b)
{
    const fm_thing *t = b->thing;

    fm_pen_round(b, 0, 0, 0, t->height, t->hx * 0.72, t->hx, 0.012, fm_pen_plain(b, b->dye, 0.6));
}
