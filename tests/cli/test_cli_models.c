/* Commands that make models, as a user types them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/json.h"
#include "base/size.h"
#include "base/staging.h"
#include "fathom/raster.h"
#include "program.h"

TestSuite(models, .init = program_begin, .fini = program_end);

Test(models, init_makes_a_folder_and_says_how_large_it_is)
{
    fathom("init", "models/tiny", "--config", "tiny", "--seed", "7");
    expect_success();
    cr_expect(eq(str, OUT, "models/tiny\n"));
    cr_expect(contains(ERR, "million parameters, "), "%s", ERR);
    cr_expect(fm_file_exists("models/tiny/scale_decoder/model.safetensors"));
    cr_expect(fm_file_exists("models/tiny/llm/tokenizer.json"));

    fathom("init", "models/tiny", "--config", "tiny");
    expect_failure(2, "fathom: 'models/tiny' is there already, and is not written over\n"
                      "try 'fathom help init'\n");
}

Test(models, init_says_what_is_wrong_with_a_configuration)
{
    fathom("init", "m", "--config", "tinny");
    expect_failure(2, "fathom: no file and no configuration 'tinny'; did you mean 'tiny'?\n"
                      "try 'fathom help init'\n");
    fathom("init", "m", "--config", "tiny", "--kind", "q8");
    expect_failure(2, "fathom: option '--kind' wants bf16, f16 or f32, not 'q8'\n"
                      "try 'fathom help init'\n");
    scratch_write("c.json", "{\"hidden_size\":0}", 17);
    fathom("init", "m", "--config", "c.json");
    expect_failure(4, "fathom: c.json: 'hidden_size' wants a whole number from 1 to 65536\n");
    cr_expect(eq(int, fm_path_is_occupied("m"), false));
}

/* A small model, and a picture with its depth, as they are asked about below. */
static void make_desk(void)
{
    fm_raster rgb = {0}, depth = {0};

    fathom("init", "tiny", "--config", "tiny");
    expect_success();
    cr_assert(eq(int, fm_raster_reserve(&rgb, 64, 48, 3, 8, NULL), FM_OK));
    cr_assert(eq(int, fm_raster_reserve(&depth, 64, 48, 1, 16, NULL), FM_OK));
    for (int i = 0; i < 64 * 48; i++) {
        ((uint8_t *)rgb.data)[3 * i] = (uint8_t)i;
        ((uint16_t *)depth.data)[i] = 1500;
    }
    cr_assert(eq(int, fm_raster_save_png(&rgb, "desk.png", NULL), FM_OK));
    cr_assert(eq(int, fm_raster_save_png(&depth, "depth.png", NULL), FM_OK));
    fm_raster_release(&rgb);
    fm_raster_release(&depth);
}

Test(models, ask_answers_in_the_form_that_is_wanted_and_draws_it)
{
    make_desk();
    fathom("ask", "tiny", "Point the way", "-i", "desk.png", "--depth", "depth.png", "--intrinsics",
           "64,64,32,24", "--form", "trace3d", "--draw", "trace.png");
    expect_success();
    cr_expect(eq(int, strncmp(OUT, "[(", 2), 0), "%s", OUT);
    cr_expect(contains(ERR, "scale "), "%s", ERR);
    cr_expect(contains(ERR, "tokens in"), "%s", ERR);
    fm_raster_info info;
    cr_assert(eq(int, fm_raster_probe("trace.png", &info, NULL), FM_OK));

    fathom("ask", "tiny", "Is it near?", "How near?", "-i", "desk.png", "--form", "choice",
           "--option", "yes", "--option", "no", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"schema\": \"fathom.ask/1\", \"question\": \"Is it near?\""), "%s",
              OUT);
    cr_expect(contains(OUT, "\"log_probabilities\": [-"), "%s", OUT);
    const char *second = strchr(OUT, '\n') + 1;
    cr_expect(contains(second, "\"question\": \"How near?\""), "%s", OUT);
    cr_expect(contains(second, "\"reused_tokens\": 0,") == false, "%s", OUT);

    fathom("ask", "tiny", "Point the way", "-i", "desk.png", "--intrinsics", "64 64 32 24",
           "--form", "trace3d", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"points\": [["), "%s", OUT);
    cr_expect(contains(OUT, "\"xyz_m\": [["), "%s", OUT);
}

