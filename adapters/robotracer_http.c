/**
 * RoboTracer's own servers: POST <base_url>/query, in their two forms. One names files that client
 * and server both see, the other carries the pictures in base64.
 *
 * Owns the form of the request and the words of the reply. docs/adapters.md has the settings.
 */
#include "adapters/adapters.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/remote.h"

enum { FORM_PATHS, FORM_BASE64 };
enum { VARIANT_RGB, VARIANT_SPATIAL, VARIANT_INTRINSICS, VARIANT_INTRINSICS_DEPTH };

static const fm_adapter_option robotracer_options[] = {
    {.name = "base_url",
     .summary = "address of the server, without /query",
     .fallback = "http://127.0.0.1:25547"},
    {.name = "form",
     .summary = "paths (the server reads the same files) or base64",
     .fallback = "paths"},
    {.name = "variant",
     .summary = "what goes with paths: rgb, spatial, intrinsics, intrinsics_depth",
     .fallback = "rgb"},
    {.name = "enable_depth",
     .summary = "1: base64 carries the depth map, or the server estimates one; 0",
     .fallback = "0"},
    FM_REMOTE_OPTIONS_OF_ALL,
    {0},
};

static fm_status robotracer_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    return fm_remote_open(&fm_remote_robotracer, state, config, err);
}

/* ---- request ---- */

static fm_status robotracer_configure(fm_remote *remote, fm_json_writer *w, fm_err *err)
{
    static const char *const forms[] = {"paths", "base64", NULL};
    static const char *const variants[] = {"rgb", "spatial", "intrinsics", "intrinsics_depth",
                                           NULL};
    static const char *const switches[] = {"0", "1", NULL};
    int depth = 0;
    fm_status st = fm_remote_word(remote, "form", forms, &remote->form, err);

    if (st == FM_OK)
        st = fm_remote_word(remote, "variant", variants, &remote->variant, err);
    if (st == FM_OK)
        st = fm_remote_word(remote, "enable_depth", switches, &depth, err);
    if (st == FM_OK && remote->key)
        st = fm_remote_add_header(remote, "authorization", "Bearer ", remote->key, true, err);
    if (st != FM_OK)
        return st;
    if (remote->form == FORM_PATHS && depth)
        return fm_fail(err, FM_E_USAGE,
                       "enable_depth belongs to form=base64; paths have variant=intrinsics_depth");
    if (remote->form == FORM_BASE64 && remote->variant != VARIANT_RGB)
        return fm_fail(err, FM_E_USAGE, "variant belongs to form=paths; base64 has enable_depth=1");
    remote->path = "/query";
    remote->sends_image = remote->form == FORM_BASE64;
    remote->sends_depth = depth;
    if (remote->form == FORM_BASE64)
        fm_json_put_int(w, "enable_depth", depth);
    else
        fm_json_put_int(w, "enable_spatial", remote->variant != VARIANT_RGB);
    return FM_OK;
}

static const char *robotracer_missing(const fm_remote *remote, const fm_request *request)
{
    if (!request->image_path)
        return "the sample has no picture";
    if (remote->variant >= VARIANT_INTRINSICS && !request->camera)
        return "the sample has no camera, which this variant needs";
    if (remote->variant == VARIANT_INTRINSICS_DEPTH && !request->depth_path)
        return "the sample has no depth map, which this variant needs";
    return NULL;
}

static void put_list(fm_json_writer *w, const char *key, const char *text)
{
    fm_json_open(w, key, '[');
    fm_json_put_string(w, NULL, text);
    fm_json_close(w, ']');
}

static void put_intrinsics(fm_json_writer *w, const fm_camera *camera)
{
    const double rows[3][3] = {{camera->fx, 0, camera->cx}, {0, camera->fy, camera->cy}, {0, 0, 1}};

    fm_json_open(w, "intrinsics", '[');
    for (size_t i = 0; i < 3; i++)
        fm_json_put_vector(w, NULL, rows[i], 3);
    fm_json_close(w, ']');
}

static void build_paths(const fm_remote *remote, fm_remote_message *message)
{
    const fm_request *request = message->request;
    fm_json_writer *w = &message->w;

    fm_json_open(w, "image_paths", '[');
    fm_json_put_string(w, NULL, request->image_path);
    for (size_t i = 0; i < request->n_more_images; i++)
        fm_json_put_string(w, NULL, request->more_images[i]);
    fm_json_close(w, ']');
    if (remote->variant == VARIANT_INTRINSICS_DEPTH)
        put_list(w, "depth_z_paths", request->depth_path);
    else
        fm_json_put_null(w, "depth_z_paths");
    if (remote->variant >= VARIANT_INTRINSICS)
        put_intrinsics(w, request->camera);
    else
        fm_json_put_null(w, "intrinsics");
    fm_json_put_string(w, "text", request->prompt);
}

static void build_base64(fm_remote_message *message)
{
    fm_json_writer *w = &message->w;

    fm_json_open(w, "image_url", '[');
    for (size_t i = 0; i < message->n_images; i++)
        fm_remote_put_picture(message, NULL, "", &message->images[i]);
    fm_json_close(w, ']');
    fm_json_open(w, "depth_url", '[');
    if (message->depth.path)
        fm_remote_put_picture(message, NULL, "", &message->depth);
    fm_json_close(w, ']');
    fm_json_put_string(w, "text", message->request->prompt);
}

static void robotracer_build(const fm_remote *remote, fm_remote_message *message)
{
    if (remote->form == FORM_PATHS)
        build_paths(remote, message);
    else
        build_base64(message);
}

/* ---- reply ---- */

static const fm_remote_finish finishes[] = {{0}};

static void robotracer_read(const cJSON *root, fm_arena *arena, fm_reply *reply)
{
    const cJSON *answer = fm_json_get(root, "answer");

    if (fm_json_number(root, "result", 1) != 1) {
        fm_remote_malformed(reply, "the server says that it failed ('result' is not 1)");
        return;
    }
    if (!cJSON_IsString(answer) && !cJSON_IsNull(answer)) {
        fm_remote_malformed(reply, "the reply has no 'answer'");
        return;
    }
    reply->text = fm_json_bytes(answer, arena, &reply->size);
    fm_remote_finish_reply(reply, finishes);
}

const fm_remote_dialect fm_remote_robotracer = {
    .ops = &fm_adapter_robotracer_http,
    .home = "http://127.0.0.1:25547",
    .max_picture_bytes = 64 << 20,
    .content = "text",
    .configure = robotracer_configure,
    .missing = robotracer_missing,
    .build = robotracer_build,
    .read = robotracer_read,
};

const fm_adapter_ops fm_adapter_robotracer_http = {
    .name = "robotracer-http",
    .summary = "RoboTracer's own servers (/query), with paths or base64",
    .caps = FM_CAP_IMAGES | FM_CAP_DEPTH | FM_CAP_INTRINSICS | FM_CAP_WIRE,
    .options = robotracer_options,
    .check = fm_remote_check,
    .open = robotracer_open,
    .close = fm_remote_close,
    .submit = fm_remote_submit,
    .poll = fm_remote_poll,
    .abandon = fm_remote_abandon,
    .estimate = fm_remote_estimate,
};
