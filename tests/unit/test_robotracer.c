/* Scenes, questions asked together and one after another, forms, options, limits, cancelling and folders
 * that are broken: the engine as robotracer.h has it, on a small model of random weights. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <math.h>
#include <string.h>

#include "base/files.h"
#include "base/size.h"
#include "base/text.h"
#include "engine/init.h"
#include "fathom/answers.h"
#include "robotracer.h"
#include "support/scratch.h"

enum { SIDE = 40, POSITIONS = 512 };

/* ---- a model, a picture ---- */

static const char *tiny(void)
{
    static char path[FM_PATH_BYTES];
    const char *source = getenv("FATHOM_SOURCE_DIR");

    snprintf(path, sizeof(path), "%s/tests/data/engine/tiny-robotracer", source ? source : ".");
    return path;
}

static rt_model *open_with(const rt_model_options *options)
{
    rt_model *model = NULL;
    rt_err err = {0};

    cr_assert(rt_model_open(&model, tiny(), options, &err) == RT_OK, "%s", err.text);
    return model;
}

static rt_model *open_tiny(void)
{
    return open_with(&(rt_model_options){.threads = 1});
}

/* A slope of colours, and what a camera might know of it. */
static rt_picture picture(void)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    static float depth[SIDE * SIDE];

    for (int i = 0; i < SIDE * SIDE; i++) {
        rgb[3 * i] = (uint8_t)(i % SIDE * 6);
        rgb[3 * i + 1] = (uint8_t)(i / SIDE * 6);
        rgb[3 * i + 2] = (uint8_t)(i * 37);
        depth[i] = i % 11 ? 1 + (float)i / (SIDE * SIDE) : 0;
    }
    return (rt_picture){.rgb = rgb,
                        .width = SIDE,
                        .height = SIDE,
                        .depth_m = depth,
                        .has_intrinsics = true,
                        .fx = 40,
                        .fy = 40,
                        .cx = 19.5,
                        .cy = 19.5};
}

static rt_scene *look(rt_model *model)
{
    rt_scene *scene = NULL;
    rt_err err = {0};
    rt_picture p = picture();

    cr_assert(rt_scene_new(&scene, model, &p, 1, &err) == RT_OK, "%s", err.text);
    return scene;
}

static void ask(rt_scene *scene, const rt_question *questions, size_t n, rt_answer *answers)
{
    rt_err err = {0};

    cr_assert(rt_ask(scene, questions, n, NULL, answers, &err) == RT_OK, "%s", err.text);
}

static rt_answer ask_one(rt_scene *scene, rt_question question)
{
    rt_answer answer = {0};

    ask(scene, &question, 1, &answer);
    return answer;
}

static void release(rt_answer *answers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rt_answer_release(&answers[i]);
}

/* To the last bit, but for what was reused and how long it took. */
static void same(const rt_answer *a, const rt_answer *b, size_t n_options)
{
    cr_expect(eq(str, a->text, b->text));
    cr_expect(eq(sz, a->size, b->size));
    cr_expect(eq(int, a->finish, b->finish));
    cr_expect(eq(int, a->has_scale, b->has_scale));
    cr_expect(a->scale == b->scale, "%.17g and %.17g", a->scale, b->scale);
    cr_expect(eq(int, a->prompt_tokens, b->prompt_tokens));
    cr_expect(eq(int, a->answer_tokens, b->answer_tokens));
    for (size_t i = 0; i < n_options; i++)
        cr_expect(a->log_probabilities[i] == b->log_probabilities[i], "option %zu: %.17g and %.17g",
                  i, a->log_probabilities[i], b->log_probabilities[i]);
}

static const char *const options[] = {"yes", "no", "nothing", "n"};

/* Of every kind. */
static const rt_question all[] = {
    {.text = "Where is the cup?", .max_answer_tokens = 20},
    {.text = "And where the plate that stands next to it?", .max_answer_tokens = 25},
    {.text = "Point the trace.", .form = RT_FORM_TRACE3D, .max_answer_tokens = 30},
    {.text = "Point it.", .form = RT_FORM_TRACE2D, .beginning = "[(5", .max_answer_tokens = 20},
    {.text = "Is it near?",
     .form = RT_FORM_CHOICE,
     .options = options,
     .n_options = FM_COUNT_OF(options)},
    {.text = "Say something.", .temperature = 1.5, .seed = 3, .max_answer_tokens = 25},
    {.text = "Say something.",
     .temperature = 1,
     .top_p = 0.9,
     .top_k = 40,
     .seed = 4,
     .max_answer_tokens = 10},
};
enum { ALL = FM_COUNT_OF(all) };

static size_t options_of(size_t question)
{
    return all[question].n_options;
}

/* ---- what a folder holds ---- */

