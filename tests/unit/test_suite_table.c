/* suites/common/table: rows to samples as suite.yaml's `data` says, and how descriptions and data that are
 * not sound are refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/size.h"
#include "base/text.h"
#include "suites/common/common.h"

static char root[64], data_dir[128], pictures_dir[128];
static fm_arena arena;

static void set_up(void)
{
    fm_err err = {0};

    snprintf(root, sizeof(root), "/tmp/fathom-loader-XXXXXX");
    cr_assert(mkdtemp(root) != NULL);
    snprintf(data_dir, sizeof(data_dir), "%s/set/snapshots/abc", root);
    snprintf(pictures_dir, sizeof(pictures_dir), "%s/pictures", root);
    cr_assert(fm_dir_make(data_dir, &err) == FM_OK, "%s", err.text);
}

static void tear_down(void)
{
    char command[128];

    fm_arena_release(&arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    cr_assert(system(command) == 0);
}

TestSuite(loader, .init = set_up, .fini = tear_down);

static void put(const char *name, const char *text)
{
    char path[FM_PATH_BYTES], folder[FM_PATH_BYTES];
    fm_err err = {0};

    snprintf(path, sizeof(path), "%s/%s", data_dir, name);
    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
    cr_assert(fm_dir_make(folder, &err) == FM_OK, "%s", err.text);
    cr_assert(fm_file_write_atomic(path, text, strlen(text), &err) == FM_OK, "%s", err.text);
}

static fm_status open_kind(void **state, fm_answer_kind kind, const char *data,
                           const char *pictures, bool grading, fm_err *err)
{
    fm_loader_config config = {.data_dir = data_dir,
                               .kind = kind,
                               .data = data,
                               .pictures_dir = pictures,
                               .names = pictures == NULL,
                               .grading = grading,
                               .task = "demo"};

    return fm_loader_table.open(state, &config, err);
}

static void *open_good(fm_answer_kind kind, const char *data, const char *pictures, bool grading)
{
    void *state = NULL;
    fm_err err = {0};

    cr_assert(open_kind(&state, kind, data, pictures, grading, &err) == FM_OK, "%s", err.text);
    return state;
}

/* The next sample, whole. */
static fm_status step(void *state, fm_sample *out, bool *more, fm_err *err)
{
    fm_status st = fm_loader_table.next(state, &arena, out, more, err);

    return st == FM_OK && *more ? fm_loader_table.complete(state, &arena, out, err) : st;
}

static bool next(void *state, fm_sample *out)
{
    bool more;
    fm_err err = {0};

    cr_assert(step(state, out, &more, &err) == FM_OK, "%s", err.text);
    return more;
}

/* ---- choices ---- */

static const char choices[] =
    "{\"files\": [\"2D/part-*.jsonl\"], \"where\": {\"task\": [\"Depth\", 7], \"on\": [true]},"
    "\"columns\": {\"instruction\": \"q\", \"category\": \"task\", \"source\": \"src\","
    "\"options\": \"choices\", \"steps\": \"n\"}, \"truth\": {\"column\": \"a\", \"as\": "
    "\"letter\"}}";

Test(loader, rows_of_several_files_become_samples)
{
    fm_sample s;

    put("2D/part-1.jsonl",
        "{\"task\": 7, \"on\": true, \"q\": \"third\", \"choices\": [\"x\", \"y\"], "
        "\"a\": \"B.\", \"src\": \"COCO\", \"n\": 3}\n");
    put("2D/part-0.jsonl",
        "{\"task\": \"Depth\", \"on\": true, \"q\": \"first\", \"choices\": [\"x\", \"y\", \"z\"], "
        "\"a\": \"(C)\"}\n"
        "{\"task\": \"Count\", \"on\": true, \"q\": \"other\"}\n"
        "{\"task\": \"Depth\", \"on\": false, \"q\": \"other\"}\n"
        "{\"task\": \"Depth\", \"on\": true, \"q\": \"second\", \"choices\": [1, 2.5], \"a\": "
        "\"a\"}\n");
    put("2D/other.jsonl", "nothing that is read");
    void *state = open_good(FM_ANSWER_CHOICE, choices, NULL, false);

    cr_assert(next(state, &s));
    cr_assert(eq(str, (char *)s.id, "0"));
    cr_assert(eq(str, (char *)s.instruction, "first"));
    cr_assert(eq(str, (char *)s.category, "Depth"));
    cr_assert(s.source == NULL && s.steps == 0 && s.kind == FM_ANSWER_CHOICE);
    cr_assert(eq(sz, s.truth.choice.n, 3));
    cr_assert(eq(sz, s.truth.choice.index, 2));
    cr_assert(eq(str, (char *)s.truth.choice.options[2], "z"));
    cr_assert(next(state, &s));
    cr_assert(eq(str, (char *)s.id, "1"));
    cr_assert(eq(str, (char *)s.truth.choice.options[1], "2.5"));
    cr_assert(eq(sz, s.truth.choice.index, 0));
    cr_assert(next(state, &s));
    cr_assert(eq(str, (char *)s.instruction, "third"));
    cr_assert(eq(str, (char *)s.source, "COCO"));
    cr_assert(eq(int, s.steps, 3));
    cr_assert(next(state, &s) == false);
    fm_loader_table.close(state);
}