Test(models, ask_takes_points_from_the_answer_and_not_from_the_reasoning)
{
    fathom("init", "tiny", "--config", "tiny");
    expect_success();
    fathom("ask", "tiny", "Where?", "--json", "--max-tokens", "1", "--begin",
           "<think>[Referring] [a]: [(100, 200)]</think><answer>[(250, 500)]</answer>");
    expect_success();
    cr_expect(contains(OUT, "\"points\": [[0.25, 0.5]]"), "%s", OUT);
}

Test(models, ask_says_what_is_wrong)
{
    static const struct {
        char *words[4];
        const char *says;
    } rows[] = {
        {{"--depth", "depth.png"}, "option '--depth' wants a picture: --image FILE"},
        {{"--form", "choice"}, "'--form choice' wants its options"},
        {{"--form", "poem"}, "wants free, trace2d, trace3d or choice"},
        {{"-i", "desk.png", "--intrinsics", "64,0,1,1"}, "wants \"fx,fy,cx,cy\" in pixels"},
        {{"-i", "desk.png", "--pose", "1,2,3"}, "wants \"qx,qy,qz,qw,tx,ty,tz\""},
        {{"-i", "desk.png", "--pose", "1,2,3,4,5,6,7"}, "quaternion"},
        {{"-i", "none.png"}, "none.png"},
        {{"--temperature", "nan"}, "wants a number from 0 to 100"},
        {{"--weights", "q3"}, "wants as_stored, f32, bf16, q8 or q4"},
    };

    make_desk();
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char *const *w = rows[i].words;

        if (w[2])
            fathom("ask", "tiny", "Where?", w[0], w[1], w[2], w[3]);
        else
            fathom("ask", "tiny", "Where?", w[0], w[1]);
        cr_expect(ne(int, last.code, 0), "%s %s", w[0], w[1]);
        cr_expect(contains(ERR, rows[i].says), "%s", ERR);
    }
    fathom("ask", "nowhere", "Where?");
    cr_expect(ne(int, last.code, 0));
    cr_expect(contains(ERR, "cannot open 'nowhere'"), "%s", ERR);

    static char digits[4096]; /* a token each */
    memset(digits, '1', sizeof(digits) - 1);
    fathom("ask", "tiny", "Where?", "--option", "yes", "--option", digits);
    cr_expect(eq(int, last.code, 2), "%s", ERR);
    cr_expect(contains(ERR, "and the longest of its options"), "%s", ERR);
}

Test(models, bench_measures_all_of_it)
{
    static const char *const figures[] = {
        "open_s",
        "vision_s",
        "spatial_s",
        "peak_bytes",
        "decode_gb_per_s",
        "prefill_tokens_per_s",
        "prefill_gflop_per_s",
        "decode_tokens_per_s",
        "together_tokens_per_s",
        "machine_read_gb_per_s",
    };
    fm_err err = {0};
    cJSON *found = NULL;

    fathom("init", "tiny", "--config", "tiny");
    expect_success();
    fathom("bench", "tiny", "-r", "1", "--prompt", "20", "--tokens", "3", "--picture", "64x48",
           "--json");
    expect_success();
    cr_assert(eq(int, fm_json_parse(OUT, strlen(OUT), "bench", &found, &err), FM_OK), "%s",
              err.text);
    cr_expect(eq(str, (char *)fm_json_string(found, "schema"), "fathom.bench/1"));
    cr_expect(eq(dbl, fm_json_number(found, "width", 0), 64));
    for (size_t i = 0; i < sizeof(figures) / sizeof(*figures); i++)
        cr_expect(gt(dbl, fm_json_number(found, figures[i], -1), 0), "%s", figures[i]);
    cJSON_Delete(found);

    fathom("bench", "tiny", "-r", "1", "--prompt", "20", "--tokens", "3", "--picture", "64x48");
    expect_success();
    cr_expect(contains(OUT, "GB/s; a plain read "), "%s", OUT);
    fathom("bench", "tiny", "--picture", "64");
    expect_failure(2, "fathom: option '--picture' wants a size like 640x480, up to 8192 each, not "
                      "'64'\ntry 'fathom help bench'\n");
}