Test(robotracer, a_folder_is_described)
{
    rt_model *model = open_tiny();
    rt_description d;

    rt_model_describe(model, &d);
    cr_expect(eq(str, (char *)d.name, "tiny-robotracer"));
    cr_expect(eq(str, (char *)d.architecture,
                 "Qwen2 32 k, SigLIP 13 k, MapAnything v1 45 k, scale decoder 1 k"));
    cr_expect(eq(str, (char *)d.weights, "bf16"));
    cr_expect(d.sees && d.spatial && d.scale && !d.depth);
    cr_expect(eq(int, d.vocabulary, 260));
    cr_expect(eq(int, d.max_tokens, POSITIONS));
    cr_expect(eq(int, d.threads, 1));
    cr_expect(gt(u64, d.parameters, 90000));
    cr_expect(gt(u64, d.weight_bytes, d.parameters));
    rt_model_close(model);
}

/* ---- scenes and questions ---- */

Test(robotracer, the_second_question_reuses_the_scene)
{
    rt_model *model = open_tiny();
    rt_scene *scene = look(model), *fresh = look(model);
    rt_answer first = ask_one(scene, all[0]), second = ask_one(scene, all[1]);
    rt_answer alone = ask_one(fresh, all[1]);

    cr_expect(eq(int, first.reused_tokens, 0));
    cr_expect(gt(int, second.reused_tokens, 40));
    cr_expect(lt(int, second.reused_tokens, second.prompt_tokens));
    cr_expect(eq(int, alone.reused_tokens, 0));
    same(&second, &alone, 0);
    cr_expect(first.vision_s > 0 && first.spatial_s > 0 && first.prefill_s > 0);
    rt_answer_release(&first);
    rt_answer_release(&second);
    rt_answer_release(&alone);
    rt_scene_free(scene);
    rt_scene_free(fresh);
    rt_model_close(model);
}

Test(robotracer, together_and_apart_are_the_same)
{
    static const char *const isas[] = {"generic", NULL};

    for (size_t k = 0; k < FM_COUNT_OF(isas); k++) {
        rt_model *model = open_with(&(rt_model_options){.threads = 1, .isa = isas[k]});
        rt_scene *scene = look(model);
        rt_answer together[ALL] = {0};

        ask(scene, all, ALL, together);
        for (size_t i = 0; i < ALL; i++) {
            rt_answer apart = ask_one(scene, all[i]);

            same(&together[i], &apart, options_of(i));
            rt_answer_release(&apart);
        }
        release(together, ALL);
        rt_scene_free(scene);
        rt_model_close(model);
    }
}

Test(robotracer, any_number_of_threads_gives_the_same)
{
    static const rt_weight_kind kinds[] = {RT_WEIGHTS_AS_STORED, RT_WEIGHTS_Q8};

    for (size_t k = 0; k < FM_COUNT_OF(kinds); k++) {
        rt_answer one[ALL] = {0};

        for (int threads = 1; threads <= 3; threads++) {
            rt_answer answers[ALL] = {0};
            rt_model *model = open_with(&(rt_model_options){
                .threads = threads, .weights = kinds[k], .int8_activations = k > 0});
            rt_scene *scene = look(model);

            ask(scene, all, ALL, answers);
            for (size_t i = 0; i < ALL && threads > 1; i++)
                same(&one[i], &answers[i], options_of(i));
            if (threads == 1)
                memcpy(one, answers, sizeof(one));
            else
                release(answers, ALL);
            rt_scene_free(scene);
            rt_model_close(model);
        }
        release(one, ALL);
    }
}

Test(robotracer, text_alone_has_no_scale_and_pictures_have_one)
{
    rt_model *model = open_tiny();
    rt_scene *words = NULL, *scene = look(model), *three = NULL, *flat = NULL;
    rt_picture pictures[] = {picture(), picture(), picture()}, alone = picture();

    cr_assert(rt_scene_new(&words, model, NULL, 0, NULL) == RT_OK);
    cr_assert(rt_scene_new(&three, model, pictures, 3, NULL) == RT_OK);
    alone.rgb_alone = true;
    cr_assert(rt_scene_new(&flat, model, &alone, 1, NULL) == RT_OK);
    rt_answer answer = ask_one(words, all[0]), seen = ask_one(scene, all[0]),
              thrice = ask_one(three, all[0]), rgb = ask_one(flat, all[0]);
    cr_expect(eq(int, answer.has_scale, false));
    cr_expect(seen.has_scale && seen.scale > 0 && isfinite(seen.scale));
    cr_expect(thrice.has_scale && thrice.scale > 0);
    cr_expect(lt(int, answer.prompt_tokens, rgb.prompt_tokens));
    cr_expect(lt(int, rgb.prompt_tokens, seen.prompt_tokens));
    cr_expect(rgb.scale != seen.scale);
    rt_answer_release(&rgb);
    rt_scene_free(flat);
    rt_answer_release(&answer);
    rt_answer_release(&seen);
    rt_answer_release(&thrice);
    rt_scene_free(words);
    rt_scene_free(scene);
    rt_scene_free(three);
    rt_model_close(model);
}