Test(loader, intrinsics_stand_in_a_matrix)
{
    fm_sample s;

    put("a.jsonl",
        "{\"q\": \"?\", \"a\": \"yes\", \"k\": [[500, 0, 320.5], [0, 501, 240.5], [0, 0, 1]]}\n"
        "{\"q\": \"?\", \"a\": \"no\", \"k\": \"[[7,0,3,0],[0,8,4,0],[0,0,1,0],[0,0,0,1]]\"}\n"
        "{\"q\": \"?\", \"a\": \"no\", \"k\": null}\n");
    void *state = open_good(FM_ANSWER_YESNO,
                            "{\"files\": [\"a.jsonl\"], \"columns\": {\"instruction\": \"q\", "
                            "\"intrinsics\": \"k\"}, \"truth\": {\"column\": \"a\"}}",
                            NULL, false);

    cr_assert(next(state, &s));
    cr_assert(s.has_camera);
    cr_assert(eq(dbl, s.camera.fx, 500));
    cr_assert(eq(dbl, s.camera.fy, 501));
    cr_assert(eq(dbl, s.camera.cx, 320.5));
    cr_assert(eq(dbl, s.camera.cy, 240.5));
    cr_assert(next(state, &s));
    cr_assert(s.has_camera);
    cr_assert(eq(dbl, s.camera.fy, 8));
    cr_assert(eq(dbl, s.camera.cy, 4));
    cr_assert(next(state, &s));
    cr_assert(not(s.has_camera));
    fm_loader_table.close(state);
}

static const char lettered[] =
    "{\"files\": [\"a.tsv\"], \"columns\": {\"id\": \"index\", "
    "\"instruction\": [\"hint\", \"question\"], \"options\": [\"A\", \"B\", "
    "\"C\"]}, \"truth\": {\"column\": \"answer\", \"as\": \"text\"}%s}";

Test(loader, options_stand_in_columns_and_can_be_shuffled)
{
    char data[512];
    fm_sample s;
    bool moved = false;

    put("a.tsv", "index\thint\tquestion\tA\tB\tC\tanswer\n"
                 "x1\tlook\twhere?\tleft\tright\t\tright\n"
                 "x2\t\twhere?\tl\tr\tm\tm\n"
                 "x3\t\twhere?\tl\tr\tm\tl\n");
    for (int shuffled = 0; shuffled < 2; shuffled++) {
        snprintf(data, sizeof(data), lettered, shuffled ? ", \"shuffle_options\": \"hash\"" : "");
        void *state = open_good(FM_ANSWER_CHOICE, data, NULL, false);
        static const char *const right[] = {"right", "m", "l"};

        for (int i = 0; i < 3; i++) {
            cr_assert(next(state, &s));
            const fm_truth_choice *c = &s.truth.choice;

            cr_assert(eq(str, (char *)c->options[c->index], (char *)right[i]));
            cr_assert(c->n == (i == 0 ? 2 : 3));
            moved = moved || (shuffled && c->index != (size_t[]){1, 2, 0}[i]);
            if (i == 0)
                cr_assert(eq(str, (char *)s.instruction, "look\n\nwhere?"));
        }
        fm_loader_table.close(state);
    }
    cr_assert(moved, "some order of three differs");
}

/* ---- the other truths ---- */

#define COLUMNS "\"files\": [\"a.json\"], \"columns\": {\"instruction\": \"q\"%s}, \"truth\": "

static fm_sample only_sample(fm_answer_kind kind, const char *more_columns, const char *truth,
                             const char *row, const char *pictures)
{
    char data[1024];
    fm_sample s;

    snprintf(data, sizeof(data), "{" COLUMNS "%s}", more_columns, truth);
    put("a.json", row);
    void *state = open_good(kind, data, pictures, true);
    cr_assert(next(state, &s));
    fm_loader_table.close(state);
    return s;
}

Test(loader, yes_and_no)
{
    fm_sample s =
        only_sample(FM_ANSWER_YESNO, "", "{\"column\": \"a\", \"yes\": \"True\", \"no\": 0}",
                    "[{\"q\": \"?\", \"a\": \" true\"}]", NULL);

    cr_assert(s.truth.yesno.yes);
}

Test(loader, quantities_with_their_unit)
{
    fm_sample s = only_sample(
        FM_ANSWER_QUANTITY, "", "{\"column\": \"turns[1].v\", \"unit\": {\"column\": \"u\"}}",
        "[{\"q\": \"?\", \"turns\": [{}, {\"v\": [2, 0.5]}], \"u\": \"Feet\"}]", NULL);

    cr_assert(eq(str, (char *)s.truth.quantity.unit, "ft"));
    cr_assert(eq(sz, s.truth.quantity.n, 2));
    cr_assert(s.truth.quantity.values[0] == 2 && s.truth.quantity.values[1] == 0.5);
}

