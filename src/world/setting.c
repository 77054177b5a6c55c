/* Owns what is there before any thing is: room, ground, light and camera of each place. */
#include "world/composer.h"

#include "base/size.h"
#include "world/exact.h"

static void add_slab(fm_scene *scene, double x, double y, double z, double hx, double hy, double hz,
                     fm_material m)
{
    fm_scene_add(scene, FM_THING_NONE,
                 (fm_solid){.kind = FM_SOLID_BOX,
                            .centre = v3(x, y, z),
                            .half = v3(hx, hy, hz),
                            .c = 1,
                            .material = m});
}

static const fm_v3 woods[][2] = {{{0.50, 0.31, 0.15}, {0.33, 0.18, 0.08}},
                                 {{0.62, 0.46, 0.28}, {0.48, 0.32, 0.17}},
                                 {{0.24, 0.12, 0.06}, {0.14, 0.065, 0.035}},
                                 {{0.66, 0.62, 0.55}, {0.54, 0.50, 0.43}}};
static const fm_v3 paints[] = {{0.66, 0.64, 0.58}, {0.50, 0.58, 0.60}, {0.60, 0.55, 0.44},
                               {0.44, 0.50, 0.42}, {0.62, 0.52, 0.50}, {0.40, 0.44, 0.52}};

/* Framed pictures on the back wall, their middles from `low` to `high`. */
static void hang_pictures(fm_scene *s, double low, double high, fm_rng *rng)
{
    double width = s->room.right_x - s->room.left_x;
    int n = (int)fm_rng_below(rng, 4);

    for (int i = 0; i < n; i++) {
        double hx = fm_rng_range(rng, 0.16, 0.34), hz = fm_rng_range(rng, 0.14, 0.28);
        double x = s->room.left_x + width * (i + fm_rng_range(rng, 0.35, 0.65)) / n;
        double z = fm_rng_range(rng, low, high), y = s->room.back_y;
        fm_v3 a = fm_colours[fm_one_of(rng, FM_COLOUR_COUNT)].albedo;
        fm_v3 b = fm_colours[fm_one_of(rng, FM_COLOUR_COUNT)].albedo;
        uint32_t seed = (uint32_t)fm_rng_next(rng);

        if (x - hx < s->room.left_x + 0.1 || x + hx > s->room.right_x - 0.1)
            continue;
        add_slab(s, x, y - 0.012, z, hx + 0.025, 0.012, hz + 0.025,
                 (fm_material){FM_TEXTURE_WOOD, v3(0.10, 0.06, 0.035), v3(0.07, 0.04, 0.02), 0.05,
                               0.3, seed});
        add_slab(s, x, y - 0.015, z, hx, 0.012, hz,
                 (fm_material){FM_TEXTURE_PAINTING, v3_mix(a, v3(0.3, 0.3, 0.3), 0.5),
                               v3_mix(b, v3(0.5, 0.5, 0.5), 0.5), 1, 0, seed});
    }
}

