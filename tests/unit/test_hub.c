/* hub/sources and hub/listing: what a suite file and a hub may say, and what they may not. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../support/torture.h"
#include "base/size.h"
#include "hub/listing.h"
#include "hub/sources.h"

#define SHA1   "0123456789abcdef0123456789abcdef01234567"
#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static fm_arena arena;
static fm_err err;

static void release(void)
{
    fm_arena_release(&arena);
}

TestSuite(hub, .fini = release);

/* ---- sources ---- */

Test(hub, a_mapping_may_be_one_source)
{
    fm_hub_sources s;

    cr_assert(eq(int,
                 fm_hub_sources_read(&s, "{\"repository\":\"a/b\",\"files\":[\"x/*.p\",\"y/\"]}",
                                     "f", &arena, &err),
                 FM_OK),
              "%s", err.text);
    cr_expect(eq(sz, s.n, 1));
    cr_expect(eq(str, (char *)s.items[0].repository, "a/b"));
    cr_expect(eq(str, (char *)s.items[0].revision, "main"));
    cr_expect(eq(sz, s.items[0].n_files, 2));
    cr_expect(s.items[0].folder == NULL && s.by_hand == NULL);
}

Test(hub, a_mapping_may_be_several_or_none)
{
    fm_hub_sources s;

    cr_assert(eq(int,
                 fm_hub_sources_read(&s,
                                     "{\"sources\":[{\"repository\":\"a/b\",\"revision\":\"v1\","
                                     "\"files\":[\"x\"],\"folder\":\"p\"},{\"url\":"
                                     "\"https://example.org/x.json\",\"sha256\":\"" SHA256
                                     "\",\"size\":7,\"name\":\"x.json\"}],\"by_hand\":\"ask\"}",
                                     "f", &arena, &err),
                 FM_OK),
              "%s", err.text);
    cr_expect(eq(sz, s.n, 2));
    cr_expect(eq(str, (char *)s.items[0].folder, "p"));
    cr_expect(eq(u64, s.items[1].size_bytes, 7));
    cr_assert(eq(int, fm_hub_sources_read(&s, "{\"by_hand\":\"ask\"}", "f", &arena, &err), FM_OK));
    cr_expect(eq(sz, s.n, 0));
    cr_expect(eq(str, (char *)s.by_hand, "ask"));
}

Test(hub, what_a_mapping_may_not_say_is_named)
{
#define URL(rest) "{\"url\":\"https://example.org/x\",\"sha256\":\"" SHA256 "\"," rest "}"
    static const struct {
        const char *mapping, *message;
    } rows[] = {
        {"[]", "f: 'hub' must be a mapping"},
        {"{}", "f: 'hub': a source has either a 'repository' or a 'url'"},
        {"{\"depot\":\"a/b\"}", "f: 'hub' has the unknown key 'depot'"},
        {"{\"repositry\":\"a/b\"}",
         "f: 'hub' has the unknown key 'repositry'; did you mean 'repository'?"},
        {"{\"repository\":\"a/b\"}", "f: 'hub': 'files' must be a list of 1 to 64 patterns"},
        {"{\"repository\":\"a\",\"files\":[\"x\"]}",
         "f: 'hub': 'a' is no data set: ORGANISATION/NAME"},
        {"{\"repository\":\"../b\",\"files\":[\"x\"]}",
         "f: 'hub': '../b' is no data set: ORGANISATION/NAME"},
        {"{\"repository\":\"a/b/c\",\"files\":[\"x\"]}",
         "f: 'hub': 'a/b/c' is no data set: ORGANISATION/NAME"},
        {"{\"repository\":\"a/b\",\"revision\":\"../x\",\"files\":[\"x\"]}",
         "f: 'hub': '../x' is no revision: a branch, a tag or a commit"},
        {"{\"repository\":\"a/b\",\"files\":[\"../x\"]}",
         "f: 'hub': 'files' must be a list of names or patterns inside the data set"},
        {"{\"repository\":\"a/b\",\"files\":[\"/\"]}",
         "f: 'hub': 'files' must be a list of names or patterns inside the data set"},
        {"{\"repository\":\"a/b\",\"files\":[\"x\"],\"folder\":\"..\"}",
         "f: 'hub': 'folder' must be inside the data folder"},
        {"{\"url\":\"http://example.org/x\"}", "f: 'hub': 'http://example.org/x' must be https"},
        {"{\"url\":\"file:///etc/passwd\"}",
         "f: 'hub' is no address of http or https: 'file:///etc/passwd'"},
        {"{\"url\":\"https://example.org/x\"}",
         "f: 'hub': a url needs its 'sha256', 64 digits, and its 'size' in bytes"},
        {URL("\"size\":0,\"name\":\"x\""),
         "f: 'hub': a url needs its 'sha256', 64 digits, and its 'size' in bytes"},
        {URL("\"size\":1"), "f: 'hub': a url needs a 'name' for its file in the data folder"},
        {URL("\"size\":1,\"name\":\"/x\""),
         "f: 'hub': a url needs a 'name' for its file in the data folder"},
        {"{\"sources\":[]}", "f: 'hub': 'sources' must be a list of 1 to 8"},
        {"{\"sources\":[[\"a/b\"]]}", "f: 'hub': a source must be a mapping"},
        {"{\"sources\":[{\"by_hand\":\"x\"}]}", "f: 'hub' has the unknown key 'by_hand'"},
    };

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        fm_hub_sources s = {.n = 77};

        cr_expect(eq(int, fm_hub_sources_read(&s, rows[i].mapping, "f", &arena, &err), FM_E_INPUT),
                  "%s", rows[i].mapping);
        cr_expect(eq(str, err.text, (char *)rows[i].message));
        cr_expect(eq(sz, s.n, 77), "it is untouched");
    }
}

