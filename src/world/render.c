/* Owns light and the frame: which ray is cast where, what it is tried on, and how bright what it
 * hits is. Intersections are in solids.c, patterns in textures.c, the camera's noise in sensor.c.
 *
 * Speed comes from never trying a ray on a solid that it cannot hit: primary rays look at the
 * solids whose outline touches their tile of the picture, shadow rays at those whose shadow touches
 * a cell of a grid laid across the light, and contact shading at those that stand in or beside the
 * point's cell of a grid over the table. */
#include "world/render.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "world/exact.h"
#include "world/sight.h"
#include "world/solids.h"

/* ---- sets of solids, and grids of them ---- */

enum { SET_WORDS = FM_SCENE_SOLIDS / 64, GRID_SIDE = 40, TILE = 4 };

typedef struct {
    uint64_t w[SET_WORDS];
} solid_set;

static void set_add(solid_set *set, int solid)
{
    set->w[solid / 64] |= UINT64_C(1) << (solid % 64);
}

static void set_keep(solid_set *set, const solid_set *kept)
{
    for (int k = 0; k < SET_WORDS; k++)
        set->w[k] &= kept->w[k];
}

#define FOR_EACH_SOLID(i, set)                                                                     \
    for (int w_ = 0; w_ < SET_WORDS; w_++)                                                         \
        for (uint64_t left_ = (set)->w[w_]; left_ && (i = w_ * 64 + __builtin_ctzll(left_), 1);    \
             left_ &= left_ - 1)

typedef struct {
    double x0, y0, per_x, per_y; /* origin, cells a metre */
    solid_set cells[GRID_SIDE][GRID_SIDE];
} grid;

static void grid_span(grid *g, double x0, double y0, double x1, double y1)
{
    g->x0 = x0;
    g->y0 = y0;
    g->per_x = GRID_SIDE / (x1 - x0);
    g->per_y = GRID_SIDE / (y1 - y0);
}

static int grid_clip(double cell)
{
    return cell < 0 ? 0 : cell > GRID_SIDE - 1 ? GRID_SIDE - 1 : (int)cell;
}

static void grid_add(grid *g, int solid, double x, double y, double rx, double ry)
{
    int i0 = grid_clip((x - rx - g->x0) * g->per_x), i1 = grid_clip((x + rx - g->x0) * g->per_x);
    int j0 = grid_clip((y - ry - g->y0) * g->per_y), j1 = grid_clip((y + ry - g->y0) * g->per_y);

    for (int j = j0; j <= j1; j++)
        for (int i = i0; i <= i1; i++)
            set_add(&g->cells[j][i], solid);
}

/* NULL outside the grid. */
static const solid_set *grid_at(const grid *g, double x, double y)
{
    double i = (x - g->x0) * g->per_x, j = (y - g->y0) * g->per_y;

    if (!(i >= 0 && j >= 0 && i < GRID_SIDE && j < GRID_SIDE))
        return NULL;
    return &g->cells[(int)j][(int)i];
}

struct fm_caster {
    const fm_scene *scene;
    fm_v3 across, along; /* a frame at right angles to the light */
    grid shadows;        /* over (across, along) */
    grid contacts;       /* over the table, (x, y) */
    solid_set standing;  /* the solids that rise over the table top */
    fm_v3 fill;          /* towards the light that casts no shadow */
    /* The camera and the direction of the sun in each solid's own frame. */
    fm_v3 eye[FM_SCENE_SOLIDS], sun[FM_SCENE_SOLIDS];
    int tiles_x, tiles_y;
    solid_set *tiles;
};

/* How far from a solid its contact shading reaches. */
static const double CONTACT_REACH = 0.11;

/* ---- making a scene ready ---- */

static fm_status lay_tiles(fm_caster *caster, fm_err *err)
{
    const fm_scene *scene = caster->scene;
    size_t n;

    caster->tiles_x = (scene->view.width + TILE - 1) / TILE;
    caster->tiles_y = (scene->view.height + TILE - 1) / TILE;
    if (!fm_size_mul((size_t)caster->tiles_x, (size_t)caster->tiles_y, &n))
        return fm_fail(err, FM_E_USAGE, "picture too large");
    caster->tiles = calloc(n, sizeof(*caster->tiles));
    if (!caster->tiles)
        return fm_fail(err, FM_E_NOMEM, "no memory for %zu tiles", n);
    for (int s = 0; s < scene->n_solids; s++) {
        fm_window window = fm_solid_window(&scene->view, &scene->solids[s]);

        if (window.x0 >= window.x1 || window.y0 >= window.y1)
            continue;
        for (int j = window.y0 / TILE; j <= (window.y1 - 1) / TILE; j++)
            for (int i = window.x0 / TILE; i <= (window.x1 - 1) / TILE; i++)
                set_add(&caster->tiles[(size_t)j * (size_t)caster->tiles_x + (size_t)i], s);
    }
    return FM_OK;
}

