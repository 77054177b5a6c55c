/* Questions of a small model on three threads while another cancels, for the sanitizers: every call ends in
 * an answer, in part of one or in its cancellation, and the last one, which nobody disturbs, is what the
 * first was. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "robotracer.h"

enum { CALLS = 60, TOGETHER = 3, SIDE = 30 };

static atomic_bool over;

static void must(bool holds, const char *what, const char *detail)
{
    if (holds)
        return;
    fprintf(stderr, "stress: %s: %s\n", what, detail);
    exit(1);
}

static void *disturb(void *context)
{
    for (long wait_ns = 1000; !atomic_load(&over); wait_ns = wait_ns * 7 % 3000017) {
        nanosleep(&(struct timespec){0, wait_ns}, NULL);
        rt_cancel(context);
    }
    return NULL;
}

static void ask(rt_model *model, bool disturbed, rt_answer answers[TOGETHER])
{
    static uint8_t rgb[SIDE * SIDE * 3];
    static const rt_question questions[TOGETHER] = {
        {.text = "Where is the cup?", .max_answer_tokens = 12},
        {.text = "Point.", .form = RT_FORM_TRACE3D, .max_answer_tokens = 16},
        {.text = "Say something.", .temperature = 1, .max_answer_tokens = 8},
    };
    const rt_picture picture = {.rgb = rgb, .width = SIDE, .height = SIDE};
    rt_scene *scene = NULL;
    rt_err err = {0};
    rt_status st = rt_scene_new(&scene, model, &picture, 1, &err);

    if (st == RT_OK)
        st = rt_ask(scene, questions, TOGETHER, NULL, answers, &err);
    must(st == RT_OK || (disturbed && st == RT_E_CANCELLED), "a call failed", err.text);
    rt_scene_free(scene);
}

static void release(rt_answer answers[TOGETHER])
{
    for (int i = 0; i < TOGETHER; i++)
        rt_answer_release(&answers[i]);
}

int main(void)
{
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char folder[1024];
    rt_model *model = NULL;
    rt_answer first[TOGETHER] = {0}, last[TOGETHER] = {0};
    rt_err err = {0};
    pthread_t other;

    snprintf(folder, sizeof(folder), "%s/tests/data/engine/tiny-robotracer", source ? source : ".");
    must(rt_model_open(&model, folder, &(rt_model_options){.threads = 3}, &err) == RT_OK,
         "no model", err.text);
    ask(model, false, first);
    must(pthread_create(&other, NULL, disturb, model) == 0, "no thread", "pthread_create");
    for (int i = 0; i < CALLS; i++) {
        rt_answer answers[TOGETHER] = {0};

        ask(model, true, answers);
        release(answers);
    }
    atomic_store(&over, true);
    pthread_join(other, NULL);
    ask(model, false, last);
    for (int i = 0; i < TOGETHER; i++)
        must(strcmp(first[i].text, last[i].text) == 0, "another answer", last[i].text);
    release(first);
    release(last);
    rt_model_close(model);
    return 0;
}
