/* Owns the schema of manifest.json. */
#include "core/manifest.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/threads.h"
#include "fathom/version.h"

enum { MAX_FILE_BYTES = 16 << 20 };

/* ---- writing ---- */

static void cpu_name(char *out, size_t size)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");

    snprintf(out, size, "unknown");
    while (f && fgets(line, sizeof(line), f)) {
        char *value = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || !value)
            continue;
        value += strspn(value, ": \t");
        value[strcspn(value, "\n")] = '\0';
        snprintf(out, size, "%s", value);
        break;
    }
    if (f)
        fclose(f);
}

static bool is_operational(const fm_adapter_ops *ops, const char *key)
{
    for (const fm_adapter_option *o = ops->options; o && o->name; o++)
        if (strcmp(o->name, key) == 0)
            return o->operational;
    return false;
}

fm_status fm_manifest_take_adapter(fm_manifest *m, const fm_adapter_ops *ops,
                                   const fm_setting *settings, size_t n_settings, fm_arena *arena,
                                   fm_err *err)
{
    bool *marks = fm_arena_alloc(arena, n_settings, sizeof(*marks));

    if (!marks)
        return fm_fail(err, FM_E_NOMEM, "no memory for the settings of '%s'", ops->name);
    for (size_t i = 0; i < n_settings; i++)
        marks[i] = is_operational(ops, settings[i].key);
    m->adapter = ops->name;
    m->settings = settings;
    m->operational = marks;
    m->n_settings = n_settings;
    m->sees_truth = (ops->caps & FM_CAP_SEES_TRUTH) != 0;
    return FM_OK;
}

static bool operational(const fm_manifest *m, size_t i)
{
    return m->operational && m->operational[i];
}

static void put_adapter(fm_json_writer *w, const fm_manifest *m)
{
    fm_json_open(w, "adapter", '{');
    fm_json_put_string(w, "name", m->adapter);
    if (m->predictions) {
        fm_json_put_string(w, "file", m->predictions);
        fm_json_put_string(w, "sha256", m->predictions_sha256);
    } else {
        fm_json_open(w, "settings", '[');
        for (size_t i = 0; i < m->n_settings; i++) {
            fm_json_open(w, NULL, '{');
            fm_json_put_string(w, "key", m->settings[i].key);
            fm_json_put_string(w, "value", m->settings[i].value);
            if (operational(m, i))
                fm_json_put_bool(w, "operational", true);
            fm_json_close(w, '}');
        }
        fm_json_close(w, ']');
        if (m->model_sha256)
            fm_json_put_string(w, "model_sha256", m->model_sha256);
        fm_json_put_int(w, "seed", (int64_t)m->seed);
        fm_json_put_number(w, "timeout_s", m->timeout_s);
        if (m->cached)
            fm_json_put_bool(w, "cached", true);
        if (m->replayed)
            fm_json_put_bool(w, "replayed", true);
    }
    fm_json_put_bool(w, "sees_truth", m->sees_truth);
    fm_json_close(w, '}');
}

