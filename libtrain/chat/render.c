/* SPDX-License-Identifier: MIT
 *
 * One rendering.  Next: spans.c.
 */
#include <libtrain/chat/conversation.h>
#include <libtrain/chat/text.h>
#include <libtrain/chat/tree.h>

#include <libtrain/json.h>

#include <stdlib.h>
#include <string.h>

static const struct tr__type *const types[TR__N_KIND] = {
#define TR_TYPE(KIND, name) [TR__##KIND] = &tr__type_##name,
#include <libtrain/chat/types.def>
#undef TR_TYPE
};

int tr__begin(struct tr__run *r, const struct tr_chat *chat, struct tr_chat_text *out,
              int64_t now, struct tr_err *err)
{
    struct tr_chat_memory *m = out->memory;
    if (!m && !(m = out->memory = calloc(1, sizeof *m)))
        return tr_err_set(err, TR_ENOMEM, "no memory for a rendering");
    m->cells.most = m->bytes.most = TR_CHAT_MAX_MEMORY;
    m->cells.refused = m->bytes.refused = 0;
    tr__pool_rewind(&m->cells, (struct tr__pool_mark){ 0 });
    tr__pool_rewind(&m->bytes, (struct tr__pool_mark){ 0 });
    *r = (struct tr__run){ .chat = chat, .out = out, .err = err, .cells = &m->cells,
                           .bytes = &m->bytes, .type = types, .now = now, .line = 1,
                           .filter = tr__find_filter, .test = tr__find_test,
                           .method = tr__find_method };
    return 0;
}

static int given(const struct tr__conversation *c, const struct tr__name *name,
                 struct tr__val *out)
{
    const struct { const char *name; const struct tr__val *v; } own[] = {
        { "messages", &c->messages }, { "tools", &c->tools }, { "documents",
                                                                &c->documents },
        { "add_generation_prompt", &c->prompt }
    };
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strlen(own[i].name) == name->n && memcmp(own[i].name, name->s, name->n) == 0) {
            *out = *own[i].v;
            return 1;
        }
    return tr__lookup(&c->row_args, name->s, name->n, out) ||
           tr__lookup(&c->args, name->s, name->n, out);
}

/* What the names of the template are that it does not set itself. */
static int globals(struct tr__run *r, const struct tr__conversation *c)
{
    size_t n = r->chat->n_names;
    struct tr__val *global = tr__alloc(r, n, sizeof *global);
    if (!global)
        return r->err->code;
    for (size_t i = 0; i < n; i++) {
        const struct tr__name *name = &r->chat->names[i];
        const struct tr__callable *f;
        global[i] = (struct tr__val){ 0 };
        if (!given(c, name, &global[i]) && (f = tr__find_global(name->s, name->n)))
            global[i] = (struct tr__val){ .kind = TR__FUNCTION, .as.any = f };
    }
    r->global = global;
    return 0;
}

int tr__render(struct tr__run *r, const struct tr__conversation *c, size_t n,
               const struct tr__val *prompt)
{
    struct tr__conversation part = *c;
    struct tr__frame *f;
    struct tr_chat_text *t = r->out;
    t->n = t->n_data = t->n_generation = 0;
    part.messages.n = n;
    part.prompt = *prompt;
    r->steps = 0;
    r->depth = 0;
    r->line = 1;
    if (globals(r, &part) || !(f = tr__enter(r, r->chat->scope, NULL)))
        return r->err->code;
    int rc = tr__exec_body(r, f, r->chat->body);
    return rc < 0 ? rc : 0;
}

int tr_chat_render(const struct tr_chat *c, const struct tr_json *row,
                   const struct tr_json *args, int64_t now, struct tr_chat_text *out,
                   struct tr_err *err)
{
    struct tr__run r;
    struct tr__conversation talk;
    struct tr_err own = { 0 };
    out->n_turn = 0;
    int rc = tr__begin(&r, c, out, now, &own);
    if (!rc)
        rc = tr__conversation(&r, row, args, &talk);
    if (!rc)
        rc = tr__render(&r, &talk, talk.messages.n, &talk.prompt);
    if (!rc && talk.ending.kind != TR__MISSING)
        rc = tr__cut_at_tag(&r, &talk);
    if (rc)
        tr_err_set(err, own.code, "%s", own.text);
    return rc ? own.code : 0;
}

void tr_chat_text_release(struct tr_chat_text *t)
{
    if (t->memory) {
        tr__pool_release(&t->memory->cells);
        tr__pool_release(&t->memory->bytes);
        tr_chat_text_release(&t->memory->other);
        free(t->memory);
    }
    free(t->text);
    free(t->data);
    free(t->generation);
    free(t->turn);
    *t = (struct tr_chat_text){ 0 };
}
