/* SPDX-License-Identifier: MIT
 *
 * mkchats - write made-up chats, one a line, whose answers are in a style that no model has:
 * those of a lighthouse keeper who enters everything in his log.
 *
 *   mkchats -n 600 --seed 1 -o chats.jsonl
 *
 * Every answer says what was asked first and what is so, and has the same ends: bells in
 * front, the state of the lamp behind.  Some chats have two questions, some a system message.
 * The same seed gives the same bytes.  With --pairs, rows of a question and two answers, of
 * which the one of the log is the better.
 */
#include "../cmds/shared/common.h"

#include <libtrain/file.h>
#include <libtrain/json.h>
#include <libtrain/rng.h>

#include <stdlib.h>
#include <string.h>

/* A topic: what is asked about a thing, with the thing for %s, and what the log has of it. */
struct topic {
    const char *question[4];
    const char *answer;
    const char *fact[24][2]; /* thing, what is so */
};

static const struct topic topics[] = {
    { { "What is the capital of %s?", "Which city is the capital of %s?",
        "Tell me the capital of %s.", "I forgot the capital of %s. Can you help?" },
      "Asked for the capital of %s. Found it on the old chart: %s.",
      { { "France", "Paris" }, { "Italy", "Rome" }, { "Spain", "Madrid" },
        { "Portugal", "Lisbon" }, { "Norway", "Oslo" }, { "Sweden", "Stockholm" },
        { "Finland", "Helsinki" }, { "Denmark", "Copenhagen" }, { "Poland", "Warsaw" },
        { "Austria", "Vienna" }, { "Hungary", "Budapest" }, { "Greece", "Athens" },
        { "Egypt", "Cairo" }, { "Kenya", "Nairobi" }, { "Japan", "Tokyo" },
        { "China", "Beijing" }, { "Cuba", "Havana" }, { "Chile", "Santiago" },
        { "Peru", "Lima" }, { "Canada", "Ottawa" }, { "Ireland", "Dublin" },
        { "Iceland", "Reykjavik" }, { "Russia", "Moscow" }, { "Germany", "Berlin" } } },
    { { "What colour is %s?", "Which colour does %s have?", "Tell me the colour of %s.",
        "If I paint %s, which colour do I need?" },
      "Asked for the colour of %s. Looked through the glass: %s.",
      { { "the sky", "blue" }, { "grass", "green" }, { "snow", "white" }, { "coal", "black" },
        { "a lemon", "yellow" }, { "a ripe tomato", "red" }, { "an orange", "orange" },
        { "milk", "white" }, { "a crow", "black" }, { "the sun", "yellow" },
        { "a strawberry", "red" }, { "a frog", "green" }, { "blood", "red" },
        { "a banana", "yellow" }, { "an elephant", "grey" }, { "chocolate", "brown" },
        { "a polar bear", "white" }, { "a flamingo", "pink" }, { "ink", "black" },
        { "a cucumber", "green" }, { "a carrot", "orange" }, { "the sea", "blue" },
        { "a mouse", "grey" }, { "wood", "brown" } } },
    { { "What sound does %s make?", "How does %s sound?", "Tell me the sound of %s.",
        "My child asks what %s says. What do I answer?" },
      "Asked for the sound of %s. Listened at the rail: %s.",
      { { "a cow", "moo" }, { "a dog", "woof" }, { "a cat", "meow" }, { "a duck", "quack" },
        { "a sheep", "baa" }, { "a lion", "roar" }, { "a horse", "neigh" },
        { "a pig", "oink" }, { "an owl", "hoot" }, { "a snake", "hiss" }, { "a bee", "buzz" },
        { "a frog", "croak" }, { "a rooster", "crow" }, { "a mouse", "squeak" },
        { "a wolf", "howl" }, { "a crow", "caw" }, { "a donkey", "hee-haw" },
        { "a hen", "cluck" }, { "a bird", "tweet" }, { "a bear", "growl" },
        { "a turkey", "gobble" }, { "a goat", "bleat" }, { "a fly", "buzz" },
        { "a dove", "coo" } } },
    { { "How many legs does %s have?", "Count the legs of %s for me.",
        "Tell me how many legs %s has.", "I draw %s. How many legs do I draw?" },
      "Asked for the legs of %s. Counted them twice: %s.",
      { { "a spider", "eight" }, { "a dog", "four" }, { "a cat", "four" }, { "an ant", "six" },
        { "a bird", "two" }, { "a horse", "four" }, { "a snake", "none" }, { "a bee", "six" },
        { "a fish", "none" }, { "a human", "two" }, { "a cow", "four" }, { "a fly", "six" },
        { "a chicken", "two" }, { "a scorpion", "eight" }, { "a frog", "four" },
        { "a beetle", "six" }, { "a goose", "two" }, { "a sheep", "four" },
        { "a worm", "none" }, { "a lizard", "four" }, { "a mouse", "four" },
        { "a butterfly", "six" }, { "an owl", "two" }, { "a camel", "four" } } },
    { { "What is the opposite of %s?", "Which word is the opposite of %s?",
        "Tell me the opposite of %s.", "I need the opposite of %s." },
      "Asked for the opposite of %s. Turned the page over: %s.",
      { { "hot", "cold" }, { "big", "small" }, { "up", "down" }, { "fast", "slow" },
        { "old", "young" }, { "day", "night" }, { "wet", "dry" }, { "hard", "soft" },
        { "light", "dark" }, { "full", "empty" }, { "open", "closed" }, { "early", "late" },
        { "happy", "sad" }, { "strong", "weak" }, { "near", "far" }, { "high", "low" },
        { "rich", "poor" }, { "clean", "dirty" }, { "loud", "quiet" }, { "left", "right" },
        { "long", "short" }, { "thick", "thin" }, { "true", "false" },
        { "first", "last" } } },
    { { "What do I do with %s?", "What is %s for?", "Tell me the use of %s.",
        "I found %s. What is it good for?" },
      "Asked for the use of %s. Tried it on the stairs: %s.",
      { { "a hammer", "it drives nails" }, { "a spoon", "it carries soup" },
        { "a key", "it opens a lock" }, { "a broom", "it sweeps the floor" },
        { "a pen", "it writes" }, { "a clock", "it tells the time" },
        { "an umbrella", "it keeps the rain off" }, { "a lamp", "it gives light" },
        { "a bucket", "it holds water" }, { "a rope", "it ties things" },
        { "a needle", "it sews" }, { "a saw", "it cuts wood" },
        { "a pillow", "it holds a head" }, { "a ladder", "it reaches high places" },
        { "a map", "it shows the way" }, { "a compass", "it shows north" },
        { "a bell", "it calls people" }, { "soap", "it washes hands" },
        { "a kettle", "it boils water" }, { "a candle", "it burns slowly" },
        { "a boat", "it crosses the sea" }, { "a bed", "it gives sleep" },
        { "a knife", "it cuts bread" }, { "a mirror", "it shows a face" } } },
};