fm_status fm_manifest_write(const fm_manifest *m, const char *path, fm_err *err)
{
    fm_buf text = {0};
    fm_json_writer w = {.out = &text, .pretty = true};
    char now[FM_CLOCK_TEXT_BYTES], cpu[256], prompt_hash[FM_HASH_TEXT_BYTES];
    fm_status st;

    fm_clock_utc(now);
    cpu_name(cpu, sizeof(cpu));
    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", FM_MANIFEST_SCHEMA);
    fm_json_put_string(&w, "created", now);
    fm_json_open(&w, "fathom", '{');
    fm_json_put_string(&w, "version", FM_VERSION);
    fm_json_put_string(&w, "compiler", FM_COMPILER);
    fm_json_put_string(&w, "build", FM_BUILD_TYPE);
    fm_json_close(&w, '}');
    fm_json_open(&w, "machine", '{');
    fm_json_put_string(&w, "cpu", cpu);
    fm_json_put_int(&w, "threads", fm_threads_available());
    fm_json_close(&w, '}');
    fm_json_open(&w, "suite", '{');
    fm_json_put_string(&w, "name", m->suite);
    fm_json_put_string(&w, "version", m->suite_version);
    fm_json_put_string(&w, "task", m->task);
    fm_json_put_string(&w, "protocol", m->protocol);
    fm_json_put_int(&w, "protocol_version", m->protocol_version);
    fm_json_close(&w, '}');
    fm_json_put_string(&w, "answers", fm_answers_family_name(m->answers));
    fm_json_open(&w, "data", '{');
    fm_json_put_string(&w, "dir", m->data_dir);
    fm_json_put_string(&w, "annotations", m->annotations);
    fm_json_put_string(&w, "sha256", m->data_sha256);
    if (m->frames)
        fm_json_put_int(&w, "frames", (int64_t)m->frames);
    fm_json_close(&w, '}');
    if (m->prompt) {
        fm_hash_bytes(m->prompt, strlen(m->prompt), prompt_hash);
        fm_json_open(&w, "prompt", '{');
        fm_json_put_string(&w, "text", m->prompt);
        fm_json_put_string(&w, "sha256", prompt_hash);
        if (m->prompt_file)
            fm_json_put_string(&w, "file", m->prompt_file);
        fm_json_close(&w, '}');
    } else {
        fm_json_put_null(&w, "prompt");
    }
    put_adapter(&w, m);
    fm_json_open(&w, "selection", '{');
    fm_selection_put(&m->selection, &w);
    fm_json_close(&w, '}');
    fm_json_close(&w, '}');
    fm_buf_putc(&text, '\n');
    st = fm_buf_check(&text, "the manifest", err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, text.data, text.size, err);
    fm_buf_release(&text);
    return st;
}

/* ---- reading ---- */

typedef struct {
    const char *path;
    fm_arena *arena;
    fm_err *err;
    fm_status st; /* the first failure; later reads do nothing */
} reader;

static const char *need_text(reader *r, const cJSON *object, const char *key)
{
    const char *text = fm_json_string(object, key);

    if (r->st != FM_OK)
        return NULL;
    if (!text) {
        r->st = fm_fail(r->err, FM_E_INPUT, "%s: member '%s' is missing or no text", r->path, key);
        return NULL;
    }
    text = fm_arena_strdup(r->arena, text);
    if (!text)
        r->st = fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->path);
    return text;
}

static uint64_t need_count(reader *r, const cJSON *object, const char *key, uint64_t most)
{
    double value = fm_json_number(object, key, -1);

    if (r->st == FM_OK && !(value >= 0 && value <= (double)most))
        r->st = fm_fail(r->err, FM_E_INPUT, "%s: member '%s' is missing or no count", r->path, key);
    return r->st == FM_OK ? (uint64_t)value : 0;
}

static void read_settings(reader *r, const cJSON *array, fm_manifest *m)
{
    const cJSON *item;
    size_t n = (size_t)cJSON_GetArraySize(array);
    fm_setting *settings = fm_arena_alloc(r->arena, n, sizeof(*settings));
    bool *marks = fm_arena_alloc(r->arena, n, sizeof(*marks));

    if (!settings || !marks) {
        r->st = fm_fail(r->err, FM_E_NOMEM, "no memory for '%s'", r->path);
        return;
    }
    cJSON_ArrayForEach(item, array)
    {
        settings[m->n_settings].key = need_text(r, item, "key");
        settings[m->n_settings].value = need_text(r, item, "value");
        marks[m->n_settings++] = fm_json_bool(item, "operational", false);
    }
    m->settings = settings;
    m->operational = marks;
}