static size_t size_of(const char *path)
{
    struct stat about;

    cr_assert(stat(path, &about) == 0, "%s", path);
    return (size_t)about.st_size;
}

Test(models, quantize_writes_a_smaller_folder_and_copies_the_rest)
{
    fathom("init", "m", "--config", "tiny", "--kind", "f32");
    expect_success();
    fathom("quantize", "m", "m-q8", "--to", "q8");
    expect_success();
    cr_expect(eq(str, OUT, "m-q8\n"));
    cr_expect(contains(ERR, " became "), "%s", ERR);
    cr_expect(size_of("m-q8/llm/model.safetensors") * 3 < size_of("m/llm/model.safetensors"));
    cr_expect(eq(sz, size_of("m-q8/llm/tokenizer.json"), size_of("m/llm/tokenizer.json")));
    cr_expect(eq(sz, size_of("m-q8/config.json"), size_of("m/config.json")));

    fathom("quantize", "m", "m-q4", "--to", "q4", "--parts", "all");
    expect_success();
    cr_expect(size_of("m-q4/llm/model.safetensors") < size_of("m-q8/llm/model.safetensors"));
    cr_expect(size_of("m-q4/mm_projector/model.safetensors") * 2 <
              size_of("m-q8/mm_projector/model.safetensors"));

    /* And back from blocks. */
    fathom("quantize", "m-q8", "m-bf16", "--to", "bf16");
    expect_success();
    fathom("quantize", "m", "m-q8", "--to", "q8");
    expect_failure(2, "fathom: 'm-q8' is there already, and is not written over\n"
                      "try 'fathom help quantize'\n");
    fathom("quantize", "m", "x", "--to", "q5");
    expect_failure(2, "fathom: option '--to' wants q8, q4, bf16, f16 or f32, not 'q5'\n"
                      "try 'fathom help quantize'\n");
    fathom("quantize", "none", "x", "--to", "q8");
    expect_failure(1, "fathom: cannot open 'none': no folder or file of that name\n");
}

Test(models, quantize_writes_the_language_model_as_gguf)
{
    fathom("init", "m", "--config", "tiny", "--kind", "f32");
    expect_success();
    fathom("quantize", "m", "m.gguf", "--to", "f32");
    expect_success();
    cr_expect(eq(str, OUT, "m.gguf\n"));
    fathom("quantize", "m", "file", "--to", "q8", "--format", "gguf");
    expect_success();
    fathom("list", "m.gguf");
    expect_success();
    cr_expect(contains(OUT, "f32"), "%s", OUT);

    /* Whether from the folder or from the file, the answer is the same. */
    fathom("ask", "m", "Hello", "--max-tokens", "9");
    expect_success();
    char *of_folder = strdup(OUT);
    fathom("ask", "m.gguf", "Hello", "--max-tokens", "9");
    expect_success();
    cr_expect(eq(str, OUT, of_folder));
    free(of_folder);

    fathom("quantize", "m", "m.gguf", "--to", "q8");
    expect_failure(2, "fathom: 'm.gguf' is there already, and is not written over\n"
                      "try 'fathom help quantize'\n");
    fathom("quantize", "m", "x.gguf", "--to", "q8", "--parts", "all");
    expect_failure(2, "fathom: a GGUF file holds the language model alone: '--parts all' wants a "
                      "folder\ntry 'fathom help quantize'\n");
    fathom("quantize", "m", "x", "--to", "q8", "--format", "onnx");
    expect_failure(2, "fathom: option '--format' wants gguf or safetensors, not 'onnx'\n"
                      "try 'fathom help quantize'\n");
}

