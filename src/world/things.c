/* Owns the catalogue: names, sizes, colours, and the solids that make up a thing of each class.
 * Where things stand is layout.c's business. */
#include "world/things.h"

#include "world/exact.h"

/* Linear albedos. No two may be taken for one another under the warmest light and in shadow. */
const fm_colour fm_colours[FM_COLOUR_COUNT] = {
    {"red", {0.60, 0.035, 0.03}},      {"green", {0.06, 0.33, 0.08}},
    {"blue", {0.03, 0.12, 0.52}},      {"yellow", {0.78, 0.56, 0.03}},
    {"orange", {0.82, 0.24, 0.02}},    {"purple", {0.22, 0.05, 0.36}},
    {"white", {0.80, 0.79, 0.76}},     {"black", {0.022, 0.022, 0.025}},
    {"grey", {0.24, 0.25, 0.27}},      {"pink", {0.80, 0.27, 0.40}},
    {"turquoise", {0.03, 0.45, 0.45}},
};

#define ROUND                                                                                      \
    {                                                                                              \
        0, 0                                                                                       \
    }

/* Sizes are those of generous household goods: at two metres a mug has to be worth a hundred pixels
 * of a small picture. */
const fm_thing_kind fm_thing_kinds[FM_THING_CLASSES] = {
    [FM_THING_MUG] = {"mug", FM_THING_MOVABLE, {0.044, 0.054}, ROUND, {0.095, 0.120}},
    [FM_THING_CUP] = {"cup", FM_THING_MOVABLE, {0.046, 0.056}, ROUND, {0.105, 0.135}},
    [FM_THING_BALL] = {"ball", FM_THING_MOVABLE, {0.050, 0.068}, ROUND, {0.1, 0.1}},
    [FM_THING_CAN] = {"can", FM_THING_MOVABLE, {0.038, 0.048}, ROUND, {0.115, 0.150}},
    [FM_THING_BOTTLE] = {"bottle", FM_THING_MOVABLE, {0.038, 0.046}, ROUND, {0.200, 0.260}},
    [FM_THING_BLOCK] = {"block", FM_THING_MOVABLE, {0.042, 0.054}, ROUND, {0.1, 0.1}},
    [FM_THING_BOX] = {"box", FM_THING_MOVABLE, {0.045, 0.062}, {0.032, 0.048}, {0.105, 0.155}},
    [FM_THING_JAR] = {"jar", FM_THING_MOVABLE, {0.044, 0.054}, ROUND, {0.110, 0.150}},
    [FM_THING_BOWL] = {"bowl", FM_THING_MOVABLE, {0.075, 0.092}, ROUND, {0.075, 0.095}},
    [FM_THING_PLATE] = {"plate", FM_THING_SUPPORT, {0.110, 0.140}, ROUND, {0.016, 0.022}},
    [FM_THING_BOOK] = {"book", FM_THING_SUPPORT, {0.105, 0.130}, {0.080, 0.100}, {0.028, 0.045}},
    [FM_THING_TRAY] = {"tray", FM_THING_SUPPORT, {0.150, 0.190}, {0.110, 0.135}, {0.022, 0.030}},
    [FM_THING_MAT] =
        {"place mat", FM_THING_SUPPORT, {0.130, 0.170}, {0.100, 0.130}, {0.005, 0.007}},
    [FM_THING_BOARD] = {"cutting board",
                        FM_THING_SUPPORT | FM_THING_UNDYED,
                        {0.140, 0.175},
                        {0.095, 0.120},
                        {0.018, 0.026}},
    [FM_THING_STAND] = {"stand", FM_THING_SUPPORT, {0.085, 0.105}, {0.085, 0.105}, {0.090, 0.170}},
    [FM_THING_PANEL] = {"panel", FM_THING_OBSTACLE, {0.180, 0.270}, {0.012, 0.018}, {0.220, 0.380}},
    [FM_THING_CARTON] = {"cardboard box",
                         FM_THING_OBSTACLE | FM_THING_UNDYED,
                         {0.120, 0.170},
                         {0.095, 0.130},
                         {0.190, 0.310}},
    [FM_THING_STACK] = {"stack of books",
                        FM_THING_OBSTACLE | FM_THING_UNDYED,
                        {0.115, 0.135},
                        {0.085, 0.100},
                        {0.160, 0.260}},
    [FM_THING_PLANT] = {"potted plant",
                        FM_THING_OBSTACLE | FM_THING_UNDYED,
                        {0.100, 0.130},
                        ROUND,
                        {0.290, 0.380}},
    [FM_THING_SPEAKER] =
        {"speaker", FM_THING_OBSTACLE, {0.075, 0.095}, {0.075, 0.095}, {0.220, 0.310}},
};