/* How far the solid's bounding box reaches from its centre along a direction of length 1. */
static double extent(const fm_solid *s, fm_v3 direction)
{
    fm_v3 d = fm_solid_turn(s, direction);

    return fabs(d.x) * s->half.x + fabs(d.y) * s->half.y + fabs(d.z) * s->half.z;
}

static void lay_grids(fm_caster *caster)
{
    const fm_scene *scene = caster->scene;
    double x = scene->ground_hx + 0.2, y = scene->ground_hy + 0.2;

    caster->across = v3_unit(v3_cross(scene->sun, v3(0, 1, 0)));
    caster->along = v3_cross(caster->across, scene->sun);
    grid_span(&caster->contacts, -x, -y, x, y);
    grid_span(&caster->shadows, -scene->around_m, -scene->around_m, scene->around_m,
              scene->around_m);
    for (int i = 0; i < scene->n_solids; i++) {
        const fm_solid *s = &scene->solids[i];

        grid_add(&caster->shadows, i, v3_dot(s->centre, caster->across),
                 v3_dot(s->centre, caster->along), extent(s, caster->across),
                 extent(s, caster->along));
        caster->eye[i] = fm_solid_turn(s, v3_sub(scene->view.eye, s->centre));
        caster->sun[i] = fm_solid_turn(s, scene->sun);
        /* What is under a table top shades nothing that the grid is asked about. */
        if (s->centre.z + s->half.z < -1e-9)
            continue;
        if (s->centre.z > 0)
            set_add(&caster->standing, i);
        grid_add(&caster->contacts, i, s->centre.x, s->centre.y,
                 extent(s, v3(1, 0, 0)) + CONTACT_REACH, extent(s, v3(0, 1, 0)) + CONTACT_REACH);
    }
}

fm_status fm_caster_new(fm_caster **out, const fm_scene *scene, fm_err *err)
{
    fm_caster *caster = calloc(1, sizeof(*caster));
    fm_status st;

    if (!caster)
        return fm_fail(err, FM_E_NOMEM, "no memory for a ray caster");
    caster->scene = scene;
    caster->fill = v3_unit(v3(-scene->sun.x, -0.8, 0.5));
    lay_grids(caster);
    st = lay_tiles(caster, err);
    if (st != FM_OK) {
        fm_caster_free(caster);
        return st;
    }
    *out = caster;
    return FM_OK;
}

void fm_caster_free(fm_caster *caster)
{
    if (!caster)
        return;
    free(caster->tiles);
    free(caster);
}

/* ---- casting ---- */

/* Where the sky begins: farther than any depth camera sees. */
static const double FAR_M = 1000;

static int room_hit(const fm_room *room, fm_v3 o, fm_v3 d, double *t)
{
    if (room->open) {
        bool down = d.z < -1e-9 && (room->floor_z - o.z) / d.z < FAR_M;

        *t = down ? (room->floor_z - o.z) / d.z : FAR_M;
        return down ? FM_HIT_FLOOR : FM_HIT_SKY;
    }
    int hit = FM_HIT_WALL;
    double best = (room->back_y - o.y) / (d.y > 1e-9 ? d.y : 1e-9);

    double side =
        ((d.x > 0 ? room->right_x : room->left_x) - o.x) / (fabs(d.x) > 1e-9 ? d.x : 1e-9);
    if (side > 0 && side < best)
        best = side;
    if (d.z < -1e-9 && (room->floor_z - o.z) / d.z < best) {
        best = (room->floor_z - o.z) / d.z;
        hit = FM_HIT_FLOOR;
    }
    *t = best;
    return hit;
}

static const solid_set *tile_at(const fm_caster *caster, int u, int v)
{
    return &caster->tiles[(size_t)(v / TILE) * (size_t)caster->tiles_x + (size_t)(u / TILE)];
}

