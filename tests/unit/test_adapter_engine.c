/* The engine as an adapter: what is asked about one picture is answered together, and nothing of that
 * shows in an answer; a bad sample costs itself alone; whatever is under way can be left. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/adapters.h"
#include "adapters/engine_input.h"
#include "adapters/engine_model.h"
#include "fathom/raster.h"
#include "support/scratch.h"

TestSuite(engine, .init = scratch_make, .fini = scratch_remove);

enum { WIDTH = 40, HEIGHT = 30 };

static const fm_camera camera = {40, 40, 20, 15};

static const char *model_folder(void)
{
    static char folder[1024];
    const char *source = getenv("FATHOM_SOURCE_DIR");

    snprintf(folder, sizeof(folder), "%s/tests/data/engine/tiny-robotracer", source ? source : ".");
    return folder;
}

static void save(const fm_raster *raster, const char *path)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_raster_save_png(raster, path, &err), FM_OK), "%s", err.text);
}

static char a_png[1024], b_png[1024], depth_png[1024];

static void make_pictures(void)
{
    fm_raster rgb = {0}, depth = {0};

    snprintf(a_png, sizeof(a_png), "%s", scratch_path("a.png"));
    snprintf(b_png, sizeof(b_png), "%s", scratch_path("b.png"));
    snprintf(depth_png, sizeof(depth_png), "%s", scratch_path("depth.png"));

    cr_assert(eq(int, fm_raster_reserve(&rgb, WIDTH, HEIGHT, 3, 8, NULL), FM_OK));
    cr_assert(eq(int, fm_raster_reserve(&depth, WIDTH, HEIGHT, 1, 16, NULL), FM_OK));
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        ((uint8_t *)rgb.data)[3 * i] = (uint8_t)(7 * i);
        ((uint16_t *)depth.data)[i] = (uint16_t)(800 + i);
    }
    save(&rgb, a_png);
    save(&depth, depth_png);
    for (int i = 0; i < 3 * WIDTH * HEIGHT; i++)
        ((uint8_t *)rgb.data)[i] ^= 0x55;
    save(&rgb, b_png);
    fm_raster_release(&rgb);
    fm_raster_release(&depth);
}

#define MOST_SETTINGS 6

static fm_adapter *open_engine(const fm_setting *extra, size_t n)
{
    fm_setting all[MOST_SETTINGS] = {{"model", model_folder()}, {"max_tokens", "6"}};
    fm_adapter_config config = {.settings = all, .n_settings = 2, .seed = 3, .answers = "tuples"};
    fm_adapter *adapter = NULL;
    fm_err err = {0};

    for (size_t i = 0; i < n; i++)
        all[config.n_settings++] = extra[i];
    cr_assert(eq(int, fm_adapter_open(&adapter, &fm_adapter_engine, &config, &err), FM_OK), "%s",
              err.text);
    return adapter;
}

static fm_request about(const char *id, const char *picture, const char *prompt)
{
    return (fm_request){.id = id,
                        .task = "tabletop-3d",
                        .kind = FM_ANSWER_TRACE3D,
                        .prompt = prompt,
                        .image_path = picture,
                        .depth_path = depth_png,
                        .camera = &camera,
                        .repeat = 1};
}

/* A reply that outlives the adapter's next call. */
typedef struct {
    fm_sample_status status;
    char text[4096], detail[512];
    int64_t input, output;
} kept;

static void submit(fm_adapter *adapter, const fm_request *request, uint64_t ticket)
{
    fm_err err = {0};

    cr_assert(eq(int, fm_adapter_submit(adapter, request, NULL, ticket, &err), FM_OK), "%s",
              err.text);
}

/* Take `n` replies; the one of ticket t goes to out[t]. */
static void take(fm_adapter *adapter, size_t n, kept *out)
{
    fm_arrival arrival;
    fm_err err = {0};

    for (size_t taken = 0; taken < n;) {
        size_t got = 0;

        cr_assert(eq(int, fm_adapter_poll(adapter, 10, &arrival, 1, &got, &err), FM_OK));
        if (got == 0)
            continue;
        kept *k = &out[arrival.ticket];
        k->status = arrival.reply.status;
        snprintf(k->text, sizeof(k->text), "%s", arrival.reply.text ? arrival.reply.text : "-");
        snprintf(k->detail, sizeof(k->detail), "%s",
                 arrival.reply.detail ? arrival.reply.detail : "");
        k->input = arrival.reply.usage.input_tokens;
        k->output = arrival.reply.usage.output_tokens;
        taken++;
    }
}