fm_thing fm_thing_draw(fm_thing_class class, int colour, fm_rng *rng)
{
    const fm_thing_kind *kind = &fm_thing_kinds[class];
    fm_thing t = {.class = class, .colour = colour, .c = 1};

    t.hx = fm_rng_range(rng, kind->hx[0], kind->hx[1]);
    t.hy = kind->hy[1] > 0 ? fm_rng_range(rng, kind->hy[0], kind->hy[1]) : t.hx;
    t.height = fm_rng_range(rng, kind->height[0], kind->height[1]);
    if (class == FM_THING_BALL || class == FM_THING_BLOCK)
        t.height = 2 * t.hx;
    t.radius = t.hx;
    if (class == FM_THING_BLOCK || kind->hy[1] > 0)
        t.radius = sqrt(t.hx * t.hx + t.hy * t.hy);
    if (class == FM_THING_MUG)
        t.radius += 0.028; /* the handle */
    t.seed = (uint32_t)fm_rng_next(rng);
    return t;
}

fm_v3 fm_shade(fm_v3 colour, double amount)
{
    return amount > 0 ? v3_mix(colour, v3(0.9, 0.9, 0.88), amount) : v3_scale(colour, 1 + amount);
}

/* What the builders below share: the thing, and a pen that adds solids in the thing's own frame. */
typedef struct {
    fm_scene *scene;
    int index;
    const fm_thing *thing;
    fm_v3 dye;
} builder;

static fm_material material(const builder *b, fm_texture texture, fm_v3 first, fm_v3 second,
                            double scale, double gloss)
{
    return (fm_material){texture, first, second, scale, gloss, b->thing->seed};
}

static fm_material plain(const builder *b, fm_v3 colour, double gloss)
{
    return material(b, FM_TEXTURE_GLAZE, colour, colour, 0.05, gloss);
}

/* (x, y): offset in the thing's frame; z0: height of the solid's foot over the thing's. */
static fm_solid standing(const builder *b, double x, double y, double z0, double height)
{
    const fm_thing *t = b->thing;

    return (fm_solid){.centre = v3(t->at.x + x * t->c - y * t->s, t->at.y + x * t->s + y * t->c,
                                   t->at.z + z0 + height / 2),
                      .half = v3(0, 0, height / 2),
                      .c = t->c,
                      .s = t->s};
}

static void add_box(const builder *b, double x, double y, double z0, double hx, double hy,
                    double height, fm_material m)
{
    fm_solid s = standing(b, x, y, z0, height);

    s.kind = FM_SOLID_BOX;
    s.half.x = hx;
    s.half.y = hy;
    s.material = m;
    fm_scene_add(b->scene, b->index, s);
}

static void add_round(const builder *b, double z0, double height, double r0, double r1, double wall,
                      fm_material m)
{
    fm_solid s = standing(b, 0, 0, z0, height);

    s.kind = FM_SOLID_ROUND;
    s.r0 = r0;
    s.r1 = r1;
    s.wall = wall;
    s.material = m;
    fm_scene_add(b->scene, b->index, s);
}

static void add_sphere(const builder *b, double x, double y, double z0, double r, fm_material m)
{
    fm_solid s = standing(b, x, y, z0, 2 * r);

    s.kind = FM_SOLID_SPHERE;
    s.r0 = r;
    s.material = m;
    fm_scene_add(b->scene, b->index, s);
}