Test(loader, quantities_out_of_words)
{
    static const char *const said =
        "[{\"q\": \"<image>\\nIf the bed is 2 m long, how large is the table?\","
        " \"a\": \"The bed is 2 m long, the table 1.2 m x 80 cm.\"}]";
    fm_sample s =
        only_sample(FM_ANSWER_QUANTITY, "", "{\"column\": \"a\", \"as\": \"lengths\"}", said, NULL);

    cr_assert(eq(sz, s.truth.quantity.n, 2));
    cr_assert(eq(str, (char *)s.truth.quantity.unit, "m"));
    cr_assert(s.truth.quantity.values[0] == 1.2 && s.truth.quantity.values[1] == 0.8);
    s = only_sample(FM_ANSWER_QUANTITY, "", "{\"column\": \"a\", \"as\": \"count\"}",
                    "[{\"q\": \"?\", \"a\": \"There are three chairs.\"}]", NULL);
    cr_assert(s.truth.quantity.n == 1 && s.truth.quantity.values[0] == 3);
    s = only_sample(FM_ANSWER_QUANTITY, "", "{\"column\": \"a\", \"as\": \"clock\"}",
                    "[{\"q\": \"?\", \"a\": \"At about 11 o'clock.\"}]", NULL);
    cr_assert(s.truth.quantity.n == 1 && s.truth.quantity.values[0] == 11);
    s = only_sample(FM_ANSWER_QUANTITY, "", "{\"column\": \"a\", \"as\": \"clock\"}",
                    "[{\"q\": \"?\", \"a\": \"Behind you.\"}]", NULL);
    cr_assert(eq(sz, s.truth.quantity.n, 0));
}

Test(loader, references_are_words)
{
    fm_sample s = only_sample(FM_ANSWER_TEXT, "", "{\"column\": \"turns[1].v\"}",
                              "[{\"q\": \"?\", \"turns\": [{}, {\"v\": \" The lamp. \"}]}]", NULL);

    cr_assert(eq(str, (char *)s.truth.text.reference, "The lamp."));
}

Test(loader, polygons_and_boxes)
{
    fm_sample s =
        only_sample(FM_ANSWER_POINTS, "",
                    "{\"polygon\": \"a\", \"space\": \"n1000\", "
                    "\"expected\": \"n\"}",
                    "[{\"q\": \"?\", \"a\": \"[(100, 250), (1000,0)]\", \"n\": 2}]", NULL);

    cr_assert(eq(sz, s.truth.region.n_polygon, 2));
    cr_assert(s.truth.region.normalised && s.truth.region.polygon[0][1] == 0.25);
    cr_assert(eq(sz, s.truth.region.expected, 2));
    s = only_sample(FM_ANSWER_POINTS, "",
                    "{\"box\": \"a\", \"space\": \"px\", \"order\": \"xywh\"}",
                    "[{\"q\": \"?\", \"a\": [[10, 20], [30, 40]]}]", NULL);
    cr_assert(s.truth.region.has_box && s.truth.region.normalised == false);
    cr_assert(s.truth.region.box[2] == 40 && s.truth.region.box[3] == 60);
}

Test(loader, paths_in_parts_of_the_picture_become_pixels)
{
    fm_sample s = only_sample(
        FM_ANSWER_PATH2D, ", \"width\": \"w\", \"height\": \"h\"",
        "{\"column\": \"a\", \"space\": \"n1\"}",
        "[{\"q\": \"?\", \"w\": 640, \"h\": 480, \"a\": [[0.5, 0.5], [1, 0]]}]", pictures_dir);

    cr_assert(eq(sz, s.truth.path.n, 2));
    cr_assert(s.truth.path.points[0][0] == 320 && s.truth.path.points[0][1] == 240);
}

/* Embodied-R1 publishes its truths so. */
Test(loader, a_truth_may_be_a_member_of_a_text_with_json)
{
    fm_sample s = only_sample(FM_ANSWER_PATH2D, "",
                              "{\"column\": \"a\", \"space\": \"px\", \"member\": \"trajectory\"}",
                              "[{\"q\": \"?\", \"a\": \"<type>fsd</type>{\\\"n\\\": 7, "
                              "\\\"trajectory\\\": [[1.5, 2], [3, 4]]}\"}]",
                              NULL);

    cr_assert(eq(sz, s.truth.path.n, 2));
    cr_assert(s.truth.path.points[0][0] == 1.5 && s.truth.path.points[1][1] == 4);
    s = only_sample(FM_ANSWER_POINTS, "",
                    "{\"box\": \"a\", \"space\": \"px\", \"member\": \"bbox\"}",
                    "[{\"q\": \"?\", \"a\": \"{\\\"bbox\\\": [1, 2, 3, 4]}\"}]", NULL);
    cr_assert(s.truth.region.box[0] == 1 && s.truth.region.box[3] == 4);
}

/* ---- pictures ---- */