static void read_adapter(reader *r, const cJSON *adapter, fm_manifest *m)
{
    m->adapter = need_text(r, adapter, "name");
    m->sees_truth = fm_json_bool(adapter, "sees_truth", false);
    if (fm_json_get(adapter, "file")) {
        m->predictions = need_text(r, adapter, "file");
        m->predictions_sha256 = need_text(r, adapter, "sha256");
        return;
    }
    read_settings(r, fm_json_get(adapter, "settings"), m);
    if (fm_json_get(adapter, "model_sha256"))
        m->model_sha256 = need_text(r, adapter, "model_sha256");
    m->seed = need_count(r, adapter, "seed", FM_MANIFEST_MAX_COUNT);
    m->timeout_s = fm_json_number(adapter, "timeout_s", 0);
    m->cached = fm_json_bool(adapter, "cached", false);
    m->replayed = fm_json_bool(adapter, "replayed", false);
}

/* Manifests of fathom 0.1 had a limit in its place. */
static void read_selection(reader *r, const cJSON *root, fm_manifest *m)
{
    const cJSON *selection = fm_json_get(root, "selection");

    if (!selection)
        m->selection.limit = need_count(r, root, "limit", FM_MANIFEST_MAX_COUNT);
    else if (r->st == FM_OK)
        r->st = fm_selection_get(selection, r->path, r->arena, &m->selection, r->err);
}

fm_status fm_manifest_read(const char *path, fm_arena *arena, fm_manifest *out, fm_err *err)
{
    reader r = {.path = path, .arena = arena, .err = err};
    fm_manifest m = {0};
    cJSON *root = NULL;

    r.st = fm_json_load(path, MAX_FILE_BYTES, &root, err);
    if (r.st != FM_OK)
        return r.st;
    const char *schema = fm_json_string(root, "schema");
    if (!schema || strcmp(schema, FM_MANIFEST_SCHEMA) != 0) {
        r.st = fm_fail(err, FM_E_INPUT, "%s: schema '%s' is not '" FM_MANIFEST_SCHEMA "'", path,
                       schema ? schema : "(none)");
        goto done;
    }
    const cJSON *suite = fm_json_get(root, "suite"), *data = fm_json_get(root, "data"),
                *prompt = fm_json_get(root, "prompt");
    m.suite = need_text(&r, suite, "name");
    m.suite_version = need_text(&r, suite, "version");
    m.task = need_text(&r, suite, "task");
    m.protocol = need_text(&r, suite, "protocol");
    m.protocol_version = (int)need_count(&r, suite, "protocol_version", INT_MAX);
    const char *answers = need_text(&r, root, "answers");
    if (answers && !fm_answers_family_from_name(answers, &m.answers))
        r.st = fm_fail(err, FM_E_INPUT, "%s: unknown answers '%s'", path, answers);
    m.data_dir = need_text(&r, data, "dir");
    if (cJSON_IsString(fm_json_get(data, "annotations")))
        m.annotations = need_text(&r, data, "annotations");
    const char *sha256 = need_text(&r, data, "sha256");
    snprintf(m.data_sha256, sizeof(m.data_sha256), "%s", sha256 ? sha256 : "");
    if (fm_json_get(data, "frames"))
        m.frames = need_count(&r, data, "frames", FM_MAX_PICTURES);
    if (cJSON_IsObject(prompt))
        m.prompt = need_text(&r, prompt, "text");
    if (fm_json_get(prompt, "file"))
        m.prompt_file = need_text(&r, prompt, "file");
    read_adapter(&r, fm_json_get(root, "adapter"), &m);
    read_selection(&r, root, &m);
    if (r.st == FM_OK)
        *out = m;
done:
    cJSON_Delete(root);
    return r.st;
}

/* ---- comparing ---- */

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Where they differ, notes it in *out. */
static bool differ(const char *what, const char *a, const char *b, fm_manifest_difference *out)
{
    if (same(a, b))
        return false;
    out->what = what;
    snprintf(out->a, sizeof(out->a), "%s", a ? a : "(none)");
    snprintf(out->b, sizeof(out->b), "%s", b ? b : "(none)");
    return true;
}