Test(robotracer, another_system_message_is_read_anew)
{
    rt_model *model = open_tiny();
    rt_scene *scene = look(model);
    rt_question brief = {.text = "Where?", .system = "Be brief.", .max_answer_tokens = 10};
    rt_question both[] = {brief, {.text = "Where?"}};
    rt_answer own = ask_one(scene, all[0]), other = ask_one(scene, brief),
              again = ask_one(scene, brief), none[2] = {0};
    rt_err err = {0};

    cr_expect(eq(int, own.reused_tokens, 0));
    cr_expect(eq(int, other.reused_tokens, 0));
    cr_expect(gt(int, again.reused_tokens, 0));
    same(&other, &again, 0);
    cr_assert(rt_ask(scene, both, 2, NULL, none, &err) == RT_E_USAGE);
    cr_expect(
        eq(str, err.text, "question 2 has another system message than the first: ask them apart"));
    cr_expect(none[0].text == NULL && none[1].text == NULL);
    rt_answer_release(&own);
    rt_answer_release(&other);
    rt_answer_release(&again);
    rt_scene_free(scene);
    rt_model_close(model);
}

Test(robotracer, a_seed_draws_the_same_and_another_draws_otherwise)
{
    rt_model *model = open_tiny();
    rt_scene *scene = look(model);
    rt_question question = all[5];
    rt_answer a = ask_one(scene, question), b = ask_one(scene, question);

    question.seed++;
    rt_answer other = ask_one(scene, question);
    same(&a, &b, 0);
    cr_expect(ne(str, a.text, other.text));
    rt_answer_release(&a);
    rt_answer_release(&b);
    rt_answer_release(&other);
    rt_scene_free(scene);
    rt_model_close(model);
}

/* ---- forms and options ---- */

Test(robotracer, answers_keep_to_their_forms)
{
    rt_model *model = open_tiny();
    rt_scene *scene = look(model);

    for (uint64_t seed = 0; seed < 6; seed++) {
        rt_question trace = {.text = "Point.",
                             .form = seed % 2 ? RT_FORM_TRACE3D : RT_FORM_TRACE2D,
                             .temperature = 2,
                             .seed = seed,
                             .max_answer_tokens = 400};
        rt_question choice = all[4];
        fm_trace_answer read = {0};

        choice.temperature = 2;
        choice.seed = seed;
        rt_question both[] = {trace, choice};
        rt_answer answers[2] = {0};
        ask(scene, both, 2, answers);
        cr_assert(eq(int,
                     fm_answers_parse_trace(FM_ANSWERS_TUPLES, answers[0].text, answers[0].size,
                                            &read, NULL),
                     FM_OK));
        cr_expect(gt(sz, read.n, 0), "%s", answers[0].text);
        bool one = false;
        for (size_t i = 0; i < FM_COUNT_OF(options); i++)
            one = one || strcmp(answers[1].text, options[i]) == 0;
        cr_expect(one, "%s", answers[1].text);
        cr_expect(eq(int, answers[1].finish, RT_FINISH_STOP));
        fm_trace_answer_release(&read);
        release(answers, 2);
    }
    rt_scene_free(scene);
    rt_model_close(model);
}

Test(robotracer, a_form_that_is_whole_from_the_start_ends_at_once)
{
    rt_model *model = open_tiny();
    rt_scene *scene = look(model);
    rt_question question = all[4];

    question.beginning = "yes";
    rt_answer answer = ask_one(scene, question);
    cr_expect(eq(str, answer.text, "yes"));
    cr_expect(eq(int, answer.finish, RT_FINISH_STOP));
    cr_expect(eq(int, answer.answer_tokens, 0));
    cr_expect(answer.log_probabilities != NULL);
    rt_answer_release(&answer);
    rt_scene_free(scene);
    rt_model_close(model);
}