/* A PNG of 2 x 3 pixels, as far as its header. */
static const char picture[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\2\0\0\0\3\x08\0\0\0\0"
                              "\x3b\xc9\x65\x1e\0\0\0\0IEND\xae\x42\x60\x82";

static const char *picture_text(void)
{
    static fm_buf text;

    fm_buf_clear(&text);
    fm_base64_encode(&text, picture, sizeof(picture) - 1);
    return fm_buf_text(&text);
}

static void put_pictures(void)
{
    char row[1024];

    snprintf(row, sizeof(row),
             "[{\"q\": \"?\", \"i\": [null, \"%s\", \"data:image/png;base64,%s\"], \"m\": \"%s\"}]",
             picture_text(), picture_text(), picture_text());
    put("a.json", row);
}

static const char masked[] = "{\"files\": [\"a.json\"], \"columns\": {\"instruction\": \"q\", "
                             "\"images\": \"i\", \"mask\": \"m\"}, \"truth\": {\"mask\": true}}";

Test(loader, pictures_in_a_table_become_files_named_by_their_hash)
{
    char hash[FM_HASH_TEXT_BYTES], expected[FM_PATH_BYTES];
    fm_buf bytes = {0};
    fm_err err = {0};
    fm_sample s;

    put_pictures();
    fm_hash_bytes(picture, sizeof(picture) - 1, hash);
    snprintf(expected, sizeof(expected), "%s/%.2s/%s.png", pictures_dir, hash, hash + 2);
    for (int again = 0; again < 2; again++) {
        void *state = open_good(FM_ANSWER_POINTS, masked, pictures_dir, false);

        cr_assert(next(state, &s));
        fm_loader_table.close(state);
        cr_assert(eq(str, (char *)s.image_path, expected));
        cr_assert(eq(str, (char *)s.mask_path, expected));
        cr_assert(eq(sz, s.n_more_images, 1));
        fm_buf_clear(&bytes);
        cr_assert(fm_file_read(expected, 1 << 20, &bytes, &err) == FM_OK, "%s", err.text);
        cr_assert(bytes.size == sizeof(picture) - 1 &&
                  memcmp(bytes.data, picture, bytes.size) == 0);
        cr_assert(truncate(expected, 5) == 0, "a torn file is written again");
    }
    fm_buf_release(&bytes);
}

Test(loader, without_a_folder_for_pictures_none_are_read)
{
    fm_sample s;

    put("a.json", "[{\"q\": \"?\", \"i\": \"no picture\", \"m\": 5}]");
    void *state = open_good(FM_ANSWER_POINTS, masked, NULL, false);

    cr_assert(next(state, &s));
    cr_assert(s.image_path == NULL && s.mask_path == NULL);
    fm_loader_table.close(state);
}

Test(loader, grading_takes_masks_and_sizes_and_no_more)
{
    char data[512];
    fm_sample s;

    put_pictures();
    void *state = open_good(FM_ANSWER_POINTS, masked, pictures_dir, true);
    cr_assert(next(state, &s));
    cr_assert(s.mask_path != NULL);
    fm_loader_table.close(state);
    snprintf(data, sizeof(data), "%s",
             "{\"files\": [\"a.json\"], \"columns\": {\"instruction\": \"q\", \"images\": \"i\"}, "
             "\"truth\": {\"column\": \"q\"}}");
    put("a.json", "[{\"q\": \"yes\", \"i\": \"no picture\"}]");
    state = open_good(FM_ANSWER_YESNO, data, pictures_dir, true);
    cr_assert(next(state, &s));
    cr_assert(s.image_path == NULL);
    fm_loader_table.close(state);
}

/* They would be missing in silence otherwise. */
Test(loader, pictures_in_cells_need_a_place)
{
    static const char data[] = "{\"files\": [\"a.json\"], \"columns\": {\"instruction\": \"q\", "
                               "\"images\": \"i\"}, \"truth\": {\"column\": \"q\"}}";
    fm_loader_config config = {
        .data_dir = data_dir, .kind = FM_ANSWER_YESNO, .data = data, .task = "demo"};
    void *state;
    fm_err err = {0};

    put("a.json", "[{\"q\": \"yes\"}]");
    cr_assert(eq(int, fm_loader_table.open(&state, &config, &err), FM_E_USAGE));
    cr_assert(strstr(err.text, "set HOME or XDG_CACHE_HOME") != NULL, "%s", err.text);
    config.grading = true; /* yes and no need no picture to be graded */
    cr_assert(eq(int, fm_loader_table.open(&state, &config, &err), FM_OK), "%s", err.text);
    fm_loader_table.close(state);
}

Test(loader, named_files_stay_inside_the_data)
{
    static const char data[] =
        "{\"files\": [\"a.json\"], \"columns\": {\"instruction\": \"q\", \"images\": \"i\", "
        "\"image_root\": \"images\"}, \"truth\": {\"column\": \"q\"}}";
    char expected[FM_PATH_BYTES];
    fm_err err = {0};
    fm_sample s;
    bool more;

    put("a.json", "[{\"q\": \"yes\", \"i\": \"1.png\"}, {\"q\": \"no\", \"i\": \"../../x.png\"}]");
    void *state = open_good(FM_ANSWER_YESNO, data, NULL, false);
    cr_assert(next(state, &s));
    snprintf(expected, sizeof(expected), "%s/images/1.png", data_dir);
    cr_assert(eq(str, (char *)s.image_path, expected));
    cr_assert(step(state, &s, &more, &err) == FM_E_INPUT);
    cr_assert(strstr(err.text, "a.json: row 2: column 'i'") && strstr(err.text, "would leave"),
              "%s", err.text);
    fm_loader_table.close(state);
}

Test(loader, a_column_names_the_folder_of_a_rows_files)
{
    static const char data[] =
        "{\"files\": [\"a.json\"], \"where\": {\"i\": \"present\"}, \"columns\": "
        "{\"instruction\": \"q\", \"images\": \"i\", \"image_root\": "
        "\"images/{kind}/small\"}, \"truth\": {\"column\": \"q\"}}";
    char expected[FM_PATH_BYTES];
    fm_err err = {0};
    fm_sample s;
    bool more;

    put("a.json", "[{\"q\": \"yes\"}, {\"q\": \"yes\", \"i\": null}, {\"q\": \"yes\", \"i\": \"\"},"
                  "{\"q\": \"yes\", \"i\": \"1.png\", \"kind\": \"cups\"},"
                  "{\"q\": \"yes\", \"i\": \"1.png\"}]");
    void *state = open_good(FM_ANSWER_YESNO, data, NULL, false);
    cr_assert(next(state, &s));
    snprintf(expected, sizeof(expected), "%s/images/cups/small/1.png", data_dir);
    cr_assert(eq(str, (char *)s.image_path, expected));
    cr_assert(step(state, &s, &more, &err) == FM_E_INPUT);
    cr_assert(strstr(err.text, "row 5: column 'kind' has no value, which is a folder's name") !=
                  NULL,
              "%s", err.text);
    fm_loader_table.close(state);
}

Test(loader, a_mark_is_left_out_wherever_it_stands)
{
    fm_sample s;

    put("a.jsonl",
        "{\"q\": \"<image>\\nwhere <image>is it<im<image>age><image> \", \"a\": \"yes\"}\n");
    void *state = open_good(FM_ANSWER_YESNO,
                            "{\"files\": [\"a.jsonl\"], \"columns\": {\"instruction\": "
                            "{\"columns\": \"q\", \"without\": \"<image>\"}}, "
                            "\"truth\": {\"column\": \"a\"}}",
                            NULL, false);
    cr_assert(next(state, &s));
    cr_expect(eq(str, (char *)s.instruction, "where is it<image>"));
    fm_loader_table.close(state);
}

/* A misspelt column of JSON would leave a model without its pictures, unnoticed. */
Test(loader, a_column_that_no_row_of_json_has_is_refused)
{
    static const char data[] =
        "{\"files\": [\"a.jsonl\"], \"columns\": {\"instruction\": \"q\", \"images\": \"%s\", "
        "\"image_root\": \"images\"}, \"truth\": {\"column\": \"q\"}}";
    char text[256];
    fm_err err = {0};
    fm_sample s;
    bool more;

    put("a.jsonl", "{\"q\": \"yes\"}\n{\"q\": \"no\", \"photo\": \"1.png\"}\n");
    for (int misspelt = 0; misspelt < 2; misspelt++) {
        snprintf(text, sizeof(text), data, misspelt ? "phto" : "photo");
        void *state = open_good(FM_ANSWER_YESNO, text, NULL, false);
        cr_assert(next(state, &s));
        cr_assert(next(state, &s));
        fm_status st = fm_loader_table.next(state, &arena, &s, &more, &err);
        cr_assert(eq(int, st, misspelt ? FM_E_INPUT : FM_OK));
        fm_loader_table.close(state);
    }
    cr_assert(strstr(err.text, "a.jsonl': no row has a column 'phto'") != NULL, "%s", err.text);
}

/* ---- the hub's cache ---- */

static void link_to(const char *target, const char *name)
{
    char path[FM_PATH_BYTES];

    snprintf(path, sizeof(path), "%s/%s", data_dir, name);
    cr_assert(symlink(target, path) == 0);
}

static const char simple[] = "{\"files\": [\"*.jsonl\"], \"columns\": {\"instruction\": \"q\"}, "
                             "\"truth\": {\"column\": \"q\"}}";

/* VLMEvalKit writes a picture once; rows that show it again have the index of its row in the cell. */
Test(loader, a_short_cell_names_the_row_that_has_the_picture)
{
    static const char data[] =
        "{\"files\": [\"a.jsonl\"], \"where\": {\"kind\": [\"b\"]}, \"columns\": {\"instruction\": "
        "\"q\", "
        "\"images\": \"p\", \"image_rows\": \"index\"}, \"truth\": {\"column\": \"q\"}}";
    char rows[1024], first[FM_PATH_BYTES];
    void *state;
    fm_sample s;
    fm_err err = {0};
    bool more;

    snprintf(
        rows, sizeof(rows),
        "{\"index\": 7, \"kind\": \"a\", \"q\": \"yes\", \"p\": \"data:image/png;base64,%s\"}\n"
        "{\"index\": 8, \"kind\": \"b\", \"q\": \"yes\", \"p\": \"7\"}\n"
        "{\"index\": 9, \"kind\": \"b\", \"q\": \"no\", \"p\": \"7\"}\n"
        "{\"index\": 10, \"kind\": \"b\", \"q\": \"no\", \"p\": \"11\"}\n",
        picture_text());
    put("a.jsonl", rows);
    state = open_good(FM_ANSWER_YESNO, data, pictures_dir, false);
    cr_assert(next(state, &s) && s.image_path);
    snprintf(first, sizeof(first), "%s", s.image_path);
    cr_assert(fm_file_exists(first));
    cr_assert(next(state, &s));
    cr_assert(eq(str, (char *)s.image_path, first));
    cr_assert(step(state, &s, &more, &err) == FM_E_INPUT);
    cr_assert(strstr(err.text, "row 4: column 'p' is no picture, and no row before it") != NULL,
              "%s", err.text);
    fm_loader_table.close(state);
}

Test(loader, a_folder_of_frames_is_shown_at_equal_distances)
{
    static const char data[] = "{\"files\": [\"a.jsonl\"], \"columns\": {\"instruction\": \"q\", "
                               "\"image_folder\": \"frames/{scene}\", \"image_most\": %d}, "
                               "\"truth\": {\"column\": \"q\"}}";
    static const struct {
        int most;
        const char *shown[4];
    } rows[] = {{1, {"2"}}, {2, {"0", "4"}}, {3, {"0", "2", "4"}}, {4, {"0", "1", "3", "4"}}};
    char text[256], name[32];
    bool more;
    fm_sample s;
    fm_err err = {0};

    put("a.jsonl", "{\"q\": \"yes\", \"scene\": \"s1\"}\n{\"q\": \"yes\", \"scene\": \"s2\"}\n"
                   "{\"q\": \"yes\", \"scene\": \"../s1\"}\n");
    put("frames/s1/notes.txt", "no picture");
    put("frames/s2/notes.txt", "no picture");
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "frames/s1/%d.jpg", i);
        put(name, "jpeg");
    }
    for (size_t r = 0; r < FM_COUNT_OF(rows); r++) {
        snprintf(text, sizeof(text), data, rows[r].most);
        void *state = open_good(FM_ANSWER_YESNO, text, pictures_dir, false);

        cr_assert(next(state, &s));
        cr_assert(eq(int, s.n_more_images, rows[r].most - 1));
        for (int k = 0; k < rows[r].most; k++) {
            snprintf(name, sizeof(name), "/frames/s1/%s.jpg", rows[r].shown[k]);
            cr_expect(strstr(k ? s.more_images[k - 1] : s.image_path, name) != NULL, "%d of %d", k,
                      rows[r].most);
        }
        cr_assert(step(state, &s, &more, &err) == FM_E_INPUT);
        cr_expect(strstr(err.text, "row 2: the folder 'frames/s2' has no pictures") != NULL, "%s",
                  err.text);
        cr_assert(step(state, &s, &more, &err) == FM_E_INPUT);
        cr_expect(strstr(err.text, "frames/../s1") != NULL, "%s", err.text);
        fm_loader_table.close(state);
    }
}