static const char *setting_of(const fm_manifest *m, const char *key)
{
    for (size_t i = m->n_settings; i-- > 0;)
        if (strcmp(m->settings[i].key, key) == 0)
            return m->settings[i].value;
    return NULL;
}

/* Runs of before have no fingerprint. */
static bool knows_models(const fm_manifest *a, const fm_manifest *b)
{
    return a->model_sha256 && b->model_sha256;
}

static bool models_differ(const fm_manifest *a, const fm_manifest *b, fm_manifest_difference *out)
{
    return knows_models(a, b) && differ("model (sha256)", a->model_sha256, b->model_sha256, out);
}

/* Where a model stands does not matter where it is known which one it is. */
static bool settings_differ(const fm_manifest *a, const fm_manifest *b, bool of_operation,
                            fm_manifest_difference *out)
{
    const fm_manifest *sides[] = {a, b};
    bool known = knows_models(a, b);

    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < sides[side]->n_settings; i++) {
            const char *key = sides[side]->settings[i].key;

            if (operational(sides[side], i) == of_operation &&
                !(known && strcmp(key, "model") == 0) &&
                differ(key, setting_of(a, key), setting_of(b, key), out))
                return true;
        }
    return false;
}

static void shard_text(const fm_selection *s, char out[32])
{
    snprintf(out, 32, s->shards ? "%d/%d" : "(none)", s->shard, s->shards);
}

bool fm_manifest_differ(const fm_manifest *a, const fm_manifest *b, fm_manifest_difference *out)
{
    char seeds[2][32], shards[2][32], frames[2][32];

    snprintf(seeds[0], sizeof(seeds[0]), "%llu", (unsigned long long)a->seed);
    snprintf(seeds[1], sizeof(seeds[1]), "%llu", (unsigned long long)b->seed);
    snprintf(frames[0], sizeof(frames[0]), "%zu", a->frames);
    snprintf(frames[1], sizeof(frames[1]), "%zu", b->frames);
    shard_text(&a->selection, shards[0]);
    shard_text(&b->selection, shards[1]);
    return differ("suite", a->suite, b->suite, out) ||
           differ("suite version", a->suite_version, b->suite_version, out) ||
           differ("task", a->task, b->task, out) ||
           differ("protocol", a->protocol, b->protocol, out) ||
           differ("form of answers", fm_answers_family_name(a->answers),
                  fm_answers_family_name(b->answers), out) ||
           differ("data (sha256)", a->data_sha256, b->data_sha256, out) ||
           differ("frames", frames[0], frames[1], out) ||
           differ("prompt", a->prompt, b->prompt, out) ||
           differ("adapter", a->adapter, b->adapter, out) ||
           differ("predictions (sha256)", a->predictions_sha256, b->predictions_sha256, out) ||
           differ("seed", seeds[0], seeds[1], out) || models_differ(a, b, out) ||
           settings_differ(a, b, false, out) || differ("shard", shards[0], shards[1], out);
}

fm_status fm_manifest_same_run(const fm_manifest *there, const fm_manifest *here,
                               const char *run_dir, fm_err *err)
{
    fm_manifest_difference d;

    if (!fm_manifest_differ(there, here, &d))
        return FM_OK;
    return fm_fail(err, FM_E_USAGE,
                   "'%s' holds another run: its %s is '%.80s', not '%.80s'; choose another --out",
                   run_dir, d.what, d.a, d.b);
}

bool fm_manifest_renew(const fm_manifest *there, fm_manifest *here)
{
    fm_manifest_difference d;

    here->cached |= there->cached;
    here->replayed |= there->replayed;
    return !fm_selection_equal(&there->selection, &here->selection) ||
           !same(there->model_sha256, here->model_sha256) ||
           settings_differ(there, here, true, &d) || here->cached != there->cached ||
           here->replayed != there->replayed;
}
