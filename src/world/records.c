/* Owns how cameras, boxes, points and key steps are written. */
#include "world/records.h"

void fm_record_intrinsics(fm_json_writer *w, const char *key, const fm_camera *k, size_t size)
{
    const double rows[4][4] = {
        {k->fx, 0, k->cx, 0}, {0, k->fy, k->cy, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}};

    fm_json_open(w, key, '[');
    for (size_t i = 0; i < size; i++)
        fm_json_put_vector(w, NULL, rows[i], size);
    fm_json_close(w, ']');
}

void fm_record_rotation(fm_json_writer *w, const char *key, const fm_box *box)
{
    fm_json_open(w, key, '[');
    for (int i = 0; i < 3; i++)
        fm_json_put_vector(w, NULL, box->rotation[i], 3);
    fm_json_close(w, ']');
}

void fm_record_point(fm_json_writer *w, const char *key, const double place[3], bool deep)
{
    const double point[3] = {place[0] * 1000, place[1] * 1000, place[2]};

    fm_json_put_vector(w, key, point, deep ? 3 : 2);
}

static void put_key_step(fm_json_writer *w, const fm_world_step *step)
{
    static const char *const kinds[] = {[FM_WORLD_SCALE] = "Scale",
                                        [FM_WORLD_REFERRING] = "Referring",
                                        [FM_WORLD_MEASURING] = "Measuring"};

    fm_json_open(w, NULL, '{');
    fm_json_put_string(w, "type", kinds[step->kind]);
    fm_json_put_string(w, "target", step->target);
    if (step->kind == FM_WORLD_REFERRING)
        fm_record_point(w, "value", step->value, true);
    else
        fm_json_put_number(w, "value", step->value[0]);
    if (step->kind == FM_WORLD_MEASURING)
        fm_json_put_string(w, "unit", "m");
    fm_json_close(w, '}');
}

void fm_record_key_steps(fm_json_writer *w, const fm_world_question *question)
{
    fm_json_open(w, "key_steps", '[');
    for (int i = 0; i < question->n_steps; i++)
        put_key_step(w, &question->steps[i]);
    fm_json_close(w, ']');
}