Test(loader, categories_take_several_values_together)
{
    fm_sample s;
    void *state;

    put("a.jsonl", "{\"q\": \"yes\", \"c\": \"far_easy\"}\n{\"q\": \"yes\", \"c\": \"near\"}\n");
    state =
        open_good(FM_ANSWER_YESNO,
                  "{\"files\": [\"a.jsonl\"], \"columns\": {\"instruction\": \"q\", \"category\": "
                  "\"c\", \"source\": \"c\"}, \"categories\": {\"far\": [\"far_easy\", "
                  "\"far_hard\"]}, \"truth\": {\"column\": \"q\"}}",
                  NULL, false);
    cr_assert(next(state, &s));
    cr_assert(eq(str, (char *)s.category, "far"));
    cr_assert(eq(str, (char *)s.source, "far_easy"));
    cr_assert(next(state, &s));
    cr_assert(eq(str, (char *)s.category, "near"));
    fm_loader_table.close(state);
}

Test(loader, options_may_begin_with_their_letters)
{
    fm_sample s =
        only_sample(FM_ANSWER_CHOICE, ", \"options\": {\"columns\": \"o\", \"lettered\": true}",
                    "{\"column\": \"a\"}",
                    "[{\"q\": \"?\", \"a\": \"B\", \"o\": [\"A. back-left\", \"B. left\"]}]", NULL);

    cr_assert(eq(str, (char *)s.truth.choice.options[0], "back-left"));
    cr_assert(eq(str, (char *)s.truth.choice.options[1], "left"));
}

