/* Any bytes as a scene's record: refused with one line that names it, or counts and numbers within their
 * bounds. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "train/scene_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_question(const fm_world_question *q, const tr_scene_words *words)
{
    require(q->family < FM_WORLD_FAMILIES && q->form < FM_WORLD_FORMS);
    require(q->n_points >= 0 && q->n_points <= FM_WORLD_POINTS_MAX);
    require(q->n_steps >= 0 && q->n_steps <= FM_WORLD_STEPS_MAX);
    require(q->right >= 0 && q->right < FM_WORLD_OPTIONS_MAX);
    require(words->prompt && words->reasoning && memchr(q->answer, 0, sizeof(q->answer)));
    for (int i = 0; i < q->n_points; i++)
        require(isfinite(q->points[i][0]) && isfinite(q->points[i][1]) &&
                isfinite(q->points[i][2]));
    for (int i = 0; i < q->n_steps; i++)
        require(memchr(q->steps[i].target, 0, sizeof(q->steps[i].target)) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fm_world_scene scene;
    static tr_scene_words words[FM_WORLD_QUESTIONS_MAX];
    fm_arena arena = {0};
    cJSON *root = NULL;
    fm_err err = {0};

    if (fm_json_parse((const char *)data, size, "fuzz", &root, &err) != FM_OK)
        return 0;
    if (tr_scene_record_read(root, "fuzz", &arena, &scene, words, &err) != FM_OK) {
        require(err.code == FM_E_INPUT && strncmp(err.text, "fuzz:", 5) == 0);
        require(!strchr(err.text, '\n'));
    } else {
        require(scene.n_objects <= FM_WORLD_OBJECTS_MAX && scene.scale > 0 && scene.camera.fx > 0 &&
                scene.camera.fy > 0);
        require(scene.n_questions <= FM_WORLD_QUESTIONS_MAX);
        for (int i = 0; i < scene.n_objects; i++)
            require(scene.objects[i].kind && isfinite(scene.objects[i].centre[2]));
        for (int i = 0; i < scene.n_questions; i++)
            check_question(&scene.questions[i], &words[i]);
    }
    cJSON_Delete(root);
    fm_arena_release(&arena);
    return 0;
}