static void furnish_table(fm_scene *s, fm_rng *rng)
{
    int wood = fm_one_of(rng, FM_COUNT_OF(woods)), floor_wood = fm_one_of(rng, FM_COUNT_OF(woods));
    uint32_t seed = (uint32_t)fm_rng_next(rng);
    fm_material top = {fm_chance(rng, 0.5) ? FM_TEXTURE_PLANKS : FM_TEXTURE_WOOD,
                       woods[wood][0],
                       woods[wood][1],
                       0.14,
                       0.35,
                       seed};
    double hx = s->ground_hx = fm_rng_range(rng, 0.80, 1.10),
           hy = s->ground_hy = fm_rng_range(rng, 0.46, 0.62);
    double leg = fm_rng_range(rng, 0.025, 0.04), height = fm_rng_range(rng, 0.70, 0.78);

    if (top.texture == FM_TEXTURE_WOOD)
        top.scale = 0.09;
    add_slab(s, 0, 0, -0.018, hx, hy, 0.018, top);
    for (int i = 0; i < 4; i++)
        add_slab(s, i & 1 ? hx - 0.07 : 0.07 - hx, i & 2 ? hy - 0.07 : 0.07 - hy,
                 -(height + 0.036) / 2, leg, leg, (height - 0.036) / 2, top);
    s->room.floor_z = -height;
    s->room.back_y = hy + fm_rng_range(rng, 0.35, 1.6);
    s->room.left_x = -hx - fm_rng_range(rng, 0.5, 2.2);
    s->room.right_x = hx + fm_rng_range(rng, 0.5, 2.2);
    s->room.wall = (fm_material){
        FM_TEXTURE_PLASTER, paints[fm_one_of(rng, FM_COUNT_OF(paints))], {0, 0, 0}, 1, 0, seed + 1};
    s->room.floor = fm_chance(rng, 0.6) ? (fm_material){FM_TEXTURE_PLANKS,
                                                        woods[floor_wood][0],
                                                        woods[floor_wood][1],
                                                        0.16,
                                                        0.25,
                                                        seed + 2}
                                        : (fm_material){FM_TEXTURE_TILES,
                                                        paints[fm_one_of(rng, FM_COUNT_OF(paints))],
                                                        {0.30, 0.29, 0.28},
                                                        0.33,
                                                        0.4,
                                                        seed + 3};
    hang_pictures(s, 0.50, 0.75, rng);
    s->sun = v3_unit(fm_point_between(rng, v3(-0.75, -0.75, 1), v3(0.75, 0.15, 1)));
    s->warmth = v3_mix(v3(1, 0.94, 0.84), v3(0.94, 0.97, 1), fm_rng_unit(rng));
    s->seed = seed + 4;
}

/* ---- an indoor room, and a yard ---- */

static void furnish_room(fm_scene *s, fm_rng *rng)
{
    uint32_t seed = (uint32_t)fm_rng_next(rng);
    int wood = fm_one_of(rng, FM_COUNT_OF(woods));

    s->ground_hx = fm_rng_range(rng, 1.7, 2.4);
    s->ground_hy = fm_rng_range(rng, 1.4, 1.9);
    s->room.floor_z = 0;
    s->room.back_y = s->ground_hy + fm_rng_range(rng, 0.05, 0.3);
    s->room.left_x = -s->ground_hx - fm_rng_range(rng, 0.1, 0.6);
    s->room.right_x = s->ground_hx + fm_rng_range(rng, 0.1, 0.6);
    s->room.wall = (fm_material){
        FM_TEXTURE_PLASTER, paints[fm_one_of(rng, FM_COUNT_OF(paints))], {0, 0, 0}, 1, 0, seed + 1};
    s->room.floor =
        fm_chance(rng, 0.6)
            ? (fm_material){FM_TEXTURE_PLANKS, woods[wood][0], woods[wood][1], 0.16, 0.25, seed + 2}
            : (fm_material){FM_TEXTURE_TILES,
                            paints[fm_one_of(rng, FM_COUNT_OF(paints))],
                            {0.30, 0.29, 0.28},
                            0.45,
                            0.4,
                            seed + 3};
    hang_pictures(s, 1.35, 1.75, rng);
    s->sun = v3_unit(fm_point_between(rng, v3(-0.7, -0.75, 1), v3(0.7, 0.1, 1)));
    s->warmth = v3_mix(v3(1, 0.92, 0.80), v3(0.95, 0.97, 1), fm_rng_unit(rng));
    s->seed = seed + 4;
}