Test(loader, links_of_a_snapshot_lead_to_its_blobs)
{
    char path[FM_PATH_BYTES];
    fm_err err = {0};
    fm_sample s;

    snprintf(path, sizeof(path), "%s/set/blobs", root);
    cr_assert(fm_dir_make(path, &err) == FM_OK);
    snprintf(path, sizeof(path), "%s/set/blobs/0123", root);
    cr_assert(fm_file_write_atomic(path, "{\"q\": \"yes\"}\n", 13, &err) == FM_OK);
    link_to("../../blobs/0123", "a.jsonl");
    void *state = open_good(FM_ANSWER_YESNO, simple, NULL, false);
    cr_assert(next(state, &s) && next(state, &s) == false);
    fm_loader_table.close(state);

    snprintf(path, sizeof(path), "%s/set/refs", root);
    cr_assert(fm_file_write_atomic(path, "{\"q\": \"yes\"}\n", 13, &err) == FM_OK);
    link_to("../../refs", "b.jsonl");
    state = NULL;
    cr_assert(open_kind(&state, FM_ANSWER_YESNO, simple, NULL, false, &err) == FM_E_INPUT);
    cr_assert(strstr(err.text, "b.jsonl' is a link that leaves its folder") != NULL, "%s",
              err.text);
}