Test(models, list_says_what_a_folder_holds)
{
    fathom("init", "tiny", "--config", "tiny");
    expect_success();
    fathom("list", "./tiny");
    expect_success();
    cr_expect(contains(OUT, "tiny: takes text, pictures, depth, intrinsics, pose; gives text and a "
                            "metric\n  scale\n"),
              "%s", OUT);
    cr_expect(contains(OUT, "scale_decoder"), "%s", OUT);
    cr_expect(contains(OUT, "MapAnything v1,"), "%s", OUT);
    cr_expect(eq(int, contains(OUT, "cannot be used"), false), "%s", OUT);
    fathom("list", "tiny", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"schema\": \"fathom.model/1\""), "%s", OUT);
    cr_expect(contains(OUT, "\"unusable\": 0"), "%s", OUT);

    /* Another part's weights in place of its own. */
    cr_assert(eq(
        int, rename("tiny/scale_decoder/model.safetensors", "tiny/mm_projector/model.safetensors"),
        0));
    fathom("list", "./tiny");
    cr_expect(ne(int, last.code, 0));
    cr_expect(contains(ERR, "scale_decoder"), "%s", ERR);
    fathom("list", "./nowhere");
    cr_expect(contains(ERR, "nowhere"), "%s", ERR);
}

/* A model that is large enough for its packed weights to be kept: 17 MiB in f32. */
static void make_kept_model(void)
{
    static const char config[] =
        "{\"model_type\": \"qwen2\", \"hidden_size\": 64, \"num_hidden_layers\": 1, "
        "\"num_attention_heads\": 2, \"intermediate_size\": 64, \"vocab_size\": 34000}";

    scratch_write("kept.json", config, sizeof(config) - 1);
    fathom("init", "kept", "--config", "kept.json", "--kind", "f32");
    expect_success();
}

Test(models, packed_weights_are_kept_told_and_pruned)
{
    make_kept_model();
    fathom("ask", "kept", "Hello", "--max-tokens", "1", "--packed-dir", "none");
    expect_success();
    fathom("cache", "stat", "--packed");
    expect_success();
    cr_expect(contains(OUT, "0 packed models, 0 bytes: "), "%s", OUT);

    for (int i = 0; i < 2; i++) {
        fathom("ask", "kept", "Hello", "--max-tokens", "1");
        expect_success();
        fathom("cache", "stat", "--packed");
        expect_success();
        cr_expect(contains(OUT, "1 packed model, 8.4 MiB, last used "), "%s", OUT);
        cr_expect(contains(OUT, "/kept\n"), "%s", OUT);
    }
    fathom("cache", "stat", "--packed", "--json");
    expect_success();
    cr_expect(contains(OUT, "\"weights\": \"as_stored\""), "%s", OUT);

    fathom("cache", "verify", "--packed");
    expect_failure(2, "fathom: packed weights are checked whenever they are used: 'fathom cache "
                      "verify' has nothing to do for them\ntry 'fathom help cache'\n");
    fathom("cache", "prune", "--packed", "--max-age", "1d");
    expect_success();
    cr_expect(contains(OUT, "removed 0 packed models"), "%s", OUT);
    fathom("cache", "prune", "--packed", "--max-size", "0");
    expect_success();
    cr_expect(contains(OUT, "removed 1 packed model, 8.4 MiB"), "%s", OUT);
    fathom("cache", "stat", "--packed");
    cr_expect(contains(OUT, "0 packed models"), "%s", OUT);
}

Test(models, ask_says_which_file_is_broken_and_how)
{
    fm_buf whole = {0}, spoilt = {0};
    uint64_t header;

    fathom("init", "m", "--config", "tiny");
    expect_success();
    cr_assert(fm_file_read("m/llm/model.safetensors", 1 << 24, &whole, NULL) == FM_OK);
    memcpy(&header, whole.data, sizeof(header));

    scratch_write("m/llm/model.safetensors", whole.data, whole.size / 2);
    fathom("ask", "m", "Where?");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "fathom: m/llm/model.safetensors: the tensor 'model."), "%s", ERR);
    cr_expect(contains(ERR, "' lies outside of the file, which may be truncated\n"), "%s", ERR);

    fm_buf_append(&spoilt, whole.data, whole.size);
    memset(spoilt.data + 8 + header, 0xff, whole.size - 8 - header);
    scratch_write("m/llm/model.safetensors", spoilt.data, spoilt.size);
    fathom("ask", "m", "Where?");
    expect_failure(4, "fathom: m/llm: the weights 'model.layers.0.input_layernorm.weight' hold a "
                      "value that is not finite\n");

    /* The first digit of the first shape. */
    char *shape = strstr(whole.data + 8, "\"shape\": [");
    cr_assert(shape != NULL);
    shape[strlen("\"shape\": [")] = '9';
    scratch_write("m/llm/model.safetensors", whole.data, whole.size);
    fathom("ask", "m", "Where?");
    cr_expect(eq(int, last.code, 4));
    cr_expect(contains(ERR, "fathom: m/llm/model.safetensors: the shape of "), "%s", ERR);
    fm_buf_release(&whole);
    fm_buf_release(&spoilt);
}