Test(hub, patterns_stay_within_a_name_unless_they_end_with_a_slash)
{
    cr_expect(fm_hub_matches("data/*.parquet", "data/a.parquet"));
    cr_expect(not(fm_hub_matches("data/*.parquet", "data/x/a.parquet")));
    cr_expect(not(fm_hub_matches("*", "data/a")));
    cr_expect(fm_hub_matches("*/val-?.p", "b/val-1.p"));
    cr_expect(fm_hub_matches("raw/", "raw/1/image.png"));
    cr_expect(not(fm_hub_matches("raw/", "raw")));
    cr_expect(not(fm_hub_matches("raw/", "rawer/x")));
    cr_expect(not(fm_hub_matches("*", ".git")));
}

/* ---- what the hub says ---- */

static fm_status info(const char *body, fm_hub_info *out)
{
    return fm_hub_info_read(out, body, strlen(body), "a/b", &arena, &err);
}

Test(hub, the_licence_stands_on_the_card_or_in_the_tags)
{
    static const struct {
        const char *body, *licence;
        bool gated;
    } rows[] = {
        {"{\"sha\":\"" SHA1 "\",\"gated\":false,\"cardData\":{\"license\":\"mit\"}}", "mit", false},
        {"{\"sha\":\"" SHA1 "\",\"gated\":\"auto\",\"cardData\":{\"license\":[\"mit\",\"other\"]}}",
         "mit, other", true},
        {"{\"sha\":\"" SHA1 "\",\"gated\":\"manual\",\"tags\":[\"x\",\"license:cc-by-4.0\"]}",
         "cc-by-4.0", true},
        {"{\"sha\":\"" SHA1 "\",\"gated\":null}", NULL, false},
    };

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        fm_hub_info out = {0};

        cr_assert(eq(int, info(rows[i].body, &out), FM_OK), "%s", err.text);
        cr_expect(eq(str, out.commit, SHA1));
        cr_expect(eq(int, out.gated, rows[i].gated));
        cr_expect(rows[i].licence ? out.licence && strcmp(out.licence, rows[i].licence) == 0
                                  : out.licence == NULL);
    }
}

Test(hub, a_data_set_without_a_commit_is_refused)
{
    static const char *const bodies[] = {"[]", "{}", "{\"sha\":\"main\"}",
                                         "{\"sha\":\"../../../../../../../../../../../../../x\"}"};

    for (size_t i = 0; i < FM_COUNT_OF(bodies); i++) {
        fm_hub_info out;

        cr_expect(eq(int, info(bodies[i], &out), FM_E_INPUT));
        cr_expect(eq(str, err.text, "a/b: it names no commit"));
    }
}

static bool all(const void *context, const char *path)
{
    return !context || strcmp(context, path) != 0;
}

static fm_status list(fm_hub_listing *out, const char *body)
{
    return fm_hub_listing_add(out, body, strlen(body), "a/b", all, "skipped", &arena, &err);
}

Test(hub, a_file_of_lfs_has_the_hash_and_size_of_what_it_points_to)
{
    fm_hub_listing l = {0};

    cr_assert(eq(int,
                 list(&l, "[{\"type\":\"directory\",\"path\":\"d\"},"
                          "{\"type\":\"file\",\"path\":\"skipped\"},"
                          "{\"type\":\"file\",\"path\":\"d/a\",\"oid\":\"" SHA1 "\",\"size\":5},"
                          "{\"type\":\"file\",\"path\":\"d/b\",\"oid\":\"" SHA1 "\",\"size\":130,"
                          "\"lfs\":{\"oid\":\"" SHA256 "\",\"size\":7000}}]"),
                 FM_OK),
              "%s", err.text);
    cr_assert(eq(sz, l.n, 2));
    cr_expect(eq(sz, l.seen, 4));
    cr_expect(eq(str, (char *)l.items[0].hash, SHA1));
    cr_expect(eq(str, (char *)l.items[1].hash, SHA256));
    cr_expect(eq(u64, l.items[1].size, 7000));
}

