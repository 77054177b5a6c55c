/* Owns the catalogue: names, sizes and colours. What a thing of each class looks like is in goods.c,
 * furniture.c and yard.c; where things stand is the composers' business. */
#include "world/things.h"

#include "world/builders.h"

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
    [FM_THING_CAN] =
        {"can", FM_THING_MOVABLE | FM_THING_FLAT, {0.038, 0.048}, ROUND, {0.115, 0.150}},
    [FM_THING_BOTTLE] = {"bottle", FM_THING_MOVABLE, {0.038, 0.046}, ROUND, {0.200, 0.260}},
    [FM_THING_BLOCK] = {"block",
                        FM_THING_MOVABLE | FM_THING_FLAT | FM_THING_SQUARE,
                        {0.042, 0.054},
                        ROUND,
                        {0.1, 0.1}},
    [FM_THING_BOX] =
        {"box", FM_THING_MOVABLE | FM_THING_FLAT, {0.045, 0.062}, {0.032, 0.048}, {0.105, 0.155}},
    [FM_THING_JAR] =
        {"jar", FM_THING_MOVABLE | FM_THING_FLAT, {0.044, 0.054}, ROUND, {0.110, 0.150}},
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
    [FM_THING_SOFA] = {"sofa", FM_THING_OBSTACLE, {0.80, 1.00}, {0.40, 0.46}, {0.74, 0.84}},
    [FM_THING_ARMCHAIR] = {"armchair", FM_THING_OBSTACLE, {0.38, 0.44}, {0.38, 0.43}, {0.76, 0.88}},
    [FM_THING_COFFEE_TABLE] =
        {"coffee table", FM_THING_SUPPORT, {0.46, 0.60}, {0.28, 0.36}, {0.38, 0.45}},
    [FM_THING_CABINET] =
        {"cabinet", FM_THING_OBSTACLE | FM_THING_SUPPORT, {0.42, 0.60}, {0.20, 0.26}, {0.62, 0.86}},
    [FM_THING_BOOKCASE] = {"bookcase", FM_THING_OBSTACLE, {0.38, 0.50}, {0.15, 0.19}, {1.30, 1.80}},
    [FM_THING_CHAIR] = {"chair", FM_THING_OBSTACLE, {0.21, 0.24}, {0.21, 0.24}, {0.84, 0.96}},
    [FM_THING_LAMP] = {"floor lamp", FM_THING_OBSTACLE, {0.17, 0.21}, ROUND, {1.35, 1.60}},
    [FM_THING_RUG] = {"rug", FM_THING_SUPPORT, {0.50, 0.75}, {0.36, 0.48}, {0.010, 0.014}},
    [FM_THING_STOOL] = {"stool", FM_THING_SUPPORT, {0.17, 0.20}, ROUND, {0.42, 0.52}},
    [FM_THING_POUF] = {"pouf",
                       FM_THING_MOVABLE | FM_THING_SUPPORT | FM_THING_FLAT,
                       {0.22, 0.28},
                       ROUND,
                       {0.30, 0.38}},
    [FM_THING_BASKET] = {"basket", FM_THING_MOVABLE, {0.17, 0.23}, ROUND, {0.24, 0.32}},
    [FM_THING_BIN] = {"waste bin", FM_THING_MOVABLE, {0.13, 0.17}, ROUND, {0.30, 0.42}},
    [FM_THING_SUITCASE] = {"suitcase", FM_THING_MOVABLE, {0.20, 0.25}, {0.11, 0.14}, {0.50, 0.62}},
    [FM_THING_CHEST] =
        {"storage box", FM_THING_MOVABLE | FM_THING_FLAT, {0.19, 0.25}, {0.14, 0.18}, {0.20, 0.30}},
    [FM_THING_BIG_BALL] = {"ball", FM_THING_MOVABLE, {0.13, 0.19}, ROUND, {0.1, 0.1}},
    [FM_THING_VASE] = {"vase", FM_THING_MOVABLE, {0.11, 0.15}, ROUND, {0.36, 0.52}},
    [FM_THING_CAR] = {"car", FM_THING_OBSTACLE, {1.95, 2.20}, {0.84, 0.92}, {1.38, 1.52}},
    [FM_THING_TREE] =
        {"tree", FM_THING_OBSTACLE | FM_THING_UNDYED, {0.95, 1.30}, ROUND, {3.00, 4.20}},
    [FM_THING_BUSH] =
        {"bush", FM_THING_OBSTACLE | FM_THING_UNDYED, {0.50, 0.72}, ROUND, {0.80, 1.15}},
    [FM_THING_BENCH] = {"bench", FM_THING_OBSTACLE, {0.75, 0.95}, {0.24, 0.28}, {0.80, 0.92}},
    [FM_THING_SHED] = {"shed", FM_THING_OBSTACLE, {1.10, 1.50}, {0.85, 1.10}, {2.10, 2.50}},
    [FM_THING_BOLLARD] = {"bollard", FM_THING_OBSTACLE, {0.10, 0.13}, ROUND, {0.85, 1.05}},
    [FM_THING_PALLET] =
        {"pallet", FM_THING_SUPPORT | FM_THING_UNDYED, {0.58, 0.66}, {0.40, 0.46}, {0.13, 0.16}},
    [FM_THING_PLATFORM] = {"platform", FM_THING_SUPPORT, {0.55, 0.75}, {0.50, 0.65}, {0.35, 0.55}},
    [FM_THING_BARREL] =
        {"barrel", FM_THING_MOVABLE | FM_THING_FLAT, {0.28, 0.33}, ROUND, {0.80, 0.98}},
    [FM_THING_CONE] = {"traffic cone", FM_THING_MOVABLE, {0.19, 0.23}, ROUND, {0.55, 0.75}},
    [FM_THING_CRATE] =
        {"crate", FM_THING_MOVABLE | FM_THING_FLAT, {0.32, 0.42}, {0.30, 0.38}, {0.48, 0.68}},
    [FM_THING_DUSTBIN] = {"dustbin", FM_THING_MOVABLE, {0.27, 0.31}, {0.30, 0.35}, {0.95, 1.10}},
    [FM_THING_BUCKET] = {"bucket", FM_THING_MOVABLE, {0.19, 0.24}, ROUND, {0.36, 0.46}},
};