/* It is young, but a length in the right unit is its trade. */
Test(models, one_comes_with_fathom_and_is_known_by_its_name)
{
    fathom("list", "robotracer-nano");
    expect_success();
    cr_expect(contains(OUT, "scale_decoder"), "%s", OUT);
    fathom("bench", "robotracer-nano", "-r", "1", "--prompt", "20", "--tokens", "3", "--picture",
           "64x48");
    expect_success();

    fathom("world", "--layout", "questions", "--split", "validation", "--count", "6", "-o", "q");
    expect_success();
    fathom("run", "tabletop-measuring", "--data", "q", "--adapter", "engine", "--out", "r");
    expect_success();
    cr_expect(contains(OUT, "engine robotracer-nano"), "%s", OUT);
    fm_buf results = {0};
    cr_assert(eq(int, fm_file_read("r/results.json", 1 << 20, &results, NULL), FM_OK));
    cr_expect(contains(fm_buf_text(&results), "\"unparsed\": 0"), "%s", OUT);
    fm_buf_release(&results);
}

/* Replies of two models never share a run, whatever the models are called; and one model may go elsewhere. */
Test(models, a_run_goes_on_with_the_model_that_it_is_of)
{
    fathom("init", "tiny", "--config", "tiny");
    expect_success();
    fathom("world", "--count", "2", "--size", "64x48", "--out", "scenes");
    expect_success();
    fathom("run", "tabletop-3d", "--adapter", "engine", "--model", "tiny", "--set", "max_tokens=4",
           "--data", "scenes", "--limit", "1", "--out", "run");
    expect_success();
    cr_assert(eq(int, rename("tiny", "moved"), 0));
    fathom("run", "tabletop-3d", "--adapter", "engine", "--model", "moved", "--set", "max_tokens=4",
           "--data", "scenes", "--out", "run");
    expect_success();
    fathom("init", "tiny", "--config", "tiny", "--seed", "91");
    expect_success();
    fathom("run", "tabletop-3d", "--adapter", "engine", "--model", "tiny", "--set", "max_tokens=4",
           "--data", "scenes", "--out", "run");
    cr_expect(eq(int, last.code, 2), "%s", ERR);
    cr_expect(contains(ERR, "holds another run: its model (sha256) is"), "%s", ERR);
}

Test(models, ask_takes_depth_of_the_shape_of_its_picture)
{
    fm_raster depth = {0};

    make_desk();
    fathom("ask", "tiny", "a", "-i", "desk.png", "--draw", "./desk.png");
    expect_failure(2, "fathom: '--draw ./desk.png' is the picture itself\ntry 'fathom help ask'\n");
    fathom("ask", "tiny", "a", "-i", "desk.png", "--draw", "none/trace.png");
    cr_expect(eq(str, OUT, ""), "it is told before anything is asked");
    cr_expect(contains(ERR, "cannot write 'none/trace.png': No such file"), "%s", ERR);
    fathom("ask", "tiny", "a", "-i", "desk.png", "--depth", "depth.png", "--max-tokens", "1");
    expect_success();
    cr_expect(contains(ERR, "depth is not looked at without --intrinsics"), "%s", ERR);
    fathom("ask", "tiny", "a", "-i", "desk.png", "--depth", "depth.png", "--intrinsics",
           "60,60,32,24", "--max-tokens", "1");
    cr_expect(not(contains(ERR, "not looked at")), "%s", ERR);
    cr_assert(eq(int, fm_raster_reserve(&depth, 48, 48, 1, 16, NULL), FM_OK));
    cr_assert(eq(int, fm_raster_save_png(&depth, "square.png", NULL), FM_OK));
    fm_raster_release(&depth);
    fathom("ask", "tiny", "a", "-i", "desk.png", "--depth", "square.png", "--max-tokens", "1");
    expect_failure(4, "fathom: 'square.png' is of 48 x 48 pixels, which is another shape than the "
                      "picture's 64 x 48\n");
}