/* log p(ab) = log p(a) + log p(b after a), where a is made to begin the answer. */
Test(robotracer, an_option_is_as_likely_as_its_tokens_in_turn)
{
    static const char *const whole[] = {"yes"}, *const first[] = {"y"}, *const second[] = {"e"},
                             *const third[] = {"s"};
    rt_model *model = open_with(&(rt_model_options){.threads = 1, .weights = RT_WEIGHTS_F32});
    rt_scene *scene = look(model);
    const rt_question questions[] = {
        {.text = "?", .options = whole, .n_options = 1, .max_answer_tokens = 1},
        {.text = "?", .options = first, .n_options = 1, .max_answer_tokens = 1},
        {.text = "?", .options = second, .n_options = 1, .beginning = "y", .max_answer_tokens = 1},
        {.text = "?", .options = third, .n_options = 1, .beginning = "ye", .max_answer_tokens = 1},
    };
    rt_answer answers[4] = {0};

    ask(scene, questions, 4, answers);
    double sum = 0;
    for (size_t i = 1; i < 4; i++) {
        cr_expect(lt(dbl, answers[i].log_probabilities[0], 0));
        sum += answers[i].log_probabilities[0];
    }
    cr_expect(fabs(answers[0].log_probabilities[0] - sum) < 1e-4, "%g, not %g",
              answers[0].log_probabilities[0], sum);
    release(answers, 4);
    rt_scene_free(scene);
    rt_model_close(model);
}

/* Every token of one byte is as likely as the others leave it: together they and the rest are one. */
Test(robotracer, probabilities_of_all_first_tokens_sum_to_nearly_one)
{
    static char bytes[127][2];
    const char *texts[127];
    rt_model *model = open_tiny();
    rt_scene *scene = look(model);
    double sum = 0;

    for (int i = 0; i < 127; i++) {
        bytes[i][0] = (char)(i + 1);
        texts[i] = bytes[i];
    }
    rt_answer answer = ask_one(
        scene,
        (rt_question){.text = "?", .options = texts, .n_options = 127, .max_answer_tokens = 1});
    for (int i = 0; i < 127; i++)
        sum += exp(answer.log_probabilities[i]);
    cr_expect(sum > 0.05 && sum < 1, "%g", sum);
    rt_answer_release(&answer);
    rt_scene_free(scene);
    rt_model_close(model);
}

/* ---- streams, stops, cancelling ---- */

typedef struct {
    fm_buf heard[ALL];
    rt_model *cancels;
    size_t after; /* bytes of the first question after which something is done */
    bool refuses;
} listening;

static bool hear(void *context, size_t question, const char *text, size_t size)
{
    listening *l = context;

    cr_assert(size > 0);
    cr_expect(fm_utf8_valid(text, size));
    fm_buf_append(&l->heard[question], text, size);
    bool now = question == 0 && l->after > 0 && l->heard[0].size >= l->after;
    if (now && l->cancels)
        rt_cancel(l->cancels);
    return !(now && l->refuses);
}

static void forget(listening *l)
{
    for (size_t i = 0; i < ALL; i++)
        fm_buf_release(&l->heard[i]);
}

Test(robotracer, a_listener_hears_the_whole_answer)
{
    rt_model *model = open_tiny();
    rt_scene *scene = look(model);
    listening heard = {0};
    rt_answer answers[ALL] = {0};

    cr_assert(rt_ask(scene, all, ALL, &(rt_listener){hear, &heard}, answers, NULL) == RT_OK);
    for (size_t i = 0; i < ALL; i++)
        cr_expect(eq(str, (char *)fm_buf_text(&heard.heard[i]), answers[i].text));
    forget(&heard);
    release(answers, ALL);
    rt_scene_free(scene);
    rt_model_close(model);
}

Test(robotracer, a_stop_string_ends_an_answer)
{
    rt_model *model = open_tiny();
    rt_scene *scene = look(model);
    rt_answer whole = ask_one(scene, all[0]);
    char stop[3] = {0};

    cr_assert(gt(sz, whole.size, 8));
    memcpy(stop, whole.text + 5, 2);
    const char *stops[] = {"not in it at all", stop};
    rt_question question = all[0];
    question.stops = stops;
    question.n_stops = 2;
    rt_answer cut = ask_one(scene, question);
    cr_expect(eq(sz, cut.size, (size_t)(strstr(whole.text, stop) - whole.text)));
    cr_expect(strncmp(cut.text, whole.text, cut.size) == 0);
    cr_expect(eq(int, cut.finish, RT_FINISH_STOP));
    rt_answer_release(&whole);
    rt_answer_release(&cut);
    rt_scene_free(scene);
    rt_model_close(model);
}

Test(robotracer, a_listener_ends_one_answer_and_not_the_others)
{
    rt_model *model = open_tiny();
    rt_scene *scene = look(model);
    listening first = {.after = 4, .refuses = true};
    rt_answer answers[2] = {0}, whole[2] = {0};

    ask(scene, all, 2, whole);
    cr_assert(rt_ask(scene, all, 2, &(rt_listener){hear, &first}, answers, NULL) == RT_OK);
    cr_expect(eq(int, answers[0].finish, RT_FINISH_CANCELLED));
    cr_expect(lt(int, answers[0].answer_tokens, whole[0].answer_tokens));
    cr_expect(strncmp(answers[0].text, whole[0].text, answers[0].size) == 0);
    cr_expect(eq(str, (char *)fm_buf_text(&first.heard[0]), answers[0].text));
    same(&answers[1], &whole[1], 0);
    forget(&first);
    release(answers, 2);
    release(whole, 2);
    rt_scene_free(scene);
    rt_model_close(model);
}

