/* Every allocation of a scene and its answers fails in turn, and many of those of opening a model: what
 * fails says so in a line and leaves a model that still answers. */
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "robotracer.h"
#include "support/torture.h"

enum { SIDE = 24, QUESTIONS = 2 };

static struct {
    rt_model *model;
    rt_scene *scene;
    rt_answer answers[QUESTIONS];
    char *right[QUESTIONS]; /* the texts without failures */
} of;

static fm_status as_base(rt_status st, const rt_err *from, fm_err *err)
{
    if (st == RT_OK)
        return FM_OK;
    return fm_fail(err,
                   st == RT_E_NOMEM ? FM_E_NOMEM
                   : st == RT_E_IO  ? FM_E_IO
                                    : FM_E_INTERNAL,
                   "%s", from->text);
}

static fm_status open_tiny(fm_err *err)
{
    const char *source = getenv("FATHOM_SOURCE_DIR");
    char folder[1024];
    rt_err said = {0};

    snprintf(folder, sizeof(folder), "%s/tests/data/engine/tiny-robotracer", source ? source : ".");
    return as_base(rt_model_open(&of.model, folder, &(rt_model_options){.threads = 1}, &said),
                   &said, err);
}

static fm_status look_and_ask(fm_err *err)
{
    static const char *const options[] = {"yes", "no"};
    static uint8_t rgb[SIDE * SIDE * 3];
    static const rt_question questions[QUESTIONS] = {
        {.text = "Point.", .form = RT_FORM_TRACE3D, .max_answer_tokens = 6, .beginning = "[("},
        {.text = "Near?", .options = options, .n_options = 2, .max_answer_tokens = 4},
    };
    const rt_picture picture = {.rgb = rgb, .width = SIDE, .height = SIDE};
    rt_err said = {0};
    rt_status st = rt_scene_new(&of.scene, of.model, &picture, 1, &said);

    if (st == RT_OK)
        st = rt_ask(of.scene, questions, QUESTIONS, NULL, of.answers, &said);
    return as_base(st, &said, err);
}

static void check(long n)
{
    for (size_t i = 0; i < QUESTIONS; i++) {
        if (!of.right[i])
            of.right[i] = strdup(of.answers[i].text);
        cr_expect(eq(str, of.answers[i].text, of.right[i]), "allocation %ld", n);
    }
}

static void clean(void)
{
    for (size_t i = 0; i < QUESTIONS; i++)
        rt_answer_release(&of.answers[i]);
    rt_scene_free(of.scene);
    of.scene = NULL;
}

Test(no_memory_engine, a_scene_and_its_answers)
{
    cr_assert(open_tiny(NULL) == FM_OK);
    cr_assert(look_and_ask(NULL) == FM_OK);
    check(0);
    clean();
    long made = torture(&(work){NULL, look_and_ask, check, clean});
    cr_expect(gt(long, made, 50));
    rt_model_close(of.model);
    for (size_t i = 0; i < QUESTIONS; i++)
        free(of.right[i]);
}

/* Reading a vocabulary makes thousands alike: the first ones all, then one in 41. */
Test(no_memory_engine, opening_a_model)
{
    long tried = 0;

    for (long n = 1;; n += n < 60 ? 1 : 41, tried++) {
        fm_err err = {0};

        failed = false;
        countdown = n;
        fm_status st = open_tiny(&err);
        countdown = 0;
        cr_assert(st == FM_OK || st == FM_E_NOMEM || st == FM_E_IO, "allocation %ld: %s", n,
                  err.text);
        cr_assert(eq(int, st == FM_OK, err.text[0] == '\0'));
        if (st == FM_OK)
            rt_model_close(of.model);
        if (!failed)
            break;
    }
    cr_expect(gt(long, tried, 80));
}
