// Holds what Refrain takes from hiredis to what it relies on, whatever the version: scripts/hiredis. Prints a digest of
// what was read from random replies, which is the same for all versions.

#include "CHiredis.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// As many elements as Refrain accepts.
static const size_t maximum_elements = 262144;

/// What was told, in one line of text: `s`imple, `e`rror, `b`ulk, `i`nteger, `a`rray, `n`ull, `N`ull array; a dot at the end of
/// each reply; and ! for a refusal.
typedef struct trace {
    char *text;
    size_t count, capacity;
} trace;

static void append(trace *trace, const char *bytes, size_t count) {
    if (trace->count + count + 1 > trace->capacity) {
        trace->capacity = 2 * (trace->count + count + 1);
        trace->text = realloc(trace->text, trace->capacity);
        if (trace->text == NULL) abort();
    }
    memcpy(trace->text + trace->count, bytes, count);
    trace->count += count;
    trace->text[trace->count] = 0;
}

static void append_text(trace *trace, const char *format, ...) {
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append(trace, text, (size_t)count);
}

static int on_string(void *context, refrain_string_kind kind, const char *bytes, size_t count) {
    append_text(context, "%c%zu:", "bse"[kind], count);
    append(context, bytes, count);
    return 1;
}

static int on_array(void *context, size_t count) {
    if (count > maximum_elements) return 0;
    append_text(context, "a%zu", count);
    return 1;
}

static int on_integer(void *context, int64_t value) {
    append_text(context, "i%" PRId64, value);
    return 1;
}

static int on_null(void *context, int is_array) {
    append(context, is_array ? "N" : "n", 1);
    return 1;
}

static const refrain_reply_sink sink = {on_string, on_array, on_integer, on_null};

/// Reads bytes that come in pieces of a size.
static trace read_bytes(const char *bytes, size_t count, size_t piece) {
    trace trace = {0};
    append(&trace, "", 0);
    refrain_reader *reader = refrain_reader_create(sink, &trace);
    if (reader == NULL) abort();
    refrain_read_result result = refrain_read_more;
    for (size_t at = 0; at < count && result != refrain_read_failed; at += piece) {
        size_t size = count - at < piece ? count - at : piece;
        if (!refrain_reader_feed(reader, bytes + at, size)) abort();
        while ((result = refrain_reader_next(reader)) == refrain_read_reply) append(&trace, ".", 1);
    }
    if (result == refrain_read_failed) append(&trace, "!", 1);
    refrain_reader_free(reader);
    return trace;
}

static int failures;

static void expect(int is_so, const char *what, const char *found) {
    if (is_so) return;
    failures++;
    printf("%s: %s\n", what, found);
}

typedef struct reply {
    const char *bytes, *told;
} reply;