static void ask_from(const char *path)
{
    program_wait(
        program_start_with(FATHOM_WORDS("ask", "tiny", "--max-tokens", "2"), path, "stdout"));
}

Test(models, ask_says_what_it_cannot_read)
{
    fathom("init", "tiny", "--config", "tiny");
    expect_success();
    scratch_write("questions", "\n  \nIs it red\0 or blue?\n", 23);
    ask_from("questions");
    expect_failure(4, "fathom: standard input:3: a question with a NUL byte\n");
    cr_expect(eq(str, OUT, ""));
    ask_from("tiny");
    cr_expect(eq(int, last.code, 1), "%s", ERR);
    cr_expect(contains(ERR, "cannot read questions from standard input"), "%s", ERR);
}

/* Its own program reads lines as they come; a signal in the midst of one ends it. */
Test(models, ask_takes_lines_in_pieces_and_ends_within_one, .timeout = 60)
{
    fathom("init", "tiny", "--config", "tiny");
    expect_success();
    cr_assert(eq(int, mkfifo("questions", 0600), 0));
    int held = open("questions", O_RDWR | O_CLOEXEC);
    cr_assert(ge(int, held, 0));
    pid_t pid = program_start_with(FATHOM_WORDS("ask", "tiny", "--max-tokens", "2", "--json"),
                                   "questions", "stdout");
    static const char *const pieces[] = {"Is it ", "red?\r\n\nIs it blue?\nIs it"};
    for (size_t i = 0; i < FM_COUNT_OF(pieces); i++) {
        cr_assert(gt(int, (int)write(held, pieces[i], strlen(pieces[i])), 0));
        usleep(20000);
    }
    fm_buf said = {0};
    for (int i = 0; i < 3000 && !contains(fm_buf_text(&said), "Is it blue?"); i++) {
        usleep(10000);
        fm_buf_clear(&said);
        cr_assert(eq(int, fm_file_read("stdout", 1 << 20, &said, NULL), FM_OK));
    }
    cr_expect(contains(fm_buf_text(&said), "\"Is it red?\""), "%s", fm_buf_text(&said));
    usleep(20000);
    kill(pid, SIGTERM);
    cr_expect(eq(int, program_wait(pid)->code, 130), "%d: %s", last.code, ERR);
    fm_buf_release(&said);
    close(held);
}

/* At every moment: also between the look at what has been asked to stop and the waiting. */
Test(models, ask_ends_while_it_waits_for_a_question, .timeout = 60)
{
    fathom("init", "tiny", "--config", "tiny");
    expect_success();
    cr_assert(eq(int, mkfifo("questions", 0600), 0));
    int held = open("questions", O_RDWR | O_CLOEXEC); /* never at its end */
    cr_assert(ge(int, held, 0));
    for (int round = 0; round < 20; round++) {
        pid_t pid = program_start_with(FATHOM_WORDS("ask", "tiny", "--max-tokens", "2"),
                                       "questions", "stdout");
        /* Half a line follows every other time. */
        cr_assert(gt(int, (int)write(held, "a\nb", round % 2 ? 2 : 3), 0));
        struct stat info = {0};
        for (int i = 0; i < 100000 && info.st_size == 0; i++) {
            usleep(100);
            (void)stat("stdout", &info);
        }
        usleep(20U * (unsigned)round);
        kill(pid, SIGTERM);
        cr_expect(eq(int, program_wait(pid)->code, 130), "%d: %s", last.code, ERR);
    }
    close(held);
}