/* The nearest of the candidates, or the room, from the camera along d. */
static int cast(const fm_caster *caster, const solid_set *candidates, fm_v3 d, double *depth)
{
    const fm_scene *scene = caster->scene;
    double best = 1e30, t;
    int hit = FM_HIT_WALL, i;

    FOR_EACH_SOLID(i, candidates)
    {
        const fm_solid *s = &scene->solids[i];

        if (fm_solid_hit(s, caster->eye[i], fm_solid_turn(s, d), 1e-6, &t) && t < best) {
            best = t;
            hit = i;
        }
    }
    *depth = best;
    /* The room is around everything else. */
    return hit >= 0 ? hit : room_hit(&scene->room, scene->view.eye, d, depth);
}

static bool in_shadow(const fm_caster *caster, fm_v3 p)
{
    const fm_scene *scene = caster->scene;
    double a = v3_dot(p, caster->across), b = v3_dot(p, caster->along), t;
    const solid_set *cell = grid_at(&caster->shadows, a, b);
    solid_set set;
    int i;

    if (!cell)
        return false;
    set = *cell;
    if (p.z >= 0)
        set_keep(&set, &caster->standing);
    FOR_EACH_SOLID(i, &set)
    {
        const fm_solid *s = &scene->solids[i];
        fm_v3 to = v3_sub(s->centre, p);
        double ahead = v3_dot(to, scene->sun);

        if (ahead > -s->reach && v3_dot(to, to) - ahead * ahead < s->reach * s->reach &&
            fm_solid_hit(s, fm_solid_turn(s, v3_scale(to, -1)), caster->sun[i], 1e-6, &t))
            return true;
    }
    return false;
}

/* ---- light ---- */

/* How much of the sky a solid hides from a surface beside it: most where they touch, fading with
 * the distance. A guess at ambient occlusion without casting a single ray. */
static double contact(const fm_solid *s, fm_v3 p, fm_v3 n)
{
    fm_v3 q = fm_solid_turn(s, v3_sub(p, s->centre));
    fm_v3 nearest = v3(clamp(q.x, -s->half.x, s->half.x), clamp(q.y, -s->half.y, s->half.y),
                       clamp(q.z, -s->half.z, s->half.z));
    fm_v3 gap = v3_sub(nearest, q);
    double d2 = v3_dot(gap, gap);

    if (d2 > CONTACT_REACH * CONTACT_REACH)
        return 0;
    /* Only what rises over the surface hides anything of its sky. */
    fm_v3 turned = fm_solid_turn(s, n);
    double rise = -v3_dot(turned, q) + fabs(turned.x) * s->half.x + fabs(turned.y) * s->half.y +
                  fabs(turned.z) * s->half.z;
    if (rise <= 0)
        return 0;
    double size = rise < 0.10 ? rise : 0.10, near = size * 0.35 + 0.004;
    double fade = 1 - d2 / (CONTACT_REACH * CONTACT_REACH);
    return 0.52 * size / (size + 0.02) * fade * near / (near + sqrt(d2));
}

static double openness(const fm_caster *caster, fm_v3 p, fm_v3 n, int own)
{
    const fm_scene *scene = caster->scene;
    const solid_set *set = grid_at(&caster->contacts, p.x, p.y);
    double open = 1;
    int i;

    if (!set)
        return 1;
    FOR_EACH_SOLID(i, set)
    {
        const fm_solid *s = &scene->solids[i];
        double limit = s->reach + CONTACT_REACH;
        fm_v3 to = v3_sub(s->centre, p);

        if (i != own && v3_dot(to, to) < limit * limit)
            open *= 1 - contact(s, p, n);
    }
    return open;
}

typedef struct {
    fm_v3 p, n;
    fm_v3 albedo;
    double gloss, open;
} surface;

static surface surface_of_solid(const fm_caster *caster, int hit, fm_v3 p)
{
    const fm_solid *s = &caster->scene->solids[hit];
    fm_v3 local = fm_solid_turn(s, v3_sub(p, s->centre)), n = fm_solid_normal(s, local);
    surface out = {.p = p, .n = fm_solid_unturn(s, n), .gloss = s->material.gloss};

    out.albedo = fm_material_colour(&s->material, local, n, s->half);
    out.open = openness(caster, p, out.n, hit);
    /* The inside of a mug sees less of the room the deeper one looks. */
    if (s->wall > 0 && n.x * local.x + n.y * local.y < 1e-9 && local.z < s->half.z - 1e-4)
        out.open *= 0.45 + 0.5 * clamp((local.z + s->half.z) / (2 * s->half.z), 0, 1);
    return out;
}

