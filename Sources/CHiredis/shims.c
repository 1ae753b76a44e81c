#include "CHiredis.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

struct refrain_reader {
    redisReader *reader;
    refrain_reply_sink sink;
    void *context;
    /// A line was not what it should have been. hiredis reads numbers leniently, and does not look at what follows a
    /// bulk string.
    int is_malformed;
};

// The object that stands for every part of a reply: the replies themselves are built by the sink.
static char part;

static refrain_reader *owner(const redisReadTask *task) { return task->privdata; }

static void *accepted(int is_accepted) { return is_accepted ? &part : NULL; }

static void *malformed(refrain_reader *self) {
    self->is_malformed = 1;
    return NULL;
}

/// Whether the bytes before `end` are a decimal number, and before that the marker or what was discarded already.
static int is_number_line(const redisReader *reader, char marker, size_t end) {
    size_t start = end;
    while (start > 0 && reader->buf[start - 1] >= '0' && reader->buf[start - 1] <= '9') start--;
    if (start == end) return 0;
    if (start > 0 && (reader->buf[start - 1] == '-' || reader->buf[start - 1] == '+')) start--;
    return start == 0 || reader->buf[start - 1] == marker;
}

static void *create_string(const redisReadTask *task, char *bytes, size_t count) {
    refrain_reader *self = owner(task);
    switch (task->type) {
    case REDIS_REPLY_STRING: {
        // The header's digits stand where the reader is, and the two bytes after the string are in the buffer.
        const char *header = self->reader->buf + self->reader->pos;
        while (*header >= '0' && *header <= '9') header++;
        if (header == self->reader->buf + self->reader->pos || *header != '\r') return malformed(self);
        if (bytes[count] != '\r' || bytes[count + 1] != '\n') return malformed(self);
        return accepted(self->sink.string(self->context, refrain_string_bulk, bytes, count));
    }
    case REDIS_REPLY_STATUS:
        return accepted(self->sink.string(self->context, refrain_string_simple, bytes, count));
    case REDIS_REPLY_ERROR:
        return accepted(self->sink.string(self->context, refrain_string_error, bytes, count));
    default: return malformed(self);
    }
}

// Before a callback for a line, the reader has gone past its CR LF.
static void *create_integer(const redisReadTask *task, long long value) {
    refrain_reader *self = owner(task);
    if (!is_number_line(self->reader, ':', self->reader->pos - 2)) return malformed(self);
    return accepted(self->sink.integer(self->context, value));
}

static void *create_nil(const redisReadTask *task) {
    refrain_reader *self = owner(task);
    const char *at = self->reader->buf + self->reader->pos;
    if (task->type == REDIS_REPLY_STRING && memcmp(at, "-1\r\n", 4) == 0)
        return accepted(self->sink.null(self->context, 0));
    if (task->type == REDIS_REPLY_ARRAY && self->reader->pos >= 4 && memcmp(at - 4, "-1\r\n", 4) == 0)
        return accepted(self->sink.null(self->context, 1));
    return malformed(self);
}

static void *create_array_of(const redisReadTask *task, size_t count) {
    refrain_reader *self = owner(task);
    if (task->type != REDIS_REPLY_ARRAY) return malformed(self);
    if (!is_number_line(self->reader, '*', self->reader->pos - 2)) return malformed(self);
    return accepted(self->sink.array(self->context, count));
}

static void free_object(void *object) { (void)object; }

#if HIREDIS_MAJOR >= 1
static void *create_array(const redisReadTask *task, size_t count) { return create_array_of(task, count); }
// RESP3, which is never asked for.
static void *create_double(const redisReadTask *task, double value, char *bytes, size_t count) {
    (void)value, (void)bytes, (void)count;
    return malformed(owner(task));
}
static void *create_bool(const redisReadTask *task, int value) {
    (void)value;
    return malformed(owner(task));
}
static redisReplyObjectFunctions functions = {create_string, create_array, create_integer, create_double,
                                              create_nil,    create_bool,  free_object};
static const redisReadTask *current(const redisReader *reader) {
    return reader->ridx >= 0 ? reader->task[reader->ridx] : NULL;
}
#else
static void *create_array(const redisReadTask *task, int count) {
    return count < 0 ? malformed(owner(task)) : create_array_of(task, (size_t)count);
}
static redisReplyObjectFunctions functions = {create_string, create_array, create_integer, create_nil, free_object};
static const redisReadTask *current(const redisReader *reader) {
    return reader->ridx >= 0 ? &reader->rstack[reader->ridx] : NULL;
}
#endif

refrain_reader *refrain_reader_create(refrain_reply_sink sink, void *context) {
    refrain_reader *self = calloc(1, sizeof(*self));
    if (self == NULL) return NULL;
    self->reader = redisReaderCreateWithFunctions(&functions);
    if (self->reader == NULL) {
        free(self);
        return NULL;
    }
    self->sink = sink;
    self->context = context;
    self->reader->privdata = self;
    return self;
}

void refrain_reader_free(refrain_reader *self) {
    redisReaderFree(self->reader);
    free(self);
}

int refrain_reader_feed(refrain_reader *self, const void *bytes, size_t count) {
    return redisReaderFeed(self->reader, bytes, count) == REDIS_OK;
}

refrain_read_result refrain_reader_next(refrain_reader *self) {
    void *reply = NULL;
    if (redisReaderGetReply(self->reader, &reply) != REDIS_OK || self->is_malformed) return refrain_read_failed;
    return reply != NULL ? refrain_read_reply : refrain_read_more;
}

size_t refrain_reader_held(const refrain_reader *self) { return self->reader->len - self->reader->pos; }

int64_t refrain_reader_announced(const refrain_reader *self) {
    const redisReadTask *task = current(self->reader);
    if (task == NULL || task->type != REDIS_REPLY_STRING) return -1;
    const char *at = self->reader->buf + self->reader->pos;
    size_t held = refrain_reader_held(self);
    int64_t value = 0;
    for (size_t index = 0; index < held; index++) {
        if (at[index] == '\r') return index > 0 ? value : -1;
        if (at[index] < '0' || at[index] > '9') return -1;
        // Too long to be meant: the limit is far below.
        if (value > INT64_MAX / 16) return INT64_MAX;
        value = value * 10 + (at[index] - '0');
    }
    return -1;
}

int64_t refrain_command_format(char **command, int count, const char **arguments, const size_t *lengths) {
    return redisFormatCommandArgv(command, count, arguments, lengths);
}

void refrain_command_free(char *command) {
    // The function that frees what redisFormatCommandArgv made.
    if (command != NULL) redisFreeCommand(command);
}