static void build_mug(const builder *b)
{
    const fm_thing *t = b->thing;
    fm_material m = plain(b, b->dye, 0.8);

    add_round(b, 0, t->height, t->hx * 0.94, t->hx, 0.005, m);
    /* The handle: two stubs and a bar. */
    add_box(b, t->hx + 0.008, 0, t->height * 0.74, 0.014, 0.006, 0.012, m);
    add_box(b, t->hx + 0.007, 0, t->height * 0.24, 0.015, 0.006, 0.012, m);
    add_box(b, t->hx + 0.021, 0, t->height * 0.24, 0.006, 0.006, t->height * 0.5 + 0.012, m);
}

static void build_cup(const builder *b)
{
    const fm_thing *t = b->thing;

    add_round(
        b, 0, t->height, t->hx * 0.72, t->hx, 0.003,
        material(b, FM_TEXTURE_STRIPES, b->dye, fm_shade(b->dye, 0.65), t->height * 0.5, 0.3));
}

static void build_ball(const builder *b)
{
    fm_texture texture = b->thing->seed & 1 ? FM_TEXTURE_STRIPES : FM_TEXTURE_GLAZE;
    double r = b->thing->hx;

    add_sphere(b, 0, 0, 0, r, material(b, texture, b->dye, fm_shade(b->dye, 0.7), r * 0.9, 0.6));
}

static void build_can(const builder *b)
{
    const fm_thing *t = b->thing;
    fm_material tin = plain(b, v3(0.55, 0.56, 0.58), 1.0);

    add_round(b, 0, 0.006, t->hx * 0.93, t->hx, 0, tin);
    add_round(b, 0.006, t->height - 0.018, t->hx, t->hx, 0,
              material(b, FM_TEXTURE_LABEL, b->dye, fm_shade(b->dye, 0.8), t->height, 0.7));
    add_round(b, t->height - 0.012, 0.012, t->hx, t->hx * 0.86, 0.003, tin);
    add_round(b, t->height - 0.012, 0.007, t->hx * 0.84, t->hx * 0.84, 0, tin);
}

static void build_bottle(const builder *b)
{
    const fm_thing *t = b->thing;
    double body = t->height * 0.60, shoulder = t->height * 0.16, neck = t->height * 0.17;
    fm_material glass = plain(b, b->dye, 1.0);

    add_round(b, 0, body, t->hx, t->hx, 0,
              material(b, FM_TEXTURE_LABEL, b->dye, v3(0.78, 0.76, 0.70), body, 0.8));
    add_round(b, body, shoulder, t->hx, t->hx * 0.38, 0, glass);
    add_round(b, body + shoulder, neck, t->hx * 0.38, t->hx * 0.34, 0, glass);
    add_round(b, body + shoulder + neck, t->height - body - shoulder - neck, t->hx * 0.42,
              t->hx * 0.42, 0, plain(b, v3(0.75, 0.74, 0.70), 0.4));
}

static void build_block(const builder *b)
{
    const fm_thing *t = b->thing;

    add_box(b, 0, 0, 0, t->hx, t->hy, t->height,
            material(b, FM_TEXTURE_WOOD, b->dye, fm_shade(b->dye, -0.25), 0.05, 0.25));
}

static void build_box(const builder *b)
{
    fm_texture texture = b->thing->seed & 1 ? FM_TEXTURE_LABEL : FM_TEXTURE_DOTS;

    add_box(b, 0, 0, 0, b->thing->hx, b->thing->hy, b->thing->height,
            material(b, texture, b->dye, fm_shade(b->dye, 0.75),
                     texture == FM_TEXTURE_LABEL ? b->thing->height : 0.03, 0.15));
}

static void build_jar(const builder *b)
{
    const fm_thing *t = b->thing;
    double lid = 0.022;

    add_round(b, 0, t->height - lid - 0.012, t->hx, t->hx, 0,
              material(b, FM_TEXTURE_SPECKLE, b->dye, fm_shade(b->dye, 0.5), 0.006, 0.7));
    add_round(b, t->height - lid - 0.012, 0.012, t->hx, t->hx * 0.88, 0, plain(b, b->dye, 0.7));
    add_round(b, t->height - lid, lid, t->hx * 0.93, t->hx * 0.93, 0,
              material(b, FM_TEXTURE_WOOD, v3(0.52, 0.34, 0.17), v3(0.38, 0.22, 0.10), 0.03, 0.2));
}