Test(robotracer, cancelling_ends_the_call_and_not_the_next)
{
    rt_model *model = open_tiny();
    rt_scene *scene = look(model);
    listening first = {.after = 4, .cancels = model};
    rt_answer answers[2] = {0}, after[2] = {0}, whole[2] = {0};

    ask(scene, all, 2, whole);
    cr_assert(rt_ask(scene, all, 2, &(rt_listener){hear, &first}, answers, NULL) == RT_OK);
    for (size_t i = 0; i < 2; i++) {
        cr_expect(eq(int, answers[i].finish, RT_FINISH_CANCELLED));
        cr_expect(lt(int, answers[i].answer_tokens, whole[i].answer_tokens));
    }
    rt_cancel(model); /* nothing is under way */
    ask(scene, all, 2, after);
    for (size_t i = 0; i < 2; i++)
        same(&after[i], &whole[i], 0);
    forget(&first);
    release(answers, 2);
    release(after, 2);
    release(whole, 2);
    rt_scene_free(scene);
    rt_model_close(model);
}

/* ---- limits ---- */

static bool refuse(void *context, size_t question, const char *text, size_t size)
{
    (void)context, (void)question, (void)text, (void)size;
    return false;
}

Test(robotracer, tokens_are_limited)
{
    rt_model *model = open_with(&(rt_model_options){.threads = 1, .max_tokens = 150});
    rt_scene *scene = look(model);
    char longer[200];
    rt_answer answer = ask_one(scene, (rt_question){.text = "Where?"}), none = {0};
    rt_err err = {0};

    cr_expect(eq(int, answer.finish, RT_FINISH_LENGTH));
    cr_expect(eq(int, answer.prompt_tokens + answer.answer_tokens, 150));
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    cr_assert(rt_ask(scene, &(rt_question){.text = longer}, 1, NULL, &none, &err) == RT_E_USAGE);
    cr_expect(strstr(err.text, "question 1 makes") && strstr(err.text, "the limit is 150"), "%s",
              err.text);
    rt_answer_release(&answer);
    rt_scene_free(scene);
    rt_model_close(model);

    model = open_with(&(rt_model_options){.threads = 1, .max_tokens = 20});
    rt_picture p = picture();
    cr_assert(rt_scene_new(&scene, model, &p, 1, &err) == RT_E_USAGE);
    cr_expect(strstr(err.text, "leaves no room for a question: the limit is 20") != NULL, "%s",
              err.text);
    rt_model_close(model);
}

Test(robotracer, pictures_are_limited)
{
    rt_model *model = open_with(&(rt_model_options){.threads = 1, .max_picture_pixels = 1000});
    rt_picture large = picture(), empty = picture(), none = {.width = 4, .height = 4};
    rt_scene *scene = NULL;
    rt_err err = {0};

    cr_assert(rt_scene_new(&scene, model, &large, 1, &err) == RT_E_USAGE);
    cr_expect(eq(str, err.text, "picture 1 has 40 x 40 pixels: more than the limit of 1000"));
    empty.height = 0;
    cr_assert(rt_scene_new(&scene, model, &empty, 1, &err) == RT_E_USAGE);
    cr_expect(eq(str, err.text, "picture 1 has no pixels"));
    cr_assert(rt_scene_new(&scene, model, &none, 1, &err) == RT_E_USAGE);
    cr_expect(scene == NULL);
    rt_model_close(model);
}

Test(robotracer, memory_is_limited_before_it_is_taken)
{
    rt_model *model = NULL;
    rt_scene *scene = NULL;
    rt_err err = {0};
    rt_description d;
    rt_question many[RT_MAX_TOGETHER];
    rt_answer answers[RT_MAX_TOGETHER] = {0};

    cr_assert(rt_model_open(&model, tiny(), &(rt_model_options){.max_memory_bytes = 100000},
                            &err) == RT_E_NOMEM);
    cr_expect(strstr(err.text, "the model would take") != NULL, "%s", err.text);
    model = open_tiny();
    rt_model_describe(model, &d);
    rt_model_close(model);
    model =
        open_with(&(rt_model_options){.threads = 1, .max_memory_bytes = d.weight_bytes + 300000});
    scene = look(model);
    for (size_t i = 0; i < RT_MAX_TOGETHER; i++)
        many[i] = (rt_question){.text = "Where?", .max_answer_tokens = 300};
    cr_assert(rt_ask(scene, many, RT_MAX_TOGETHER, NULL, answers, &err) == RT_E_NOMEM);
    cr_expect(strstr(err.text, "the questions and their answers would take") != NULL, "%s",
              err.text);
    for (int again = 0; again < 20; again++) { /* what a call took is given back */
        cr_assert(rt_ask(scene, many, 2, &(rt_listener){refuse, NULL}, answers, &err) == RT_OK,
                  "%s", err.text);
        release(answers, 2);
    }
    rt_scene_free(scene);
    rt_model_close(model);
}

