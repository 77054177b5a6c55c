/**
 * What a scene is made of, before anything is drawn or asked: solids, the things they make up, the
 * room around them, and the camera that looks at it.
 *
 * World frame: metres, z up, the origin at the centre of the table top (or floor, or yard), the camera on the side of
 * negative y. A scene is plain data without pointers; it belongs to whoever holds it.
 */
#ifndef FM_WORLD_SCENE_H
#define FM_WORLD_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "fathom/camera.h"
#include "fathom/world.h"
#include "world/vector.h"

/* ---- surfaces ---- */

typedef enum {
    FM_TEXTURE_PLAIN,
    FM_TEXTURE_GLAZE,    /* faint mottling */
    FM_TEXTURE_WOOD,     /* grain along local x */
    FM_TEXTURE_PLANKS,   /* boards of wood along local x */
    FM_TEXTURE_TILES,    /* squares with joints */
    FM_TEXTURE_CHECKS,   /* woven checks, a on b */
    FM_TEXTURE_STRIPES,  /* horizontal bands, a and b */
    FM_TEXTURE_SPECKLE,  /* specks of b on a */
    FM_TEXTURE_LABEL,    /* a printed band of b around the middle */
    FM_TEXTURE_DOTS,     /* dots of b on a */
    FM_TEXTURE_PAGES,    /* the cut edges of paper */
    FM_TEXTURE_CARTON,   /* cardboard with a strip of tape */
    FM_TEXTURE_PAINTING, /* for the wall */
    FM_TEXTURE_PLASTER,
    FM_TEXTURE_LEAVES,
} fm_texture;

typedef struct {
    fm_texture texture;
    fm_v3 a, b;   /* linear albedo */
    double scale; /* metres a period of the pattern */
    double gloss; /* 0 matt .. 1 glazed */
    uint32_t seed;
} fm_material;

/* ---- solids ---- */

typedef enum {
    FM_SOLID_BOX,
    FM_SOLID_ROUND, /* a cylinder, or a cone's frustum; hollow and open above where wall > 0 */
    FM_SOLID_SPHERE,
} fm_solid_kind;

typedef struct {
    fm_solid_kind kind;
    int thing;     /* whose part it is, or FM_THING_NONE */
    fm_v3 centre;  /* of its bounding box */
    fm_v3 half;    /* half sides of its bounding box in its own frame */
    double c, s;   /* cosine and sine of its turn about the vertical */
    double r0, r1; /* FM_SOLID_ROUND: radius below and above; FM_SOLID_SPHERE: r0 */
    double wall;   /* FM_SOLID_ROUND: thickness of wall and bottom, 0: solid */
    double reach;  /* radius of the sphere around `centre` that holds it */
    fm_material material;
} fm_solid;

/* World to the solid's own frame (turned about the vertical, origin at its centre) and back. */
static inline fm_v3 fm_solid_turn(const fm_solid *solid, fm_v3 d)
{
    return v3(d.x * solid->c + d.y * solid->s, d.y * solid->c - d.x * solid->s, d.z);
}

static inline fm_v3 fm_solid_unturn(const fm_solid *solid, fm_v3 d)
{
    return v3(d.x * solid->c - d.y * solid->s, d.x * solid->s + d.y * solid->c, d.z);
}

/* ---- things ---- */

typedef enum {
    FM_THING_MUG,
    FM_THING_CUP,
    FM_THING_BALL,
    FM_THING_CAN,
    FM_THING_BOTTLE,
    FM_THING_BLOCK,
    FM_THING_BOX,
    FM_THING_JAR,
    FM_THING_BOWL,
    FM_THING_PLATE,
    FM_THING_BOOK,
    FM_THING_TRAY,
    FM_THING_MAT,
    FM_THING_BOARD,
    FM_THING_STAND,
    FM_THING_PANEL,
    FM_THING_CARTON,
    FM_THING_STACK,
    FM_THING_PLANT,
    FM_THING_SPEAKER,
    /* on a floor */
    FM_THING_SOFA,
    FM_THING_ARMCHAIR,
    FM_THING_COFFEE_TABLE,
    FM_THING_CABINET,
    FM_THING_BOOKCASE,
    FM_THING_CHAIR,
    FM_THING_LAMP,
    FM_THING_RUG,
    FM_THING_STOOL,
    FM_THING_POUF,
    FM_THING_BASKET,
    FM_THING_BIN,
    FM_THING_SUITCASE,
    FM_THING_CHEST,
    FM_THING_BIG_BALL,
    FM_THING_VASE,
    /* in a yard */
    FM_THING_CAR,
    FM_THING_TREE,
    FM_THING_BUSH,
    FM_THING_BENCH,
    FM_THING_SHED,
    FM_THING_BOLLARD,
    FM_THING_PALLET,
    FM_THING_PLATFORM,
    FM_THING_BARREL,
    FM_THING_CONE,
    FM_THING_CRATE,
    FM_THING_DUSTBIN,
    FM_THING_BUCKET,
    FM_THING_CLASSES,
    FM_THING_NONE = -1,
} fm_thing_class;