fm_thing fm_thing_draw(fm_thing_class class, int colour, fm_rng *rng)
{
    const fm_thing_kind *kind = &fm_thing_kinds[class];
    fm_thing t = {.class = class, .colour = colour, .c = 1, .on = FM_THING_NONE};

    t.hx = fm_rng_range(rng, kind->hx[0], kind->hx[1]);
    t.hy = kind->hy[1] > 0 ? fm_rng_range(rng, kind->hy[0], kind->hy[1]) : t.hx;
    t.height = fm_rng_range(rng, kind->height[0], kind->height[1]);
    if (class == FM_THING_BALL || class == FM_THING_BLOCK || class == FM_THING_BIG_BALL)
        t.height = 2 * t.hx;
    t.radius = t.hx;
    if (kind->flags & FM_THING_SQUARE || kind->hy[1] > 0)
        t.radius = sqrt(t.hx * t.hx + t.hy * t.hy);
    if (class == FM_THING_MUG)
        t.radius += 0.028; /* the handle */
    t.seed = (uint32_t)fm_rng_next(rng);
    return t;
}

static void (*const builders[FM_THING_CLASSES])(const fm_pen *b) = {
    [FM_THING_MUG] = fm_build_mug,
    [FM_THING_CUP] = fm_build_cup,
    [FM_THING_BALL] = fm_build_ball,
    [FM_THING_CAN] = fm_build_can,
    [FM_THING_BOTTLE] = fm_build_bottle,
    [FM_THING_BLOCK] = fm_build_block,
    [FM_THING_BOX] = fm_build_box,
    [FM_THING_JAR] = fm_build_jar,
    [FM_THING_BOWL] = fm_build_bowl,
    [FM_THING_PLATE] = fm_build_plate,
    [FM_THING_BOOK] = fm_build_book,
    [FM_THING_TRAY] = fm_build_tray,
    [FM_THING_MAT] = fm_build_mat,
    [FM_THING_BOARD] = fm_build_board,
    [FM_THING_STAND] = fm_build_stand,
    [FM_THING_PANEL] = fm_build_panel,
    [FM_THING_CARTON] = fm_build_carton,
    [FM_THING_STACK] = fm_build_stack,
    [FM_THING_PLANT] = fm_build_plant,
    [FM_THING_SPEAKER] = fm_build_speaker,
    [FM_THING_SOFA] = fm_build_sofa,
    [FM_THING_ARMCHAIR] = fm_build_armchair,
    [FM_THING_COFFEE_TABLE] = fm_build_coffee_table,
    [FM_THING_CABINET] = fm_build_cabinet,
    [FM_THING_BOOKCASE] = fm_build_bookcase,
    [FM_THING_CHAIR] = fm_build_chair,
    [FM_THING_LAMP] = fm_build_lamp,
    [FM_THING_RUG] = fm_build_rug,
    [FM_THING_STOOL] = fm_build_stool,
    [FM_THING_POUF] = fm_build_pouf,
    [FM_THING_BASKET] = fm_build_basket,
    [FM_THING_BIN] = fm_build_bin,
    [FM_THING_SUITCASE] = fm_build_suitcase,
    [FM_THING_CHEST] = fm_build_chest,
    [FM_THING_BIG_BALL] = fm_build_ball,
    [FM_THING_VASE] = fm_build_vase,
    [FM_THING_CAR] = fm_build_car,
    [FM_THING_TREE] = fm_build_tree,
    [FM_THING_BUSH] = fm_build_bush,
    [FM_THING_BENCH] = fm_build_bench,
    [FM_THING_SHED] = fm_build_shed,
    [FM_THING_BOLLARD] = fm_build_bollard,
    [FM_THING_PALLET] = fm_build_pallet,
    [FM_THING_PLATFORM] = fm_build_platform,
    [FM_THING_BARREL] = fm_build_barrel,
    [FM_THING_CONE] = fm_build_cone,
    [FM_THING_CRATE] = fm_build_crate,
    [FM_THING_DUSTBIN] = fm_build_dustbin,
    [FM_THING_BUCKET] = fm_build_bucket,
};

void fm_thing_build(fm_scene *scene, int index)
{
    const fm_thing *t = &scene->things[index];

    builders[t->class](&(fm_pen){scene, index, t, fm_colours[t->colour].albedo});
}