static void build_bowl(const builder *b)
{
    const fm_thing *t = b->thing;
    fm_material m = material(b, FM_TEXTURE_GLAZE, b->dye, b->dye, 0.05, 0.9);

    add_round(b, 0, 0.010, t->hx * 0.48, t->hx * 0.46, 0, m);
    add_round(b, 0.010, t->height - 0.010, t->hx * 0.52, t->hx, 0.005, m);
}

static void build_plate(const builder *b)
{
    const fm_thing *t = b->thing;
    fm_material rim = plain(b, b->dye, 0.8), well = plain(b, fm_shade(b->dye, 0.12), 0.8);

    add_round(b, 0, t->height * 0.45, t->hx * 0.62, t->hx * 0.66, 0, well);
    add_round(b, t->height * 0.25, t->height * 0.75, t->hx * 0.70, t->hx, 0.006, rim);
}

static void add_book(const builder *b, double x, double y, double z0, double hx, double hy,
                     double height, fm_v3 cover)
{
    fm_material cloth = material(b, FM_TEXTURE_LABEL, cover, fm_shade(cover, 0.7), 0.20, 0.2);
    fm_material pages =
        material(b, FM_TEXTURE_PAGES, v3(0.76, 0.72, 0.62), v3(0.55, 0.51, 0.43), 0.003, 0);
    double board = 0.004;

    add_box(b, x + 0.004, y, z0 + board, hx - 0.008, hy - 0.005, height - 2 * board, pages);
    add_box(b, x, y, z0, hx, hy, board, cloth);
    add_box(b, x, y, z0 + height - board, hx, hy, board, cloth);
    add_box(b, x - hx + board / 2, y, z0 + board, board / 2, hy, height - 2 * board, cloth);
}

static void build_book(const builder *b)
{
    add_book(b, 0, 0, 0, b->thing->hx, b->thing->hy, b->thing->height, b->dye);
}

static void build_tray(const builder *b)
{
    const fm_thing *t = b->thing;
    fm_material base = plain(b, fm_shade(b->dye, 0.08), 0.5), rim = plain(b, b->dye, 0.5);
    double w = 0.007;

    add_box(b, 0, 0, 0, t->hx - w, t->hy - w, 0.008, base);
    add_box(b, 0, t->hy - w, 0, t->hx, w, t->height, rim);
    add_box(b, 0, -t->hy + w, 0, t->hx, w, t->height, rim);
    add_box(b, t->hx - w, 0, 0, w, t->hy - 2 * w, t->height, rim);
    add_box(b, -t->hx + w, 0, 0, w, t->hy - 2 * w, t->height, rim);
}

static void build_mat(const builder *b)
{
    const fm_thing *t = b->thing;

    add_box(b, 0, 0, 0, t->hx, t->hy, t->height,
            material(b, FM_TEXTURE_CHECKS, b->dye, fm_shade(b->dye, 0.7), 0.055, 0));
}

static void build_board(const builder *b)
{
    const fm_thing *t = b->thing;

    add_box(b, 0, 0, 0, t->hx, t->hy, t->height,
            material(b, FM_TEXTURE_PLANKS, v3(0.62, 0.42, 0.22), v3(0.42, 0.25, 0.11), 0.045, 0.2));
}

static void build_stand(const builder *b)
{
    const fm_thing *t = b->thing;
    fm_material m = material(b, FM_TEXTURE_WOOD, b->dye, fm_shade(b->dye, -0.2), 0.06, 0.3);

    add_box(b, 0, 0, 0, t->hx, t->hy, 0.014, m);
    add_box(b, 0, 0, 0.014, t->hx * 0.82, t->hy * 0.82, t->height - 0.030, m);
    add_box(b, 0, 0, t->height - 0.016, t->hx, t->hy, 0.016, m);
}