static kept ask(fm_adapter *adapter, const fm_request *request)
{
    kept out = {0};

    submit(adapter, request, 0);
    take(adapter, 1, &out);
    return out;
}

Test(engine, answers_alike_alone_and_together)
{
    static const char *const prompts[] = {"Where is the cup?", "Point the way", "How far?"};
    kept together[6] = {{0}};

    make_pictures();
    fm_adapter *busy = open_engine(NULL, 0), *calm = open_engine(NULL, 0);
    for (uint64_t i = 0; i < 6; i++) {
        fm_request r = about("7", i % 2 ? a_png : b_png, prompts[i / 2]);
        submit(busy, &r, i);
    }
    take(busy, 6, together);
    for (size_t i = 0; i < 6; i++) {
        fm_request r = about("7", i % 2 ? a_png : b_png, prompts[i / 2]);
        kept alone = ask(calm, &r);

        cr_assert(eq(str, together[i].text, alone.text));
        cr_assert(eq(int, together[i].status, alone.status));
        cr_assert(eq(i64, together[i].input, alone.input));
        cr_assert(eq(i64, together[i].output, 6));
    }
    fm_adapter_close(busy);
    fm_adapter_close(calm);
}

Test(engine, sees_the_picture_and_its_depth)
{
    make_pictures();
    fm_adapter *adapter = open_engine(&(fm_setting){"constrained", "1"}, 1);
    fm_request r = about("7", a_png, "Where?");
    kept first = ask(adapter, &r);

    r.depth_path = NULL;
    r.camera = NULL;
    kept blind = ask(adapter, &r);
    cr_assert(ne(i64, first.input, 0));
    /* Tokens are as many; that they differ is the engine's own tests' business. */
    cr_assert(eq(i64, first.input, blind.input));
    r.image_path = NULL;
    kept words = ask(adapter, &r);
    cr_assert(lt(i64, words.input, first.input));
    fm_adapter_close(adapter);
}

/* A depth map that cannot be read costs the sample only where it is looked at. */
Test(engine, takes_no_more_than_its_variant_says)
{
    fm_setting rgb[] = {{"variant", "rgb"}}, with[] = {{"variant", "intrinsics"}};

    make_pictures();
    fm_request r = about("7", a_png, "Where?"), none = r;
    r.depth_path = "/no/depth.png";
    none.depth_path = NULL;
    none.camera = NULL;
    fm_adapter *blind = open_engine(rgb, 1), *seeing = open_engine(with, 1);
    fm_adapter *all = open_engine(NULL, 0);
    kept a = ask(blind, &r), b = ask(all, &none), c = ask(seeing, &r), d = ask(all, &r);
    cr_assert(eq(str, a.text, b.text));
    cr_assert(eq(int, c.status, FM_SAMPLE_TRUNCATED), "%s", c.detail);
    cr_assert(eq(int, d.status, FM_SAMPLE_API_ERROR));
    fm_adapter_close(blind);
    fm_adapter_close(seeing);
    fm_adapter_close(all);
}

Test(engine, sees_black_where_its_variant_says_so)
{
    fm_setting rgb[] = {{"variant", "rgb"}}, black[] = {{"variant", "black"}};
    fm_raster night = {0};

    make_pictures();
    fm_adapter *seeing = open_engine(rgb, 1), *blind = open_engine(black, 1);
    fm_request a = about("7", a_png, "Where?"), dark = a;
    kept day = ask(seeing, &a), closed = ask(blind, &a);

    cr_assert(eq(int, fm_raster_reserve(&night, WIDTH, HEIGHT, 3, 8, NULL), FM_OK));
    memset(night.data, 0, (size_t)WIDTH * HEIGHT * 3);
    dark.image_path = scratch_path("night.png");
    save(&night, dark.image_path);
    kept by_night = ask(seeing, &dark);
    cr_expect(eq(str, closed.text, by_night.text));
    cr_expect(ne(str, closed.text, day.text));
    fm_raster_release(&night);
    fm_adapter_close(seeing);
    fm_adapter_close(blind);
}

