/**
 * From the text of a reply to points and boxes on a picture.
 *
 * A rule names the form of the text, the space and order that the numbers are declared to be in, and
 * what upstream does on the way to a pixel. Nothing is guessed but where a space says so (the later
 * ones of fm_space), and then fm_points says what was taken. The published rules are in a table; a protocol may state another one. Pure functions,
 * thread-safe; time and memory are linear in the reply's size.
 */
#ifndef FATHOM_POINTS_H
#define FATHOM_POINTS_H

#include <stdbool.h>

#include "fathom/reply.h"

#ifdef __cplusplus
extern "C" {
#endif

struct fm_arena;

#define FM_POINTS_MAX 65536 /* a reply with more points or boxes is cut here and `cut` is set */

/* Upstream lists every pixel of a box. More than these are taken for the memory error that it would
 * meet. */
#define FM_POINTS_MAX_PIXELS ((double)(1 << 26))

typedef enum {
    FM_FORM_TUPLES,       /* "(x, y)", no space inside the brackets but after a comma; "(x0, y0, x1,
                             y1)" is a box */
    FM_FORM_PAIRS,        /* "[x, y]" or "(x, y)", spaces anywhere */
    FM_FORM_FIRST_PAIR,   /* the first "(x, y)", else the first "[x, y]", else the first list as a
                             Python literal */
    FM_FORM_XML_NUMBERED, /* x1="..." y1="...": attributes with a number */
    FM_FORM_XML,          /* the same, and x="..." y="..." */
    FM_FORM_JSON_POINT,   /* first ``` fence, [{"point": [.., ..]}, ...] */
    FM_FORM_JSON_POINT_2D, /* the same with "point_2d" */
    FM_FORM_TAG,           /* <point>[[x, y], ...]</point> on one line */
    FM_FORM_AUTO,          /* JSON or a Python literal with "point_2d" or "point", else tuples */
    FM_FORM_JSON_LIST,     /* from the first "[" to the last "]", [{"point": [.., ..]}, ...] */
    FM_FORM_PARENS,        /* "(x, y)", spaces round the comma alone; ".5" is a number */
    FM_FORM_BOXES,         /* "[x0, y0, x1, y1]" or "(...)", spaces anywhere: boxes */
} fm_point_form;

/* What the numbers count. W and H are the picture's size. */
typedef enum {
    FM_SPACE_PIXELS,    /* as written */
    FM_SPACE_1,         /* 0 to 1 */
    FM_SPACE_100,       /* 0 to 100 */
    FM_SPACE_999,       /* 0 to 999 */
    FM_SPACE_1000,      /* 0 to 1000 */
    FM_SPACE_DOT,       /* a decimal point in either number: 0 to 1; else pixels */
    FM_SPACE_DOT_1000,  /* a decimal point in either number: 0 to 1; else 0 to 1000 */
    FM_SPACE_UP_TO_1,   /* each number for itself: up to 1 a share of the side, else a pixel */
    FM_SPACE_AUTO_1000, /* both in [0, 1]: 0 to 1; both in [0, 1000]: 0 to 1000; else pixels */
    FM_SPACE_AUTO, /* by the larger magnitude: up to 1.5 0 to 1; up to 1000 0 to 1000 (in JSON) or
                          pixels (in text); above that pixels */
} fm_space;

typedef enum { FM_ORDER_XY, FM_ORDER_YX } fm_order;

/* From a position on the picture to a pixel. */
typedef enum {
    FM_PIXEL_EXACT,         /* none: the position itself */
    FM_PIXEL_TRUNC,         /* towards zero, as Python's int(): (-1, 0) is in the picture */
    FM_PIXEL_ROUND,         /* to the nearest, halves to even */
    FM_PIXEL_ROUND_CLIPPED, /* into the picture, then to the nearest, halves to even */
} fm_pixel_map;

/* Four numbers in one tuple. */
typedef enum {
    FM_BOX_IGNORED,
    FM_BOX_ROBOREFER, /* always a share of the picture; a reversed box raises */
    FM_BOX_ROBOPOINT, /* by the first number's decimal point; a Python slice of the picture */
    FM_BOX_AUTO,      /* by magnitude; corners are sorted and rounded, pixels clipped */
} fm_box_use;

typedef struct {
    const char *name, *summary, *source;
    fm_point_form form;
    fm_space space;
    fm_order order; /* FM_ORDER_YX: the first number of a pair is y */
    fm_pixel_map pixel;
    fm_box_use boxes;
} fm_points_rule;

typedef struct {
    double x, y;   /* column and row; NaN: an entry that upstream counts and never finds inside */
    double x1, y1; /* boxes: the far corner; of pixels it is excluded */
    bool is_box;
    bool clipped; /* each pixel of the box is moved into the picture before it is looked at */
    fm_span read; /* the part of the reply that it was read from */
} fm_point;

typedef enum {
    FM_POINTS_FOUND,
    FM_POINTS_NONE,
    FM_POINTS_RAISE, /* upstream stops with `raises`; the protocol says what that counts as */
} fm_points_kind;

typedef struct {
    fm_points_kind kind;
    const char *raises; /* Python's exception, static text; NULL otherwise */
    fm_point *items;    /* [n], in the arena; NULL where there is none */
    size_t n;
    size_t
        malformed; /* FM_FORM_TAG, FM_FORM_JSON_LIST: entries that are no pair; they count in n, at
                         NaN */
    unsigned spaces; /* the spaces that were taken, as bits 1u << fm_space */
    bool cut;
} fm_points;

/* The published rules, in the order of the table in docs/answers.md; NULL past the end, or for an
 * unknown name. */
FM_API const fm_points_rule *fm_points_rule_at(size_t i);
FM_API const fm_points_rule *fm_points_rule_find(const char *name);

/* Read `reply` on a picture of width x height pixels (at least 1 each). Fails with FM_E_NOMEM only. */
FM_API FM_MUST_CHECK fm_status fm_points_read(const fm_points_rule *rule, fm_span reply, int width,
                                              int height, struct fm_arena *arena, fm_points *out,
                                              fm_err *err);

/* The points as a path [n][2] in the arena, in order. NULL where there is none, a box among them, a
 * malformed entry, or no memory. */
FM_API double (*fm_points_path(const fm_points *points, struct fm_arena *arena))[2];

/* Stable names: "px", "n1", "n100", "n999", "n1000", "dot", "dot1000", "upto1", "auto1000", "auto". */
FM_API const char *fm_space_name(fm_space space);

/* The polygon that RoboSpatial-Home's answer column lists, "[(x, y), ...]", as Python's literal_eval
 * reads it: [*n][2] in the arena, in the order listed. FM_E_INPUT where it is no list of at least three
 * pairs. */
FM_API FM_MUST_CHECK fm_status fm_points_polygon(fm_span answer, struct fm_arena *arena,
                                                 double (**vertices)[2], size_t *n, fm_err *err);

#ifdef __cplusplus
}
#endif
#endif