Test(hub, an_entry_that_cannot_be_used_is_named)
{
#define ENTRY(path, rest) "[{\"type\":\"file\",\"path\":\"" path "\"" rest "}]"
#define RIGHT             ",\"oid\":\"" SHA1 "\",\"size\":1"
    static const struct {
        const char *body, *message;
    } rows[] = {
        {"{}", "a/b: it is no list of files"},
        {"[3]", "a/b: entry 1 has no type or no path"},
        {ENTRY("../x", RIGHT), "a/b: the name '../x' would leave its folder"},
        {ENTRY("/x", RIGHT), "a/b: the name '/x' would leave its folder"},
        {ENTRY("a//x", RIGHT), "a/b: the name 'a//x' would leave its folder"},
        {ENTRY("x", ",\"size\":1"), "a/b: 'x' has no usable hash"},
        {ENTRY("x", ",\"oid\":\"../../../../etc/passwd\",\"size\":1"),
         "a/b: 'x' has no usable hash"},
        {ENTRY("x", ",\"oid\":\"" SHA1 "\""), "a/b: 'x' has no usable size"},
        {ENTRY("x", ",\"oid\":\"" SHA1 "\",\"size\":-1"), "a/b: 'x' has no usable size"},
        {ENTRY("x", ",\"oid\":\"" SHA1 "\",\"size\":1e300"), "a/b: 'x' has no usable size"},
        {ENTRY("x", ",\"size\":1,\"lfs\":{\"oid\":\"" SHA1 "\",\"size\":1}"),
         "a/b: 'x' has no usable hash"},
    };

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        fm_hub_listing l = {0};

        cr_expect(eq(int, list(&l, rows[i].body), FM_E_INPUT), "%s", rows[i].body);
        cr_expect(eq(str, err.text, (char *)rows[i].message));
        cr_expect(eq(sz, l.n, 0));
    }
}

Test(hub, the_next_page_is_the_link_of_that_relation)
{
    static const struct {
        const char *link, *next;
    } rows[] = {
        {"<https://h/api?cursor=a>; rel=\"next\"", "https://h/api?cursor=a"},
        {"<https://h/1>; rel=\"prev\", <https://h/3>; rel=next", "https://h/3"},
        {"<https://h/1>; rel=\"last\"", NULL},
        {"<https://h/1", NULL},
        {"", NULL},
        {NULL, NULL},
    };

    for (size_t i = 0; i < FM_COUNT_OF(rows); i++) {
        const char *next = fm_hub_next_page(rows[i].link, &arena);

        cr_expect(rows[i].next ? next && strcmp(next, rows[i].next) == 0 : next == NULL, "%s",
                  rows[i].link ? rows[i].link : "none");
    }
}

/* ---- no memory ---- */

static struct {
    fm_hub_sources sources;
    fm_hub_info info;
    fm_hub_listing listing;
    const char *next;
} had;

static fm_status read_everything(fm_err *why)
{
    static const char mapping[] =
        "{\"sources\":[{\"repository\":\"a/b\",\"files\":[\"x\",\"y/\"],"
        "\"folder\":\"p\"},{\"url\":\"https://example.org/x\",\"sha256\":\"" SHA256
        "\",\"size\":7,\"name\":\"x\"}],\"by_hand\":\"ask\"}";
    static const char about[] = "{\"sha\":\"" SHA1 "\",\"cardData\":{\"license\":[\"mit\"]}}";
    static const char files[] =
        "[{\"type\":\"file\",\"path\":\"d/a\",\"oid\":\"" SHA1 "\",\"size\":5}]";
    fm_status st = fm_hub_sources_read(&had.sources, mapping, "f", &arena, why);

    if (st == FM_OK)
        st = fm_hub_info_read(&had.info, about, strlen(about), "a/b", &arena, why);
    if (st == FM_OK)
        st = fm_hub_listing_add(&had.listing, files, strlen(files), "a/b", all, "skipped", &arena,
                                why);
    if (st == FM_OK) {
        had.next = fm_hub_next_page("<https://h/3>; rel=next", &arena);
        if (!had.next && arena.failed)
            st = fm_fail(why, FM_E_NOMEM, "no memory for a page");
    }
    return st;
}

static void all_is_read(long n)
{
    cr_assert(had.sources.n == 2 && had.sources.by_hand && had.listing.n == 1, "allocation %ld", n);
    cr_assert(had.info.licence && strcmp(had.info.licence, "mit") == 0, "allocation %ld", n);
    cr_assert(had.next && strcmp(had.next, "https://h/3") == 0, "allocation %ld", n);
}

static void forget(void)
{
    fm_arena_release(&arena);
    memset(&had, 0, sizeof(had));
}

Test(hub, no_lack_of_memory_loses_a_file_or_a_licence)
{
    static const work reading = {.attempt = read_everything, .check = all_is_read, .clean = forget};

    cr_assert(gt(int, (int)torture(&reading), 20));
}