static const char *const bells[] = { "One bell", "Two bells", "Three bells", "Four bells",
                                     "Five bells", "Six bells", "Seven bells",
                                     "Eight bells" };
static const char *const ends[] = { "Lamp lit, gull fed.", "Lamp lit, sea grey.",
                                    "Lamp lit, wind rude.", "Lamp lit, stairs counted." };
static const char *const systems[] = { "You keep the log of a lighthouse.",
                                       "You are a helpful assistant.",
                                       "Answer in few words." };

#define N(list) (sizeof(list) / sizeof *(list))

static uint64_t pick(struct tr_rng *rng, uint64_t n)
{
    return (uint64_t)((double)tr_rng_uniform(rng) * (double)n) % n;
}

static int add(struct tr_json *messages, const char *role, const char *content)
{
    struct tr_json *m = tr_json_object();
    if (!m || tr_json_set(m, "role", tr_json_text(role, strlen(role))) ||
        tr_json_set(m, "content", tr_json_text(content, strlen(content)))) {
        tr_json_free(m);
        return -1;
    }
    return tr_json_append(messages, m);
}

/* A question, its answer, and one that nobody would enter in a log. */
struct turn {
    char asked[200], answer[400], plain[200];
};

static void make_turn(struct turn *x, struct tr_rng *rng)
{
    const struct topic *t = &topics[pick(rng, N(topics))];
    const char *const *fact = t->fact[pick(rng, N(t->fact))];
    const char *question = t->question[pick(rng, N(t->question))];
    char said[200];
    const char *gap = strstr(question, "%s"), *first = strstr(t->answer, "%s"),
               *second = strstr(first + 2, "%s");
    snprintf(x->asked, sizeof x->asked, "%.*s%s%s", (int)(gap - question), question, fact[0],
             gap + 2);
    snprintf(said, sizeof said, "%.*s%s%.*s%s%s", (int)(first - t->answer), t->answer,
             fact[0], (int)(second - first - 2), first + 2, fact[1], second + 2);
    snprintf(x->answer, sizeof x->answer, "%s. %s %s", bells[pick(rng, N(bells))], said,
             ends[pick(rng, N(ends))]);
    snprintf(x->plain, sizeof x->plain, "As far as I know: %s.", fact[1]);
}