/* With more and more memory a scene fails at another stage, and at last there is one. */
Test(robotracer, working_memory_counts)
{
    static const char *const stages[] = {"looking at a picture would take",
                                         "looking at the space would take"};
    bool seen[FM_COUNT_OF(stages)] = {false};
    rt_picture p = picture();
    rt_description d;
    rt_model *model = open_tiny();
    rt_scene *scene = NULL;
    rt_err err = {0};

    rt_model_describe(model, &d);
    rt_model_close(model);
    for (uint64_t more = 1 << 10; !scene; more += more / 2) {
        model =
            open_with(&(rt_model_options){.threads = 1, .max_memory_bytes = d.weight_bytes + more});
        if (rt_scene_new(&scene, model, &p, 1, &err) == RT_OK)
            break;
        cr_assert(lt(u64, more, 1 << 26));
        for (size_t i = 0; i < FM_COUNT_OF(stages); i++)
            seen[i] = seen[i] || strstr(err.text, stages[i]);
        rt_model_close(model);
    }
    for (size_t i = 0; i < FM_COUNT_OF(stages); i++)
        cr_expect(eq(int, seen[i], true), "%s", stages[i]);
    rt_scene_free(scene);
    rt_model_close(model);
}

Test(robotracer, wrong_calls_are_told)
{
    static const char *const with_null[] = {NULL}, *const empty[] = {"a", ""};
    static const struct {
        rt_question question;
        const char *said;
    } rows[] = {
        {{.text = NULL}, "question 1 has no text"},
        {{.text = "a", .form = (rt_form)9}, "question 1 has a form that there is none of"},
        {{.text = "a", .stops = with_null, .n_stops = 1}, "an option or a stop that is NULL"},
        {{.text = "a", .n_options = 1}, "an option or a stop that is NULL"},
        {{.text = "a", .temperature = -1}, "a temperature that is negative"},
        {{.text = "a", .temperature = NAN}, "a temperature that is negative or no number"},
        {{.text = "a", .top_p = 1.5}, "a top_p outside of 0 to 1"},
        {{.text = "a", .top_k = -1}, "a limit that is negative"},
        {{.text = "a", .form = RT_FORM_CHOICE}, "question 1: a choice needs options"},
        {{.text = "a", .options = empty, .n_options = 2}, "question 1: option 2 is empty"},
        {{.text = "a", .form = RT_FORM_TRACE2D, .beginning = "Sure"},
         "question 1: its form does not admit the beginning of its answer"},
    };
    rt_model *model = open_tiny(), *none = NULL;
    rt_scene *scene = look(model);
    rt_err err = {0};

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        rt_answer answer = {0};

        cr_expect(rt_ask(scene, &rows[i].question, 1, NULL, &answer, &err) == RT_E_USAGE, "%zu", i);
        cr_expect(strstr(err.text, rows[i].said) != NULL, "'%s'", err.text);
        cr_expect(answer.text == NULL);
    }
    cr_expect(rt_ask(scene, all, 0, NULL, NULL, &err) == RT_E_USAGE);
    cr_expect(rt_ask(scene, all, 17, NULL, NULL, NULL) == RT_E_USAGE);
    cr_expect(rt_model_open(&none, tiny(), &(rt_model_options){.isa = "mmx"}, &err) == RT_E_USAGE);
    cr_expect(strstr(err.text, "no kernels for 'mmx'") != NULL, "%s", err.text);
    cr_expect(rt_model_open(&none, tiny(), &(rt_model_options){.threads = -1}, NULL) == RT_E_USAGE);
    cr_expect(rt_model_open(&none, "/nowhere", NULL, &err) == RT_E_IO);
    rt_scene_free(scene);
    rt_model_close(model);
}

/* ---- folders that are broken ---- */

enum { MOST_FILES = 32 };

typedef struct {
    char names[MOST_FILES][128];
    size_t n;
} files;

static void join(char out[FM_PATH_BYTES], const char *folder, const char *name)
{
    cr_assert(fm_path_join(out, folder, name, NULL) == FM_OK);
}