/* How much of the sky the floor sees around and under the table. */
static double beside_table(const fm_scene *scene, fm_v3 p)
{
    double dx = fabs(p.x) - scene->ground_hx, dy = fabs(p.y) - scene->ground_hy;

    dx = dx > 0 ? dx : 0;
    dy = dy > 0 ? dy : 0;
    return 1 - 0.55 / (1 + 6 * (dx * dx + dy * dy));
}

static surface surface_of_room(const fm_caster *caster, int hit, fm_v3 p)
{
    const fm_scene *scene = caster->scene;
    const fm_room *room = &scene->room;
    surface out = {.p = p};
    double edge;

    if (hit == FM_HIT_FLOOR) {
        out.n = v3(0, 0, 1);
        out.albedo = fm_material_colour(&room->floor, p, out.n, v3(1, 1, 1));
        out.gloss = room->floor.gloss;
        out.open = scene->place == FM_WORLD_TABLETOP ? beside_table(scene, p)
                                                     : openness(caster, p, out.n, FM_HIT_FLOOR);
        if (room->open)
            return out;
        edge = room->back_y - p.y;
    } else {
        bool back = room->back_y - p.y < 1e-6;

        out.n = back ? v3(0, -1, 0) : v3(p.x > 0 ? -1 : 1, 0, 0);
        out.albedo = fm_material_colour(&room->wall, p, out.n, v3(1, 1, 1));
        if (p.z - room->floor_z < 0.09) {
            out.albedo = v3(0.62, 0.60, 0.56); /* the skirting board */
            out.gloss = 0.3;
        }
        out.open = 1;
        edge = back ? (p.x > 0 ? room->right_x - p.x : p.x - room->left_x) : room->back_y - p.y;
        double foot = p.z - room->floor_z;
        out.open *= 1 - 0.3 / (1 + 40 * foot * foot);
    }
    out.open *= 1 - 0.3 / (1 + 12 * edge * edge);
    return out;
}

/* Blinn and Phong's highlight: the cosine between n and the middle of the two directions, to the
 * 32nd power. */
static double highlight(fm_v3 n, fm_v3 to_sun, fm_v3 to_eye)
{
    fm_v3 middle = v3_add(to_sun, to_eye);
    double cosine = v3_dot(n, middle), x;

    if (cosine <= 0)
        return 0;
    x = cosine * cosine / v3_dot(middle, middle);
    for (int i = 0; i < 4; i++)
        x *= x;
    return x;
}

/* Light that leaves the surface towards the eye (`to_eye` of length 1), linear. */
static fm_v3 light(const fm_caster *caster, const surface *at, fm_v3 to_eye)
{
    const fm_scene *scene = caster->scene;
    double sun = v3_dot(at->n, scene->sun), fill = v3_dot(at->n, caster->fill);
    /* A room is brightest in its middle. */
    double far = v3_dot(at->p, at->p), pool = 1 / (1 + scene->dusk * far);
    fm_v3 sky = v3_mix(v3(0.30, 0.27, 0.24), v3(0.52, 0.55, 0.60), 0.5 + 0.5 * at->n.z);

    sun = sun > 0 && !in_shadow(caster, v3_along(at->p, 1e-4, at->n)) ? sun : 0;
    fill = fill > 0 ? 0.16 * fill : 0;
    fm_v3 sum = v3_scale(sky, at->open);
    sum = v3_along(sum, sun * 1.55 * (0.75 + 0.25 * at->open), scene->warmth);
    sum = v3_along(sum, fill * at->open, v3(0.8, 0.9, 1.0));
    sum = v3_mul(sum, at->albedo);
    if (at->gloss > 0) {
        double facing = clamp(v3_dot(at->n, to_eye), 0, 1), graze = 1 - facing;
        double shine = sun > 0 ? highlight(at->n, scene->sun, to_eye) : 0;
        double mirror = at->gloss * (0.03 + 0.30 * graze * graze * graze * graze) * at->open;

        sum = v3_along(sum, at->gloss * 0.55 * shine, scene->warmth);
        sum = v3_along(sum, mirror, sky);
    }
    return v3_scale(sum, pool);
}