static void furnish_yard(fm_scene *s, fm_rng *rng)
{
    static const fm_v3 grounds[][2] = {{{0.13, 0.24, 0.06}, {0.20, 0.32, 0.09}},
                                       {{0.26, 0.25, 0.24}, {0.33, 0.32, 0.31}},
                                       {{0.42, 0.36, 0.26}, {0.34, 0.28, 0.20}}};
    uint32_t seed = (uint32_t)fm_rng_next(rng);
    int ground = fm_one_of(rng, FM_COUNT_OF(grounds));

    s->ground_hx = fm_rng_range(rng, 4.5, 6.5);
    s->ground_hy = fm_rng_range(rng, 3.8, 5.2);
    s->room.open = true;
    s->room.floor_z = 0;
    s->room.floor =
        ground == 1 && fm_chance(rng, 0.5)
            ? (fm_material){FM_TEXTURE_TILES, grounds[1][1], {0.16, 0.16, 0.16}, 0.8, 0.1, seed + 1}
            : (fm_material){
                  FM_TEXTURE_SPECKLE, grounds[ground][0], grounds[ground][1], 0.09, 0, seed + 1};
    s->sun = v3_unit(fm_point_between(rng, v3(-0.9, -0.9, 1), v3(0.9, 0.2, 1)));
    s->warmth = v3_mix(v3(1, 0.95, 0.86), v3(1, 1, 0.98), fm_rng_unit(rng));
    s->seed = seed + 4;
}

void fm_scene_furnish(fm_scene *scene, fm_world_place place, fm_rng *rng)
{
    static const struct {
        double around_m, dusk;
        fm_depth_sensor sensor;
    } places[] = {
        /* structured light, and a wide pair of eyes outdoors */
        [FM_WORLD_TABLETOP] = {2, 0.10, {8, 0.0005, 0.0010}},
        [FM_WORLD_INDOOR] = {4.5, 0.012, {10, 0.001, 0.0010}},
        [FM_WORLD_OUTDOOR] = {14, 0, {40, 0.005, 0.0004}},
    };

    scene->n_solids = scene->n_things = 0;
    scene->place = place;
    scene->around_m = places[place].around_m;
    scene->dusk = places[place].dusk;
    scene->sensor = places[place].sensor;
    scene->room.open = false;
    switch (place) {
    case FM_WORLD_INDOOR:
        furnish_room(scene, rng);
        break;
    case FM_WORLD_OUTDOOR:
        furnish_yard(scene, rng);
        break;
    default:
        furnish_table(scene, rng);
    }
}

void fm_view_aim(fm_scene *scene, int width, int height, fm_rng *rng)
{
    /* Where the camera may be before the near edge of the ground, and what it looks at. */
    static const struct {
        double aside, far[2], high[2], look_y, look_z[2];
        double wide[2]; /* half the longer side as a tangent */
    } places[] = {
        [FM_WORLD_TABLETOP] = {0.60, {0.30, 0.95}, {0.45, 1.25}, 0.10, {0.00, 0.12}, {0.48, 0.78}},
        [FM_WORLD_INDOOR] = {1.00, {0.40, 1.40}, {1.10, 1.80}, 0.40, {0.25, 0.55}, {0.50, 0.80}},
        [FM_WORLD_OUTDOOR] = {2.20, {1.0, 3.5}, {1.50, 2.80}, 1.00, {0.40, 0.90}, {0.50, 0.80}},
    };
    fm_view *v = &scene->view;
    const fm_world_place p = scene->place;
    double x = fm_rng_range(rng, -places[p].aside, places[p].aside);
    double longer = width > height ? width : height, front = -scene->ground_hy;
    fm_v3 look;

    v->width = width;
    v->height = height;
    v->eye = fm_point_between(rng, v3(x, front - places[p].far[1], places[p].high[0]),
                              v3(x, front - places[p].far[0], places[p].high[1]));
    look = fm_point_between(rng, v3(0.3 * x - 0.1, -places[p].look_y, places[p].look_z[0]),
                            v3(0.3 * x + 0.1, places[p].look_y, places[p].look_z[1]));
    v->forward = v3_unit(v3_sub(look, v->eye));
    v->right = v3_unit(v3_cross(v->forward, v3(fm_rng_range(rng, -0.04, 0.04), 0, 1)));
    v->down = v3_cross(v->forward, v->right);
    v->lens.fx = longer / (2 * fm_rng_range(rng, places[p].wide[0], places[p].wide[1]));
    v->lens.fy = v->lens.fx * fm_rng_range(rng, 0.995, 1.005);
    v->lens.cx = v->width * fm_rng_range(rng, 0.48, 0.52) - 0.5;
    v->lens.cy = v->height * fm_rng_range(rng, 0.48, 0.52) - 0.5;
}