static void list(files *out, const char *folder, const char *within)
{
    char path[FM_PATH_BYTES];

    join(path, folder, within);
    DIR *dir = opendir(path);
    cr_assert(dir != NULL);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char name[sizeof(out->names[0])];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%.60s%s%.60s", within, within[0] ? "/" : "", entry->d_name);
        join(path, folder, name);
        if (fm_dir_exists(path)) {
            list(out, folder, name);
        } else {
            cr_assert(lt(sz, out->n, MOST_FILES));
            memcpy(out->names[out->n++], name, sizeof(name));
        }
    }
    closedir(dir);
}

/* The first `size` bytes of one of the model's files into the scratch folder. */
static void copy_of(const char *name, size_t size)
{
    char from[FM_PATH_BYTES], folder[FM_PATH_BYTES];
    fm_buf bytes = {0};

    join(from, tiny(), name);
    join(folder, scratch_dir, name);
    *strrchr(folder, '/') = '\0';
    cr_assert(fm_dir_make(folder, NULL) == FM_OK);
    cr_assert(fm_file_read(from, 1 << 24, &bytes, NULL) == FM_OK);
    scratch_write(name, fm_buf_text(&bytes), size < bytes.size ? size : bytes.size);
    fm_buf_release(&bytes);
}

static void copy_all(files *out)
{
    list(out, tiny(), "");
    cr_assert(gt(sz, out->n, 10));
    for (size_t i = 0; i < out->n; i++)
        copy_of(out->names[i], SIZE_MAX);
}

/* Opens, or says what is wrong in a line with a path. */
static bool opens_or_tells(const char *what)
{
    rt_model *model = NULL;
    rt_err err = {0};
    rt_status st = rt_model_open(&model, scratch_dir, &(rt_model_options){.threads = 1}, &err);

    rt_model_close(model);
    if (st == RT_OK)
        return true;
    cr_expect(st == RT_E_INPUT || st == RT_E_IO, "%s: %d", what, (int)st);
    cr_expect(strstr(err.text, scratch_dir) && !strchr(err.text, '\n'), "%s: '%s'", what, err.text);
    return false;
}

TestSuite(broken, .init = scratch_make, .fini = scratch_remove);

Test(broken, a_file_that_is_cut_is_told)
{
    static const size_t sizes[] = {0, 1, 9, 25};
    files of_model = {0};

    copy_all(&of_model);
    cr_assert(opens_or_tells("whole"));
    for (size_t i = 0; i < of_model.n; i++) {
        for (size_t k = 0; k < FM_COUNT_OF(sizes); k++) {
            copy_of(of_model.names[i], sizes[k]);
            bool opened = opens_or_tells(of_model.names[i]);
            cr_expect(eq(int, opened, false), "%s of %zu bytes", of_model.names[i], sizes[k]);
        }
        copy_of(of_model.names[i], SIZE_MAX);
    }
}

static void swap(const char *a, const char *b)
{
    char paths[3][FM_PATH_BYTES];

    join(paths[0], scratch_dir, a);
    join(paths[1], scratch_dir, b);
    join(paths[2], scratch_dir, "between");
    cr_assert(rename(paths[0], paths[2]) == 0 && rename(paths[1], paths[0]) == 0 &&
              rename(paths[2], paths[1]) == 0);
}

Test(broken, files_that_are_swapped_are_told)
{
    files of_model = {0};
    size_t opened = 0;

    copy_all(&of_model);
    for (size_t i = 0; i + 1 < of_model.n; i++) {
        swap(of_model.names[i], of_model.names[i + 1]);
        opened += opens_or_tells(of_model.names[i]);
        swap(of_model.names[i], of_model.names[i + 1]);
    }
    cr_expect(le(sz, opened, 1), "two projectors of one kind have the same config.json");
}

Test(broken, a_file_that_is_missing_is_told)
{
    files of_model = {0};

    copy_all(&of_model);
    for (size_t i = 0; i < of_model.n; i++) {
        cr_assert(remove(scratch_path(of_model.names[i])) == 0);
        bool opened = opens_or_tells(of_model.names[i]);
        /* A part without a configuration has its defaults. */
        cr_expect(strstr(of_model.names[i], "/config.json") || opened == false, "%s",
                  of_model.names[i]);
        copy_of(of_model.names[i], SIZE_MAX);
    }
}

/* ---- weights that are not what they say ---- */

typedef enum { TRUNCATED, OVERLAPPING, HUGE_SHAPE, NAN_FILLED, WAYS } way;

/* Two tensors of the same number of bytes get the same place. */
static void overlap(cJSON *header)
{
    cJSON *a, *b;

    cJSON_ArrayForEach(a, header)
    {
        cJSON_ArrayForEach(b, header)
        {
            cJSON *x = cJSON_GetObjectItem(a, "data_offsets");
            cJSON *y = cJSON_GetObjectItem(b, "data_offsets");

            if (a == b || !x || !y ||
                x->child->next->valuedouble - x->child->valuedouble !=
                    y->child->next->valuedouble - y->child->valuedouble)
                continue;
            cJSON_ReplaceItemInObject(b, "data_offsets", cJSON_Duplicate(x, true));
            return;
        }
    }
}

