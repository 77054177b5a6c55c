/**
 * The ray caster: from a scene to what a camera would see of it.
 *
 * Every pixel is cast once through its centre, which gives colour, depth and what was hit; pixels
 * on an edge or a sharp change of colour are cast four more times. All results are functions of the
 * scene alone, to the last bit.
 */
#ifndef FM_WORLD_RENDER_H
#define FM_WORLD_RENDER_H

#include "fathom/raster.h"
#include "world/scene.h"

/* What a ray can hit besides solids, as negative indices. */
enum { FM_HIT_FLOOR = -1, FM_HIT_WALL = -2, FM_HIT_SKY = -3 };

/* One frame: [height][width] each. Owned; start as {0}, release at the end. */
typedef struct {
    int width, height;
    double *depth;   /* metres along the camera's axis */
    double *facing;  /* cosine between the surface's normal and the ray back to the camera */
    int16_t *solid;  /* index, or FM_HIT_... */
    float (*rgb)[3]; /* as displayed, 0 .. 1 */
} fm_frame;

void fm_frame_release(fm_frame *frame);

typedef struct fm_caster fm_caster; /* a scene made ready for casting; borrows the scene */

FM_MUST_CHECK fm_status fm_caster_new(fm_caster **out, const fm_scene *scene, fm_err *err);
void fm_caster_free(fm_caster *caster);

/* Fill the frame's depth and solid; then its facing and rgb. */
FM_MUST_CHECK fm_status fm_caster_look(const fm_caster *caster, fm_frame *frame, fm_err *err);
FM_MUST_CHECK fm_status fm_caster_paint(const fm_caster *caster, fm_frame *frame, fm_err *err);

#endif