Test(engine, writes_only_tuples_where_it_is_constrained)
{
    fm_setting settings[] = {{"constrained", "1"}};

    make_pictures();
    fm_adapter *adapter = open_engine(settings, 1);
    fm_request r = about("7", a_png, "Where?");
    kept k = ask(adapter, &r);
    cr_assert(eq(int, strncmp(k.text, "[(", 2), 0), "%s", k.text);
    r.kind = FM_ANSWER_CHOICE;
    k = ask(adapter, &r);
    cr_assert(ne(int, strncmp(k.text, "[(", 2), 0), "%s", k.text);
    fm_adapter_close(adapter);
}

Test(engine, calls_an_answer_that_was_cut_truncated)
{
    make_pictures();
    fm_adapter *adapter = open_engine(NULL, 0);
    fm_request r = about("7", a_png, "Where?");
    kept k = ask(adapter, &r);

    cr_assert(eq(int, k.status, FM_SAMPLE_TRUNCATED));
    fm_adapter_close(adapter);
}

Test(engine, charges_a_bad_sample_alone)
{
    static char longest[20000];
    kept out[3] = {{0}};

    memset(longest, 'x', sizeof(longest) - 1);
    make_pictures();
    fm_adapter *adapter = open_engine(NULL, 0);
    fm_request good = about("7", a_png, "Where?"), huge = about("8", a_png, longest),
               gone = about("9", scratch_path("none.png"), "Where?");
    submit(adapter, &good, 0);
    submit(adapter, &huge, 1);
    submit(adapter, &gone, 2);
    take(adapter, 3, out);
    cr_assert(eq(int, out[0].status, FM_SAMPLE_TRUNCATED), "%s", out[0].detail);
    cr_assert(eq(int, out[1].status, FM_SAMPLE_API_ERROR));
    cr_assert_not_null(strstr(out[1].detail, "tokens"), "%s", out[1].detail);
    cr_assert(eq(int, out[2].status, FM_SAMPLE_API_ERROR));
    cr_assert_not_null(strstr(out[2].detail, "none.png"), "%s", out[2].detail);
    fm_adapter_close(adapter);
}

Test(engine, draws_by_sample_and_asking_not_by_order)
{
    fm_setting hot[] = {{"temperature", "2"}};

    make_pictures();
    fm_adapter *one = open_engine(hot, 1), *other = open_engine(hot, 1);
    fm_request first = about("7", a_png, "Where?"), second = about("8", a_png, "Where?");
    kept a = ask(one, &first), b = ask(one, &second);
    kept d = ask(other, &second), c = ask(other, &first);
    cr_assert(eq(str, a.text, c.text));
    cr_assert(eq(str, b.text, d.text));
    cr_assert(ne(str, a.text, b.text));
    first.repeat = 2;
    kept again = ask(one, &first);
    cr_assert(ne(str, again.text, a.text));
    fm_adapter_close(one);
    fm_adapter_close(other);
}

Test(engine, can_be_left_at_any_time)
{
    static const fm_setting longer[] = {{"threads", "2"}};

    make_pictures();
    for (int round = 0; round < 4; round++) {
        fm_adapter *adapter = open_engine(longer, 1);
        kept out[4] = {{0}};

        for (uint64_t i = 0; i < 4; i++) {
            fm_request r = about("7", i < 2 ? a_png : b_png, "Where?");
            submit(adapter, &r, i);
        }
        if (round > 0) {
            fm_adapter_abandon(adapter, 0);
            fm_adapter_abandon(adapter, 3);
        }
        if (round > 1)
            take(adapter, 2, out);
        cr_assert(eq(int, round > 1 && out[1].status != FM_SAMPLE_TRUNCATED, false), "%s",
                  out[1].detail);
        fm_adapter_close(adapter);
    }
}

typedef struct {
    uint64_t done, all;
    int calls, most; /* calls that are let pass */
} opening;