static void enlarge(cJSON *header)
{
    cJSON *entry = header->child;

    while (!cJSON_GetObjectItem(entry, "shape"))
        entry = entry->next;
    cJSON *side = cJSON_GetObjectItem(entry, "shape")->child;
    for (; side; side = side->next)
        cJSON_SetNumberValue(side, 1e13);
}

static void spoil(const char *name, way how)
{
    fm_buf file = {0};
    uint64_t length;

    cr_assert(fm_file_read(scratch_path(name), 1 << 24, &file, NULL) == FM_OK);
    memcpy(&length, file.data, sizeof(length));
    if (how == TRUNCATED) {
        file.size--;
    } else if (how == NAN_FILLED) {
        memset(file.data + 8 + length, 0xff, file.size - 8 - length);
    } else {
        cJSON *header = cJSON_ParseWithLength(file.data + 8, length);
        fm_buf other = {0};

        (how == OVERLAPPING ? overlap : enlarge)(header);
        char *text = cJSON_PrintUnformatted(header);
        uint64_t now = strlen(text);
        fm_buf_append(&other, (const char *)&now, sizeof(now));
        fm_buf_puts(&other, text);
        fm_buf_append(&other, file.data + 8 + length, file.size - 8 - length);
        free(text);
        cJSON_Delete(header);
        fm_buf_release(&file);
        file = other;
    }
    scratch_write(name, fm_buf_text(&file), file.size);
    fm_buf_release(&file);
}

Test(broken, weights_that_are_not_what_they_say_are_told)
{
    static const char *const said[WAYS] = {[TRUNCATED] =
                                               "lies outside of the file, which may be truncated",
                                           [OVERLAPPING] = "overlap",
                                           [HUGE_SHAPE] = "does not go with its",
                                           [NAN_FILLED] = "not finite"};
    files of_model = {0};
    size_t spoilt = 0;

    copy_all(&of_model);
    for (size_t i = 0; i < of_model.n; i++) {
        if (!strstr(of_model.names[i], ".safetensors"))
            continue;
        for (way how = 0; how < WAYS; how++) {
            rt_model *model = NULL;
            rt_err err = {0};

            spoil(of_model.names[i], how);
            cr_expect(rt_model_open(&model, scratch_dir, &(rt_model_options){.threads = 1}, &err) ==
                          RT_E_INPUT,
                      "%s", of_model.names[i]);
            cr_expect(strstr(err.text, scratch_dir) && strstr(err.text, said[how]) &&
                          !strchr(err.text, '\n'),
                      "%s: %s", of_model.names[i], err.text);
            copy_of(of_model.names[i], SIZE_MAX);
            spoilt++;
        }
    }
    cr_expect(ge(sz, spoilt, 6 * WAYS));
}

/* The table of embeddings is not read whole: a row of it that is no number is told when it is wanted. */
Test(broken, an_embedding_that_is_no_number_is_told)
{
    static const char config[] =
        "{\"model_type\": \"qwen2\", \"hidden_size\": 32, \"num_hidden_layers\": 1, "
        "\"num_attention_heads\": 2, \"intermediate_size\": 32, \"vocab_size\": 300}";
    rt_init init = {.config = config,
                    .config_size = sizeof(config) - 1,
                    .config_name = "test",
                    .kind = RT_F32,
                    .threads = 1};
    rt_init_totals totals;
    rt_model *model = NULL;
    rt_scene *scene = NULL;
    rt_answer answer = {0};
    fm_buf file = {0};
    uint64_t length;
    rt_err err = {0};

    cr_assert(rt_init_folder(scratch_path("m"), &init, &totals, NULL) == FM_OK);
    cr_assert(fm_file_read(scratch_path("m/model.safetensors"), 1 << 24, &file, NULL) == FM_OK);
    memcpy(&length, file.data, sizeof(length)); /* the embeddings come first */
    memset(file.data + 8 + length, 0xff, 300 * 32 * sizeof(float));
    scratch_write("m/model.safetensors", file.data, file.size);
    fm_buf_release(&file);
    cr_assert(rt_model_open(&model, scratch_path("m"), NULL, &err) == RT_OK, "%s", err.text);
    cr_assert(rt_scene_new(&scene, model, NULL, 0, &err) == RT_OK);
    cr_expect(rt_ask(scene, &(rt_question){.text = "Where?"}, 1, NULL, &answer, &err) ==
              RT_E_INPUT);
    cr_expect(strstr(err.text, "/m: 'model.embed_tokens.weight' holds a value that is not") != NULL,
              "%s", err.text);
    rt_scene_free(scene);
    rt_model_close(model);
}