enum {
    FM_THING_MOVABLE = 1,  /* can be what the task is about, or clutter */
    FM_THING_SUPPORT = 2,  /* something can be put on it */
    FM_THING_OBSTACLE = 4, /* tall enough to be in the way */
    FM_THING_UNDYED = 8,   /* named without a colour */
    FM_THING_FLAT = 16,    /* movable, and something can be stacked on it */
    FM_THING_SQUARE = 32,  /* its plan is a square, though one number says its size */
};

typedef struct {
    fm_thing_class class;
    int colour; /* index of fm_colours */
    fm_v3 at;   /* centre of its foot */
    double c, s;
    double hx, hy, height; /* half sides in its own frame */
    double radius;         /* of the circle around `at` that holds it, seen from above */
    uint32_t seed;         /* of its textures */
    int on;                /* the thing that it stands on, or FM_THING_NONE: the ground */
    int first_solid, n_solids;
    fm_v3 low, high; /* bounds of its solids in its own frame, from `at`; set when it is put */
} fm_thing;

typedef struct {
    const char *name;
    fm_v3 albedo; /* linear */
} fm_colour;

#define FM_COLOUR_COUNT 11
extern const fm_colour fm_colours[FM_COLOUR_COUNT];

typedef struct {
    const char *name;
    unsigned flags;
    double hx[2], hy[2], height[2]; /* ranges; hy {0, 0}: round, hy = hx */
} fm_thing_kind;

extern const fm_thing_kind fm_thing_kinds[FM_THING_CLASSES];

/* ---- the scene ---- */

enum { FM_SCENE_SOLIDS = 192, FM_SCENE_THINGS = 32 };

/* Camera pose: a right-handed frame with x right, y down, z forward. */
typedef struct {
    fm_v3 eye, right, down, forward;
    fm_camera lens;
    int width, height;
} fm_view;

typedef struct {
    double floor_z, back_y, left_x, right_x;
    bool open; /* no walls: a plain under the sky */
    fm_material floor, wall;
} fm_room;

/* A depth camera: the standard deviation of a depth d is base + growth * d^2. */
typedef struct {
    double range_m, base_m, growth;
} fm_depth_sensor;

typedef struct {
    fm_solid solids[FM_SCENE_SOLIDS]; /* the table's first, then each thing's together */
    int n_solids;
    fm_thing things[FM_SCENE_THINGS];
    int n_things;
    fm_world_place place;
    double ground_hx, ground_hy; /* half sides of what things stand on: table top, floor, yard */
    double around_m;             /* shadows are cast by what is within this of the origin */
    double dusk;                 /* light falls off as 1 / (1 + dusk * distance^2) */
    fm_depth_sensor sensor;
    fm_room room;
    fm_view view;
    fm_v3 sun;    /* unit vector towards the light */
    fm_v3 warmth; /* its colour */
    uint32_t seed;
} fm_scene;

/* A thing of random size, standing nowhere yet. */
fm_thing fm_thing_draw(fm_thing_class class, int colour, fm_rng *rng);

/* Turn a thing about the vertical. */
void fm_thing_turn(fm_thing *thing, double angle);

/* Is its plan a circle of radius hx? (A mug's handle is left out.) */
bool fm_thing_round(const fm_thing *thing);

/* Height of the surface that something on it stands on: a tray's is inside its rim. */
double fm_thing_top(const fm_thing *thing);

/* Distance in the plane from (x, y) to the thing's outline, 0 inside. */
double fm_thing_plan_distance(const fm_thing *thing, double x, double y);

/* Its height and the middle of its bounds, once it stands in a scene: to the last knob, unlike `height`. */
double fm_thing_tall(const fm_thing *thing);
fm_v3 fm_thing_middle(const fm_thing *thing);

/* Stand the thing in the scene; returns its index, or -1 where the scene is full. The last thing
 * can be taken away again. */
int fm_scene_put(fm_scene *scene, const fm_thing *thing);
void fm_scene_pop(fm_scene *scene);

/* Add a solid that belongs to `thing` (or FM_THING_NONE), completing what follows from the rest. */
void fm_scene_add(fm_scene *scene, int thing, fm_solid solid);

/* The ray through a pixel, scaled so that its length along the camera's axis is 1: multiples of it are
 * depths. */
static inline fm_v3 fm_view_ray(const fm_view *view, double u, double v)
{
    double x = (u - view->lens.cx) / view->lens.fx, y = (v - view->lens.cy) / view->lens.fy;

    return v3_along(v3_along(view->forward, x, view->right), y, view->down);
}

fm_v3 fm_view_from_world(const fm_view *view, fm_v3 point);
bool fm_view_project(const fm_view *view, fm_v3 point, double uv[2]); /* false: behind the camera */

#endif