static bool watch(void *context, uint64_t done_bytes, uint64_t all_bytes)
{
    opening *o = context;

    cr_expect(ge(u64, done_bytes, o->done));
    o->done = done_bytes;
    o->all = all_bytes;
    return ++o->calls <= o->most;
}

Test(engine, tells_how_far_its_opening_is_and_ends_it_when_told)
{
    const fm_setting model = {"model", model_folder()};
    opening o = {.most = 1 << 20};
    fm_adapter_config config = {
        .settings = &model, .n_settings = 1, .opening = watch, .opening_context = &o};
    fm_adapter *adapter = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_adapter_open(&adapter, &fm_adapter_engine, &config, &err), FM_OK), "%s",
              err.text);
    fm_adapter_close(adapter);
    cr_expect(gt(int, o.calls, 4));
    cr_expect(gt(u64, o.done, o.all / 2));
    cr_expect(le(u64, o.done, o.all));
    o = (opening){.most = 2};
    cr_expect(
        eq(int, fm_adapter_open(&adapter, &fm_adapter_engine, &config, &err), FM_E_INTERRUPTED));
    cr_expect(eq(int, o.calls, 3));
}

Test(engine, says_what_is_wrong_with_a_setting)
{
    static const struct {
        const char *key, *value, *says;
    } rows[] = {
        {"model", "/no/such/folder", "/no/such/folder"},
        {"model", "", "wants a model"},
        {"model", "no-such-model", "no-such-model"},
        {"weights", "q2", "q2"},
        {"variant", "sound", "rgb, intrinsics, intrinsics_depth or black"},
        {"temperature", "warm", "warm"},
        {"top_p", "2", "from 0 to 1"},
        {"threads", "1.5", "whole"},
        {"isa", "abacus", "abacus"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fm_setting all[] = {{rows[i].key, rows[i].value}, {"model", model_folder()}};
        size_t n = strcmp(rows[i].key, "model") == 0 ? 1 : 2;
        fm_adapter_config config = {.settings = all, .n_settings = n};
        fm_adapter *adapter = NULL;
        fm_err err = {0};

        cr_assert(ne(int, fm_adapter_open(&adapter, &fm_adapter_engine, &config, &err), FM_OK));
        cr_assert_not_null(strstr(err.text, rows[i].says), "%s", err.text);
    }
}

Test(engine, knows_models_by_their_names_too)
{
    char given[FM_PATH_BYTES], models[FM_PATH_BYTES], found[FM_PATH_BYTES];
    static char long_name[2 * FM_PATH_BYTES];
    fm_err err = {0};

    memset(long_name, 'm', sizeof(long_name) - 1);

    snprintf(models, sizeof(models), "%s", model_folder());
    char *slash = strrchr(models, '/');
    *slash = '\0';
    cr_assert(eq(int, fm_engine_model(found, slash + 1, models, &err), FM_OK));
    cr_expect(eq(str, found, (char *)model_folder()));
    /* A model that lies here comes first, though not a folder that has but its name; a path is never
     * looked up, and neither is a name without a folder. */
    cr_assert(eq(int, chdir(scratch_dir), 0));
    cr_assert(eq(int, fm_dir_make(slash + 1, &err), FM_OK));
    cr_assert(eq(int, fm_engine_model(found, slash + 1, models, &err), FM_OK));
    cr_expect(eq(str, found, (char *)model_folder()));
    snprintf(given, sizeof(given), "%s/config.json", slash + 1);
    cr_assert(eq(int, fm_file_write_atomic(given, "{}", 2, &err), FM_OK));
    cr_assert(eq(int, fm_engine_model(found, slash + 1, models, &err), FM_OK));
    cr_expect(eq(str, found, slash + 1));
    snprintf(given, sizeof(given), "./%s", slash + 1);
    cr_assert(eq(int, fm_engine_model(found, given, models, &err), FM_OK));
    cr_expect(eq(str, found, given));
    cr_assert(eq(int, fm_engine_model(found, slash + 1, NULL, &err), FM_OK));
    cr_expect(eq(str, found, slash + 1));
    cr_expect(eq(int, fm_engine_model(found, long_name, models, &err), FM_E_USAGE));
}