/* Compress the highlights, then the display's curve (gamma 2: a square root is exact). */
static float displayed(double light)
{
    float x = (float)light * 1.15f;

    x = x * (1 + x * (1 / 6.0f)) / (1 + x * 0.75f);
    return x < 1 ? sqrtf(x) : 1;
}

/* Paler towards the horizon. */
static fm_v3 sky_towards(fm_v3 up)
{
    double rise = clamp(up.z, 0, 1);

    return v3_mix(v3(0.62, 0.68, 0.74), v3(0.16, 0.32, 0.62), rise * (2 - rise));
}

static void colour_at(const fm_caster *caster, int hit, fm_v3 d, double depth, float rgb[3],
                      double *facing)
{
    const fm_view *view = &caster->scene->view;

    if (hit == FM_HIT_SKY) {
        fm_v3 c = sky_towards(v3_unit(d));

        rgb[0] = displayed(c.x);
        rgb[1] = displayed(c.y);
        rgb[2] = displayed(c.z);
        *facing = 1;
        return;
    }
    fm_v3 p = v3_along(view->eye, depth, d), to_eye = v3_scale(v3_unit(d), -1);
    surface at = hit >= 0 ? surface_of_solid(caster, hit, p) : surface_of_room(caster, hit, p);
    fm_v3 c = light(caster, &at, to_eye);

    rgb[0] = displayed(c.x);
    rgb[1] = displayed(c.y);
    rgb[2] = displayed(c.z);
    *facing = v3_dot(at.n, to_eye);
}

/* ---- the frame ---- */

void fm_frame_release(fm_frame *frame)
{
    if (!frame)
        return;
    free(frame->depth);
    free(frame->facing);
    free(frame->solid);
    free(frame->rgb);
    *frame = (fm_frame){0};
}

static fm_status frame_reserve(fm_frame *frame, int width, int height, fm_err *err)
{
    size_t n;

    if (frame->width == width && frame->height == height)
        return FM_OK;
    fm_frame_release(frame);
    if (!fm_size_mul((size_t)width, (size_t)height, &n))
        return fm_fail(err, FM_E_USAGE, "picture too large");
    frame->depth = malloc(n * sizeof(*frame->depth));
    frame->facing = malloc(n * sizeof(*frame->facing));
    frame->solid = malloc(n * sizeof(*frame->solid));
    frame->rgb = malloc(n * sizeof(*frame->rgb));
    if (!frame->depth || !frame->facing || !frame->solid || !frame->rgb) {
        fm_frame_release(frame);
        return fm_fail(err, FM_E_NOMEM, "no memory for a frame of %d x %d", width, height);
    }
    frame->width = width;
    frame->height = height;
    return FM_OK;
}

/* What, if anything, a pixel has to be cast again for. */
typedef enum {
    EDGE_NONE,
    EDGE_OUTLINE, /* a neighbour shows another solid */
    EDGE_SURFACE, /* the same solid in another light: a shadow's border, a fold, a pattern */
} edge_kind;

static edge_kind edge_between(const fm_frame *frame, size_t a, size_t b)
{
    /* Green is most of what the eye takes for brightness. */
    float step = frame->rgb[a][1] - frame->rgb[b][1];

    if (frame->solid[a] != frame->solid[b])
        return EDGE_OUTLINE;
    return step > 0.12f || step < -0.12f ? EDGE_SURFACE : EDGE_NONE;
}

/* kinds [height][width]: what each pixel is to its four neighbours, the gravest of them. */
static void mark_edges(const fm_frame *frame, uint8_t *kinds)
{
    size_t w = (size_t)frame->width, h = (size_t)frame->height;

    memset(kinds, EDGE_NONE, w * h);
    for (size_t v = 0; v < h; v++)
        for (size_t u = 0; u < w; u++) {
            const size_t own = v * w + u, next[2] = {own + 1, own + w};

            for (int k = u + 1 == w; k < 1 + (v + 1 < h); k++) {
                uint8_t kind = (uint8_t)edge_between(frame, own, next[k]);

                kinds[own] = kind > kinds[own] ? kind : kinds[own];
                kinds[next[k]] = kind > kinds[next[k]] ? kind : kinds[next[k]];
            }
        }
}

