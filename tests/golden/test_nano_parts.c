/* The model that comes with fathom, whole and with a part of it zeroed, on scenes that no training has seen:
 * without its spatial encoder or its picture it points elsewhere, and without any of them it no longer
 * knows the scene's scale. It is opened from a folder, as any model is. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "base/files.h"
#include "base/size.h"
#include "fathom/world.h"
#include "robotracer.h"
#include "support/scratch.h"

enum { SCENES = 16, ANSWER_TOKENS = 160, MOST_PART_BYTES = 64 << 20 };

static char parts[FM_PATH_BYTES]; /* where the model lies */

static void begin(void)
{
    const char *source = getenv("FATHOM_SOURCE_DIR");

    scratch_make();
    snprintf(parts, sizeof(parts), "%s/models/robotracer-nano", source ? source : ".");
}

TestSuite(nano_parts, .init = begin, .fini = scratch_remove);

/* ---- a model without a part ---- */

/* The tensors' bytes of a safetensors file, behind the header that its first eight bytes count. */
static void zero_weights(fm_buf *file)
{
    uint64_t header = 0;

    for (int i = 7; i >= 0; i--)
        header = header << 8 | (uint8_t)file->data[i];
    cr_assert(lt(u64, header + 8, file->size));
    memset(file->data + 8 + header, 0, file->size - 8 - (size_t)header);
}

static void copy_file(const char *folder, const char *name, bool zeroed)
{
    char from[FM_PATH_BYTES], to[FM_PATH_BYTES];
    fm_buf file = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_path_join(from, parts, name, &err), FM_OK));
    cr_assert(eq(int, fm_path_join(to, folder, name, &err), FM_OK));
    cr_assert(eq(int, fm_file_read(from, MOST_PART_BYTES, &file, &err), FM_OK), "%s", err.text);
    if (zeroed)
        zero_weights(&file);
    cr_assert(eq(int, fm_file_write_atomic(to, file.data, file.size, &err), FM_OK), "%s", err.text);
    fm_buf_release(&file);
}

/* zeroed: the part whose weights are nothing, or "". */
static rt_model *open_without(const char *zeroed)
{
    static const char *const names[] = {
        "llm",          "vision_tower", "mm_projector", "spatial_encoder", "spatial_projector",
        "scale_decoder"};
    const char *folder = scratch_path("model");
    char path[FM_PATH_BYTES], file[64];
    rt_model *model = NULL;
    rt_err err;

    for (size_t i = 0; i < FM_COUNT_OF(names); i++) {
        cr_assert(eq(int, fm_path_join(path, folder, names[i], NULL), FM_OK));
        cr_assert(eq(int, fm_dir_make(path, NULL), FM_OK));
        snprintf(file, sizeof(file), "%s/model.safetensors", names[i]);
        copy_file(folder, file, strcmp(names[i], zeroed) == 0);
    }
    copy_file(folder, "config.json", false);
    copy_file(folder, "llm/vocab.json", false);
    copy_file(folder, "llm/merges.txt", false);
    copy_file(folder, "llm/tokenizer_config.json", false);
    cr_assert(eq(int, rt_model_open(&model, folder, NULL, &err), RT_OK), "%s", err.text);
    return model;
}

/* ---- what it answers ---- */

typedef struct {
    char answers[SCENES][1024]; /* with the reasoning before them */
    int n, hits;                /* hits: points that lie on the thing that is meant */
    double scale_error;         /* mean of |log s - log s*| */
} outcome;

static rt_picture picture_of(const fm_world_scene *scene)
{
    return (rt_picture){.rgb = scene->rgb,
                        .width = scene->width,
                        .height = scene->height,
                        .depth_m = scene->depth,
                        .has_intrinsics = true,
                        .fx = scene->camera.fx,
                        .fy = scene->camera.fy,
                        .cx = scene->camera.cx,
                        .cy = scene->camera.cy};
}

static bool on_subject(const fm_world_scene *scene, const fm_world_question *q, const char *answer)
{
    const char *thought = strstr(answer, "</think><answer>");
    int x, y;

    if (!thought || sscanf(thought, "</think><answer>[(%d, %d)]", &x, &y) != 2 || x < 0 ||
        x >= 1000 || y < 0 || y >= 1000)
        return false;
    x = x * scene->width / 1000;
    y = y * scene->height / 1000;
    return scene->ids[y * scene->width + x] == q->subject + 1;
}