Test(loader, the_fingerprint_is_of_names_and_bytes)
{
    char prints[4][FM_HASH_TEXT_BYTES];
    fm_err err = {0};

    for (int i = 0; i < 4; i++) {
        if (i == 0 || i == 1)
            put("a.jsonl", "{\"q\": \"yes\"}\n");
        if (i == 2)
            put("a.jsonl", "{\"q\": \"no\"}\n");
        if (i == 3)
            put("b.jsonl", "{\"q\": \"yes\"}\n");
        void *state = open_good(FM_ANSWER_YESNO, simple, NULL, false);
        cr_assert(fm_loader_table.fingerprint(state, prints[i], &err) == FM_OK, "%s", err.text);
        fm_loader_table.close(state);
    }
    cr_assert(eq(str, prints[0], prints[1]));
    cr_assert(ne(str, prints[1], prints[2]));
    cr_assert(ne(str, prints[2], prints[3]));
}

/* ---- what is refused ---- */

typedef struct {
    int kind;
    char data[260], problem[100];
} bad_spec;

#define C "\"columns\": {\"instruction\": \"q\"}"
#define F "\"files\": [\"*.jsonl\"]"

ParameterizedTestParameters(loader, descriptions_are_read_strictly)
{
    static bad_spec cases[] = {
        {FM_ANSWER_YESNO, "{" F "," C ",\"truht\": {}}",
         "'data' has no 'truht'; did you mean 'truth'?"},
        {FM_ANSWER_YESNO, "{" C ",\"truth\": {\"column\": \"q\"}}",
         "'files' must be a list of names"},
        {FM_ANSWER_YESNO, "{\"files\": [\"b-*.jsonl\"]," C ",\"truth\": {\"column\": \"q\"}}",
         "has no file 'b-*.jsonl'"},
        {FM_ANSWER_YESNO, "{\"files\": [\"../x\"]," C ",\"truth\": {\"column\": \"q\"}}",
         "would leave its folder"},
        {FM_ANSWER_YESNO, "{" F ",\"columns\": {\"instruction\": \"q\", \"imgaes\": \"i\"}}",
         "'columns' has no 'imgaes'; did you mean 'images'?"},
        {FM_ANSWER_YESNO, "{" F ",\"columns\": {\"id\": \"q\"}}", "'instruction' is missing"},
        {FM_ANSWER_YESNO, "{" F "," C ",\"truth\": {}}", "'truth' must have a 'column'"},
        {FM_ANSWER_YESNO, "{" F ",\"columns\": {\"instruction\": \"q\", \"width\": \"w\"}}",
         "both 'width' and 'height'"},
        {FM_ANSWER_YESNO, "{" F ",\"columns\": {\"instruction\": \"a[x]\"}}",
         "names an element of a list"},
        {FM_ANSWER_YESNO, "{" F ",\"where\": {\"a\": \"b\"}," C "}", "'where' must map columns"},
        {FM_ANSWER_YESNO,
         "{" F ",\"columns\": {\"instruction\": \"q\", \"images\": \"i\", \"image_root\": "
         "\"a/{b}/{c}\"}}",
         "'image_root' must be a folder, with at most one column"},
        {FM_ANSWER_CHOICE, "{" F "," C ",\"truth\": {\"column\": \"q\"}}", "'options' is missing"},
        {FM_ANSWER_CHOICE, "{" F "," C ",\"truth\": {\"column\": \"q\", \"as\": \"leter\"}}",
         "'as' must be one of letter, index, text"},
        {FM_ANSWER_QUANTITY, "{" F "," C ",\"truth\": {\"column\": \"q\"}}", "'unit' is missing"},
        {FM_ANSWER_POINTS, "{" F "," C ",\"truth\": {}}", "one of 'mask', 'polygon' and 'box'"},
        {FM_ANSWER_POINTS, "{" F "," C ",\"truth\": {\"box\": \"b\"}}", "'space' is missing"},
        {FM_ANSWER_TRACE3D, "{" F "," C ",\"truth\": {}}", "tables have no trace3d answers"},
        {FM_ANSWER_YESNO, "{" F "," C ",\"categories\": {\"a\": \"b\"}}",
         "'categories' must map names to lists"},
        {FM_ANSWER_YESNO, "{" F ",\"columns\": {\"instruction\": \"q\", \"image_folder\": \"a\"}}",
         "'image_folder' must name a column"},
        {FM_ANSWER_YESNO, "{" F ",\"columns\": {\"instruction\": \"q\", \"image_most\": 3}}",
         "'image_most' says how many"},
    };

    return cr_make_param_array(bad_spec, cases, FM_COUNT_OF(cases));
}

ParameterizedTest(bad_spec *c, loader, descriptions_are_read_strictly)
{
    void *state = NULL;
    fm_err err = {0};

    put("a.jsonl", "{\"q\": \"yes\"}\n");
    cr_assert(open_kind(&state, c->kind, c->data, NULL, false, &err) == FM_E_INPUT, "%s", c->data);
    cr_assert(strstr(err.text, c->problem) != NULL, "%s", err.text);
    cr_assert(strstr(err.text, "task 'demo'") || strstr(err.text, data_dir) ||
                  strstr(err.text, "would leave"),
              "%s", err.text);
}

typedef struct {
    int kind;
    char truth[120], row[120], problem[100];
} bad_row;