/* Pixel (u, v) and its up to four neighbours, itself first; returns how many. */
static int around(const fm_frame *frame, int u, int v, size_t out[5])
{
    size_t w = (size_t)frame->width, i = (size_t)v * w + (size_t)u;
    int n = 0;

    out[n++] = i;
    if (u > 0)
        out[n++] = i - 1;
    if (u + 1 < frame->width)
        out[n++] = i + 1;
    if (v > 0)
        out[n++] = i - w;
    if (v + 1 < frame->height)
        out[n++] = i + w;
    return n;
}

/* The corners of a turned square: no two in one row or column. */
static const double spread[4][2] = {
    {-0.125, -0.375}, {0.375, -0.125}, {0.125, 0.375}, {-0.375, 0.125}};

/* The pixel's colour as the mean of five rays, which are tried only on what the pixel and its
 * neighbours show. On an outline they settle which solid covers how much of the pixel, and take its
 * colour from where it was seen: shading is what costs. */
static void smooth_pixel(const fm_caster *caster, const fm_frame *frame, edge_kind kind, int u,
                         int v, float out[3])
{
    solid_set seen = {{0}};
    size_t near[5];
    int n = around(frame, u, v, near);

    for (int i = 0; i < n; i++)
        if (frame->solid[near[i]] >= 0)
            set_add(&seen, frame->solid[near[i]]);
    for (int s = 0; s < 4; s++) {
        fm_v3 d = fm_view_ray(&caster->scene->view, u + spread[s][0], v + spread[s][1]);
        double depth, facing;
        float shaded[3];
        const float *rgb = NULL;
        int hit = cast(caster, &seen, d, &depth);

        for (int i = 0; kind == EDGE_OUTLINE && !rgb && i < n; i++)
            if (frame->solid[near[i]] == hit)
                rgb = frame->rgb[near[i]];
        if (!rgb) {
            colour_at(caster, hit, d, depth, shaded, &facing);
            rgb = shaded;
        }
        for (int k = 0; k < 3; k++)
            out[k] += rgb[k];
    }
    for (int k = 0; k < 3; k++)
        out[k] *= 0.2f;
}

static fm_status smooth_edges(const fm_caster *caster, fm_frame *frame, fm_err *err)
{
    size_t w = (size_t)frame->width, h = (size_t)frame->height;
    /* A row waits here until the one below it, which still looks at its old colours, is done. */
    float(*rows)[3] = malloc(2 * w * sizeof(*rows));
    uint8_t *kinds = malloc(w * h);
    fm_status st = FM_OK;

    if (!rows || !kinds) {
        st = fm_fail(err, FM_E_NOMEM, "no memory for smooth edges");
        goto done;
    }
    mark_edges(frame, kinds);
    for (size_t v = 0; v <= h; v++) {
        float(*row)[3] = rows + (v & 1) * w, (*above)[3] = rows + (~v & 1) * w;

        if (v < h)
            memcpy(row, frame->rgb + v * w, w * sizeof(*row));
        for (size_t u = 0; v < h && u < w; u++)
            if (kinds[v * w + u] != EDGE_NONE)
                smooth_pixel(caster, frame, (edge_kind)kinds[v * w + u], (int)u, (int)v, row[u]);
        if (v > 0)
            memcpy(frame->rgb + (v - 1) * w, above, w * sizeof(*above));
    }
done:
    free(rows);
    free(kinds);
    return st;
}

fm_status fm_caster_look(const fm_caster *caster, fm_frame *frame, fm_err *err)
{
    const fm_view *view = &caster->scene->view;
    fm_status st = frame_reserve(frame, view->width, view->height, err);

    for (int v = 0; st == FM_OK && v < view->height; v++)
        for (int u = 0; u < view->width; u++) {
            size_t i = (size_t)v * (size_t)view->width + (size_t)u;

            frame->solid[i] = (int16_t)cast(caster, tile_at(caster, u, v), fm_view_ray(view, u, v),
                                            &frame->depth[i]);
        }
    return st;
}

fm_status fm_caster_paint(const fm_caster *caster, fm_frame *frame, fm_err *err)
{
    const fm_view *view = &caster->scene->view;

    for (int v = 0; v < view->height; v++)
        for (int u = 0; u < view->width; u++) {
            size_t i = (size_t)v * (size_t)view->width + (size_t)u;

            colour_at(caster, frame->solid[i], fm_view_ray(view, u, v), frame->depth[i],
                      frame->rgb[i], &frame->facing[i]);
        }
    return smooth_edges(caster, frame, err);
}