static void build_panel(const builder *b)
{
    const fm_thing *t = b->thing;
    fm_material cloth = material(b, FM_TEXTURE_SPECKLE, b->dye, fm_shade(b->dye, 0.05), 0.006, 0);
    fm_material foot = plain(b, v3(0.05, 0.05, 0.055), 0.4);

    add_box(b, 0, 0, 0.012, t->hx, t->hy * 0.6, t->height - 0.012, cloth);
    add_box(b, t->hx * 0.7, 0, 0, 0.018, 0.055, 0.012, foot);
    add_box(b, -t->hx * 0.7, 0, 0, 0.018, 0.055, 0.012, foot);
    add_box(b, 0, 0, t->height, t->hx, t->hy, 0.010, foot);
    add_box(b, t->hx, 0, 0.012, 0.006, t->hy, t->height - 0.002, foot);
    add_box(b, -t->hx, 0, 0.012, 0.006, t->hy, t->height - 0.002, foot);
}

static void build_carton(const builder *b)
{
    const fm_thing *t = b->thing;

    add_box(b, 0, 0, 0, t->hx, t->hy, t->height,
            material(b, FM_TEXTURE_CARTON, v3(0.48, 0.31, 0.17), v3(0.60, 0.45, 0.28), 0.05, 0));
}

static void build_stack(const builder *b)
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

static void build_plant(const builder *b)
{
    const fm_thing *t = b->thing;
    double pot = t->height * 0.40, r = t->hx * 0.62;
    fm_material leaves =
        material(b, FM_TEXTURE_LEAVES, v3(0.07, 0.25, 0.05), v3(0.18, 0.42, 0.08), 0.022, 0.1);

    add_round(
        b, 0, pot, t->hx * 0.56, t->hx * 0.78, 0,
        material(b, FM_TEXTURE_SPECKLE, v3(0.52, 0.20, 0.10), v3(0.62, 0.28, 0.16), 0.01, 0.1));
    add_round(b, pot - 0.02, 0.024, t->hx * 0.84, t->hx * 0.86, 0.010,
              material(b, FM_TEXTURE_GLAZE, v3(0.48, 0.18, 0.09), v3(0.5, 0.2, 0.1), 0.05, 0.1));
    for (int i = 0; i < 7; i++) {
        double s, c, up = i == 6 ? t->height - 2 * r * 0.85 : pot - 0.01 + 0.022 * (i % 3);
        double out = i == 6 ? 0 : t->hx - r * 0.8;

        fm_exact_sincos(i * (FM_PI / 3), &s, &c);
        leaves.seed = t->seed + (uint32_t)i;
        add_sphere(b, out * c, out * s, up, r * (i == 6 ? 0.85 : 0.8 - 0.06 * (i % 2)), leaves);
    }
}

static void build_speaker(const builder *b)
{
    const fm_thing *t = b->thing;
    fm_material front =
        material(b, FM_TEXTURE_DOTS, v3(0.03, 0.03, 0.033), v3(0.10, 0.10, 0.11), 0.016, 0);

    add_box(b, 0, 0.004, 0, t->hx, t->hy - 0.004, t->height, plain(b, b->dye, 0.4));
    add_box(b, 0, -t->hy + 0.004, 0.015, t->hx - 0.012, 0.004, t->height - 0.03, front);
}

static void (*const builders[FM_THING_CLASSES])(const builder *b) = {
    [FM_THING_MUG] = build_mug,       [FM_THING_CUP] = build_cup,
    [FM_THING_BALL] = build_ball,     [FM_THING_CAN] = build_can,
    [FM_THING_BOTTLE] = build_bottle, [FM_THING_BLOCK] = build_block,
    [FM_THING_BOX] = build_box,       [FM_THING_JAR] = build_jar,
    [FM_THING_BOWL] = build_bowl,     [FM_THING_PLATE] = build_plate,
    [FM_THING_BOOK] = build_book,     [FM_THING_TRAY] = build_tray,
    [FM_THING_MAT] = build_mat,       [FM_THING_BOARD] = build_board,
    [FM_THING_STAND] = build_stand,   [FM_THING_PANEL] = build_panel,
    [FM_THING_CARTON] = build_carton, [FM_THING_STACK] = build_stack,
    [FM_THING_PLANT] = build_plant,   [FM_THING_SPEAKER] = build_speaker,
};

void fm_thing_build(fm_scene *scene, int index)
{
    const fm_thing *t = &scene->things[index];

    builders[t->class](&(builder){scene, index, t, fm_colours[t->colour].albedo});
}