/// What every version reads in the same way.
static const reply replies[] = {
    {"+OK\r\n", "s2:OK."},
    {"+\r\n", "s0:."},
    {"-ERR no such thing\r\n", "e17:ERR no such thing."},
    {":12\r\n", "i12."},
    {":-1\r\n", "i-1."},
    {":9223372036854775807\r\n", "i9223372036854775807."},
    {":-9223372036854775808\r\n", "i-9223372036854775808."},
    {"$3\r\nabc\r\n", "b3:abc."},
    {"$4\r\n\r\n\r\n\r\n", "b4:\r\n\r\n."},
    {"$0\r\n\r\n", "b0:."},
    {"$-1\r\n", "n."},
    {"*-1\r\n", "N."},
    {"*0\r\n", "a0."},
    {"*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n", "a2b1:aa2i1n."},
    {"*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "a1a1a1a1i1."},
    {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*1\r\n$1\r\nx\r\n", "a3b7:messageb1:ca1b1:x."},
};

/// What is refused, in whichever version, before anything of it is told.
static const char *refused[] = {
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "\r\n",
    ":12a\r\n",
    ":\r\n",
    ":9223372036854775808\r\n",
    "$3\r\nabcXY",
    "$x\r\n",
    "$\r\n",
    "$-2\r\n",
    "$+3\r\nabc\r\n",
    "$ 3\r\nabc\r\n",
    "*\r\n",
    "*-2\r\n",
    "*2 \r\n:1\r\n:2\r\n",
    // More elements than are accepted: before anything is allocated for them.
    "*262145\r\n",
    "*2147483647\r\n",
    "*4294967296\r\n",
    // RESP3, which is never asked for.
    "_\r\n",
    "#t\r\n",
    ",1.5\r\n",
    "(123\r\n",
    "=7\r\ntxt:abc\r\n",
    "!3\r\nabc\r\n",
    "%1\r\n+a\r\n+b\r\n",
    "~1\r\n+a\r\n",
    ">2\r\n+a\r\n+b\r\n",
};

static const size_t pieces[] = {1, 2, 3, 7, 4096};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static void check_known(void) {
    for (size_t index = 0; index < COUNT(pieces); index++) {
        for (size_t number = 0; number < COUNT(replies); number++) {
            trace trace = read_bytes(replies[number].bytes, strlen(replies[number].bytes), pieces[index]);
            expect(strcmp(trace.text, replies[number].told) == 0, replies[number].bytes, trace.text);
            free(trace.text);
        }
        for (size_t number = 0; number < COUNT(refused); number++) {
            trace trace = read_bytes(refused[number], strlen(refused[number]), pieces[index]);
            expect(strcmp(trace.text, "!") == 0, refused[number], trace.text);
            free(trace.text);
        }
    }
}

/// A large string: what it announces is known before it has come, and it is told whole.
static void check_large(void) {
    trace told = {0};
    append(&told, "", 0);
    refrain_reader *reader = refrain_reader_create(sink, &told);
    if (reader == NULL) abort();
    char part[1000];
    memset(part, 'x', sizeof part);
    expect(refrain_reader_feed(reader, "+OK\r\n$700", 9) == 1, "a part of a header", "not taken");
    expect(refrain_reader_next(reader) == refrain_read_reply, "what comes before", "not read");
    expect(refrain_reader_next(reader) == refrain_read_more, "a part of a header", "read");
    expect(refrain_reader_announced(reader) == -1, "a part of a header", "announces something");
    refrain_reader_feed(reader, "00\r\n", 4);
    for (int number = 0; number < 70; number++) {
        expect(refrain_reader_next(reader) == refrain_read_more, "a part of a string", "read");
        expect(refrain_reader_announced(reader) == 70000, "a part of a string", "announces something else");
        expect(refrain_reader_held(reader) >= (size_t)number * sizeof part, "a part of a string", "not held");
        refrain_reader_feed(reader, part, sizeof part);
    }
    refrain_reader_feed(reader, "\r\n", 2);
    expect(refrain_reader_next(reader) == refrain_read_reply, "a large string", "not read");
    expect(refrain_reader_next(reader) == refrain_read_more && refrain_reader_held(reader) == 0, "the end", "not seen");
    expect(told.count == 5 + 7 + 70000 && memcmp(told.text, "s2:OKb70000:xx", 14) == 0, "a large string", "another");
    refrain_reader_free(reader);
    free(told.text);
}

static void check_format(void) {
    const char *arguments[] = {"SET", "k\0\r\n", ""};
    const size_t lengths[] = {3, 4, 0};
    static const char expected[] = "*3\r\n$3\r\nSET\r\n$4\r\nk\0\r\n\r\n$0\r\n\r\n";
    char *command = NULL;
    int64_t count = refrain_command_format(&command, 3, arguments, lengths);
    expect(count == sizeof expected - 1 && memcmp(command, expected, sizeof expected - 1) == 0, "a command", "another");
    if (count >= 0) refrain_command_free(command);
}

/// Random sequences of replies, right ones alone: a digest of what is told, which does not depend on the pieces.
static uint64_t random_digest(void) {
    uint64_t state = 88172645463325252u, digest = 14695981039346656037u;
    for (int round = 0; round < 20000; round++) {
        char bytes[1024];
        size_t count = 0;
        for (int number = 0; number < 8; number++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            const char *next = replies[state % COUNT(replies)].bytes;
            memcpy(bytes + count, next, strlen(next));
            count += strlen(next);
        }
        trace trace = read_bytes(bytes, count, sizeof bytes);
        struct trace pieced = read_bytes(bytes, count, 1 + state % 40);
        expect(
            trace.count == pieced.count && memcmp(trace.text, pieced.text, trace.count) == 0, "in pieces", pieced.text);
        for (size_t index = 0; index < trace.count; index++)
            digest = (digest ^ (unsigned char)trace.text[index]) * 1099511628211u;
        free(trace.text), free(pieced.text);
    }
    return digest;
}

int main(void) {
    check_known();
    check_large();
    check_format();
    printf("%016" PRIx64 "\n", random_digest());
    return failures == 0 ? 0 : 1;
}