static void ask_about(rt_model *model, const fm_world_scene *scene, outcome *out)
{
    const rt_picture picture = picture_of(scene);
    rt_scene *seen = NULL;
    rt_err err;

    cr_assert(eq(int, rt_scene_new(&seen, model, &picture, 1, &err), RT_OK), "%s", err.text);
    for (int k = 0; k < scene->n_questions; k++) {
        const fm_world_question *q = &scene->questions[k];
        rt_answer answer = {0};
        char prompt[2048];

        fm_world_prompt(q, 0, prompt, sizeof(prompt));
        cr_assert(
            eq(int,
               rt_ask(seen, &(rt_question){.text = prompt, .max_answer_tokens = ANSWER_TOKENS}, 1,
                      NULL, &answer, &err),
               RT_OK),
            "%s", err.text);
        cr_assert(answer.has_scale && out->n < (int)FM_COUNT_OF(out->answers));
        snprintf(out->answers[out->n++], sizeof(out->answers[0]), "%s", answer.text);
        out->hits += on_subject(scene, q, answer.text);
        out->scale_error += fabs(log(answer.scale) - log(scene->scale));
        rt_answer_release(&answer);
    }
    rt_scene_free(seen);
}

/* Nothing is seen: a black picture without a depth. */
static void darken(fm_world_scene *scene)
{
    size_t n = (size_t)scene->width * (size_t)scene->height;

    memset(scene->rgb, 0, n * 3);
    for (size_t i = 0; i < n; i++)
        scene->depth[i] = 0;
}

static outcome ask_all(const char *zeroed, bool dark)
{
    rt_model *model = open_without(zeroed);
    fm_world_settings settings = fm_world_default_settings();
    fm_world_scene scene = {0};
    outcome out = {0};
    fm_err err = {0};

    settings.split = FM_WORLD_TEST;
    settings.width = 128;
    settings.height = 96;
    settings.places = 1U << FM_WORLD_TABLETOP;
    settings.families = 1U << FM_WORLD_FAMILY_REFERRING;
    settings.forms = 1U << FM_WORLD_POINT_2D;
    settings.easy_names = true;
    for (size_t i = 0; i < SCENES; i++) {
        cr_assert(eq(int, fm_world_scene_make(&settings, i, &scene, &err), FM_OK), "%s", err.text);
        if (dark)
            darken(&scene);
        ask_about(model, &scene, &out);
    }
    cr_assert(eq(int, out.n, SCENES));
    out.scale_error /= out.n;
    fm_world_scene_release(&scene);
    rt_model_close(model);
    return out;
}

static int changed(const outcome *a, const outcome *b)
{
    int n = 0;

    cr_assert(eq(int, a->n, b->n));
    for (int i = 0; i < a->n; i++)
        n += strcmp(a->answers[i], b->answers[i]) != 0;
    return n;
}

/* ---- the parts ---- */

Test(nano_parts, each_changes_answers_and_takes_pointing_and_scale_along)
{
    const outcome whole = ask_all("", false);
    const outcome no_spatial = ask_all("spatial_encoder", false);
    const outcome no_scale = ask_all("scale_decoder", false);
    const outcome dark = ask_all("", true);

    cr_log_info(
        "error of the scale %.3f; without spatial encoder %.3f, without scale decoder %.3f, of "
        "a dark picture %.3f",
        whole.scale_error, no_spatial.scale_error, no_scale.scale_error, dark.scale_error);
    cr_log_info("points on the thing, of %d: %d; %d, %d, %d", whole.n, whole.hits, no_spatial.hits,
                no_scale.hits, dark.hits);
    cr_expect(gt(int, 2 * changed(&whole, &no_spatial), whole.n));
    cr_expect(gt(int, 2 * changed(&whole, &dark), whole.n));
    cr_expect(gt(int, 2 * whole.hits, whole.n));
    cr_expect(lt(int, 4 * no_spatial.hits, whole.hits));
    cr_expect(lt(int, 4 * dark.hits, whole.hits));
    cr_expect(lt(dbl, whole.scale_error, 0.1));
    cr_expect(lt(dbl, 2 * whole.scale_error, no_spatial.scale_error));
    cr_expect(lt(dbl, 2 * whole.scale_error, no_scale.scale_error));
    cr_expect(lt(dbl, 2 * whole.scale_error, dark.scale_error));
}