ParameterizedTestParameters(loader, rows_are_checked)
{
    static bad_row cases[] = {
        {FM_ANSWER_CHOICE, "{\"column\": \"a\"}", "{\"q\": \"?\"}", "column 'a' has no value"},
        {FM_ANSWER_CHOICE, "{\"column\": \"a\"}", "{\"q\": \"?\", \"a\": \"C\", \"o\": [1, 2]}",
         "column 'a' is beyond the options"},
        {FM_ANSWER_CHOICE, "{\"column\": \"a\"}", "{\"q\": \"?\", \"a\": \"cat\", \"o\": [1, 2]}",
         "column 'a' is no letter"},
        {FM_ANSWER_CHOICE, "{\"column\": \"a\", \"as\": \"index\"}",
         "{\"q\": \"?\", \"a\": 1.5, \"o\": [1, 2]}", "column 'a' is no index"},
        {FM_ANSWER_CHOICE, "{\"column\": \"a\", \"as\": \"text\"}",
         "{\"q\": \"?\", \"a\": \"1\", \"o\": [1, 1]}", "column 'a' is several of the options"},
        {FM_ANSWER_CHOICE, "{\"column\": \"a\"}", "{\"q\": \"?\", \"a\": \"A\", \"o\": [1]}",
         "column 'o' gives fewer than two options"},
        {FM_ANSWER_YESNO, "{\"column\": \"a\"}", "{\"q\": \"?\", \"a\": \"maybe\"}",
         "column 'a' is neither of yes and no"},
        {FM_ANSWER_YESNO, "{\"column\": \"a\"}", "{\"q\": null}", "column 'q' asks nothing"},
        {FM_ANSWER_YESNO, "{\"column\": \"a\"}", "{\"q\": {\"x\": 1}}", "column 'q' is no text"},
        {FM_ANSWER_YESNO, "{\"column\": \"a\"}", "{\"q\": [\"x\"]}",
         "column 'q' is neither a text nor a list of numbers"},
        {FM_ANSWER_TEXT, "{\"column\": \"a\"}", "{\"q\": \"?\"}", "column 'a' has no value"},
        {FM_ANSWER_YESNO, "{\"column\": \"a\"}", "{\"id\": \"a/b\", \"q\": \"?\"}",
         "column 'id' must be a plain name"},
        {FM_ANSWER_YESNO, "{\"column\": \"a\"}",
         "{\"q\": \"?\", \"a\": \"yes\", \"k\": [[5, 0], [0, 5]]}",
         "column 'k' is no 3x3 or 4x4 matrix"},
        {FM_ANSWER_YESNO, "{\"column\": \"a\"}",
         "{\"q\": \"?\", \"a\": \"yes\", \"k\": [[0, 0, 1], [0, 5, 1], [0, 0, 1]]}",
         "column 'k' is singular"},
        {FM_ANSWER_QUANTITY, "{\"column\": \"a\", \"unit\": \"miles\"}", "{\"q\": \"?\", \"a\": 1}",
         "has a unit that is none of"},
        {FM_ANSWER_QUANTITY, "{\"column\": \"a\", \"unit\": \"m\"}",
         "{\"q\": \"?\", \"a\": \"1 m\"}", "holds something else than finite numbers"},
        {FM_ANSWER_POINTS, "{\"box\": \"a\", \"space\": \"px\"}",
         "{\"q\": \"?\", \"a\": [5, 5, 1, 1]}", "is a box that ends before it begins"},
        {FM_ANSWER_POINTS, "{\"box\": \"a\", \"space\": \"px\", \"member\": \"bbox\"}",
         "{\"q\": \"?\", \"a\": \"{\\\"box\\\": [1, 2, 3, 4]}\"}",
         "column 'a' has no member 'bbox'"},
        {FM_ANSWER_POINTS, "{\"box\": \"a\", \"space\": \"px\", \"member\": \"bbox\"}",
         "{\"q\": \"?\", \"a\": \"[1, 2, 3, 4]\"}", "column 'a' holds no JSON object"},
        {FM_ANSWER_POINTS, "{\"box\": \"a\", \"space\": \"px\", \"member\": \"bbox\"}",
         "{\"q\": \"?\", \"a\": \"{\\\"bbox\\\": [1, true]}\"}",
         "holds something else than finite numbers"},
        {FM_ANSWER_POINTS, "{\"polygon\": \"a\", \"space\": \"n1\"}", "{\"q\": \"?\", \"a\": [5]}",
         "is no list of points"},
    };

    return cr_make_param_array(bad_row, cases, FM_COUNT_OF(cases));
}

ParameterizedTest(bad_row *c, loader, rows_are_checked)
{
    char data[400], row[200];
    void *state;
    fm_err err = {0};
    fm_sample s;
    bool more;

    snprintf(data, sizeof(data),
             "{" F ", \"columns\": {\"instruction\": \"q\"%s%s%s}, \"truth\": %s}",
             c->kind == FM_ANSWER_CHOICE ? ", \"options\": \"o\"" : "",
             strstr(c->row, "\"id\"") ? ", \"id\": \"id\"" : "",
             strstr(c->row, "\"k\"") ? ", \"intrinsics\": \"k\"" : "", c->truth);
    snprintf(row, sizeof(row), "%s\n", c->row);
    put("a.jsonl", row);
    state = open_good(c->kind, data, NULL, false);
    cr_assert(step(state, &s, &more, &err) == FM_E_INPUT);
    cr_assert(strstr(err.text, "a.jsonl: row 1: column '") && strstr(err.text, c->problem), "%s",
              err.text);
    fm_loader_table.close(state);
}