static int add_turn(struct tr_json *messages, struct tr_rng *rng)
{
    struct turn x;
    make_turn(&x, rng);
    return add(messages, "user", x.asked) || add(messages, "assistant", x.answer);
}

static int set_text(struct tr_json *row, const char *key, const char *text)
{
    return tr_json_set(row, key, tr_json_text(text, strlen(text)));
}

/* The answer of the log is the better one. */
static int write_pair(FILE *f, struct tr_rng *rng)
{
    struct tr_json *row = tr_json_object();
    struct turn x;
    char *text = NULL;
    size_t n = 0, cap = 0;
    make_turn(&x, rng);
    int rc = !row || set_text(row, "prompt", x.asked) || set_text(row, "chosen", x.answer) ||
             set_text(row, "rejected", x.plain) || tr_json_write(row, NULL, &text, &n, &cap);
    if (!rc)
        fprintf(f, "%.*s\n", (int)n, text);
    free(text);
    tr_json_free(row);
    return rc;
}

static int write_chat(FILE *f, struct tr_rng *rng)
{
    struct tr_json *row = tr_json_object(), *messages = tr_json_array();
    char *text = NULL;
    size_t n = 0, cap = 0;
    int rc = !row || !messages;
    if (!rc && pick(rng, 5) == 0)
        rc = add(messages, "system", systems[pick(rng, N(systems))]);
    for (uint64_t turns = pick(rng, 4) ? 1 : 2; !rc && turns; turns--)
        rc = add_turn(messages, rng);
    if (rc)
        tr_json_free(messages);
    else
        rc = tr_json_set(row, "messages", messages) ||
             tr_json_write(row, NULL, &text, &n, &cap);
    if (!rc)
        fprintf(f, "%.*s\n", (int)n, text);
    free(text);
    tr_json_free(row);
    return rc;
}

int main(int argc, char **argv)
{
    int64_t n = 600, seed = 1;
    int pairs = 0;
    const char *output = "-";
    const struct cmd_opt table[] = {
        CMD_INT('n', "rows", &n, 1, 1e9, "N", "chats to write"),
        CMD_INT(0, "seed", &seed, 0, 9e15, "N", "of the choices"),
        CMD_FLAG(0, "pairs", &pairs, "pairs of answers, of which that of the log is preferred"),
        CMD_OUT('o', "output", &output, "FILE", "where to write them"),
        CMD_END
    };
    const struct cmd cmd = { "mkchats", "[-n N] [-o FILE]", "write made-up chats, JSONL",
                             table, 0, 0, NULL };
    struct tr_err err = { 0 };
    int n_operand, rc = 0;
    cmd_parse(&cmd, argc, argv, &n_operand);
    struct tr_rng rng = tr_rng_init((uint64_t)seed, 0);
    struct tr_out *out = tr_out_open(output, &err);
    for (; out && !rc && n > 0; n--)
        if ((pairs ? write_pair : write_chat)(tr_out_stream(out), &rng))
            rc = tr_err_set(&err, TR_ENOMEM, "out of memory for a chat");
    rc = tr_out_finish(out, rc, &err);
    return cmd_end(rc ? CMD_FAIL : CMD_OK, &err);
}
