/* Between job-exec and the shells of a rank.
 *
 * job-exec of each rank starts one `flux-shell --server` when the first job
 * comes there. For each job it forks a shell from itself: small and warm, with
 * the start record already in its memory. Everything travels over the server's
 * stdin and stdout, and between job-exec of that rank and of rank 0, as lines:
 *
 *     TYPE ID TEXT\n
 *
 * TYPE is one letter, ID the job id in decimal. TEXT is JSON, a number, or keys
 * and values (NUL-terminated, in turn); it has no newline.
 *
 * To the shells:
 *   S  start: a JSON object of facts, one space, the payload of the job-exec
 *      start request, as it came
 *   i  standard input, an io object (RFC 24)
 *   k  signal number for all tasks
 *   B  end of a barrier: what all shells sent with b, one after the other
 *   w  output for a file that the leader writes, from another shell: its index, a number
 *      that counts its frames w, and an io object (RFC 24); or "eof" when it has sent all.
 *      One that the leader has had is dropped. "-" for the number: the shell has gone
 *      without an eof
 *   D  a task of another shell has exited first
 *   L  to the leader: the index of a shell that was lost, and the severity of the
 *      exception that says so
 *   x  the job's new expiration: seconds since the epoch, and seconds left
 *   T  the job's time is over: a number. The answer is T
 *   C  credit: bytes of o and w text that the shell may send again; of these, bytes of w
 *      text that the leader has written (0 if left out)
 *   U  (by the server) there is another broker now: the URI of its socket
 *   K  signal number for the shell itself (by the server), or nothing: SIGKILL. One
 *      without a process of its own passes any but that to its tasks
 * To a server that outlives its broker (shell/server/link.h):
 *   H  the first from each broker: {token, timeout, env}; the answer is H
 *   R  a job that ran under another broker is claimed: bytes of its output that the KVS
 *      has, and the ranks of its shells if there are others. The answer: A (window, bytes
 *      that may still come of it, barriers that it has left), what was not heard or
 *      stored, and Z; or N (never, unknown): there is no such job
 *   G  all shells of the job were found: what is for them (b, w, and X behind it) comes
 *      now. Text: how many barriers all of them have left, and how often that was said
 *      before
 *   F  all of the job is stored, it is forgotten; if it runs it is killed
 *   E  id 0: all were claimed that are to be: others are killed
 *
 * From the shells:
 *   r  arrived at the barrier of the shells before the tasks are started
 *   s  all tasks are started; the leader adds its taskmap
 *   e  an entry for the exec eventlog, as it will stand there
 *   t  the same, for the first exit of a task
 *   o  an entry for guest.output; the leader's first is the header
 *   b  entered a barrier: keys and values, which all get with B
 *   w  for the leader
 *   x  exception {type, severity, note}; with "lost": the shell is gone, and X follows: how
 *      severe that is, is the job's to say
 *   T  the number, and whether tasks still ran as it came, or have their output open (1), or
 *      not (0). One that has said X does not answer
 *   v  its last task ended after the job's time, in a while of silence perhaps: the
 *      expiration that it knew, and seconds since then
 *   l  a line for the instance's log
 *   c  bytes of i text that all tasks here have taken
 *   a  bytes of w text that the leader has written
 *   p  process groups of tasks, as numbers with spaces between, of a job that has no
 *      process of its own: if the server is lost, they are to be killed
 *   X  the shell exits: its wait status. The last (by the server, if the shell
 *      was killed).
 *
 * Between job-exec of rank 0 and of another (outflow.h in its folder):
 *   m  much is to come from this shell: its o and w are kept until M
 *   M  all that came is in the KVS, or written: what follows goes another way
 *   y  the shell has ended; X follows when the KVS has all that it said
 *   A  as above, and bytes of its output that the KVS has by the agent, if any
 *
 * Nothing piles up: a shell has output_window (a fact) bytes of o and w text on
 * their way, and stops reading its tasks' pipes until it gets credit for what is
 * in the KVS, or in the leader's file. Input waits at its sender until the tasks
 * have taken what was sent before.
 *
 * All shells of a rank write into one pipe. A write of up to PIPE_BUF bytes is
 * atomic, so longer frames go in pieces: a lower-case TYPE is preceded by '+'
 * in all but the last: "+o ID piece". Pieces of one shell are in order, with
 * nothing else of that shell between. */
#ifndef SHELL_PROTOCOL_H
#define SHELL_PROTOCOL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define FRAME_MAX PIPE_BUF
/* Of the text of p. */
#define FRAME_GROUPS_MAX 128
/* Text that surely fits in a frame beside type and id. */
#define FRAME_TEXT_MAX (FRAME_MAX - 32)

struct frame {
    char type;
    bool more; /* a piece: the next frame of this job goes on */
    uint64_t id;
    const char *text; /* NUL-terminated; valid until the next call */
    size_t len;
    bool id_known; /* of a line that is no frame */
};

/* Of a K. */
int frame_signum (const struct frame *f);
/* The text of a w is the shell's last. */
bool frame_is_eof (const char *text, size_t len);

/* Of v: s that a process may be late to see an end. Less is not said. */
#define LIMIT_UNSURE 0.5

/* Longer lines are not frames, but a broken writer. */
#define FRAME_LINE_MAX (256 * 1024 * 1024)

/* Cuts a stream into frames. */
struct frame_reader {
    struct buf buf;
    size_t pos;
    size_t scanned;
};
void frame_reader_fini (struct frame_reader *r);
/* Room for at least len bytes at the end; NULL with ENOMEM. Add what was put
 * there to r->buf.len. */
int frame_reader_add (struct frame_reader *r, const void *data, size_t len);
/* 1: *f is set; 0: no whole frame; -1 with EPROTO: a line that is not a frame. It
 * is skipped, f->id tells whose it was if f->id_known, and the next call goes on
 * behind it. -1 with EMSGSIZE: a line without end; the stream is of no use. */
int frame_reader_next (struct frame_reader *r, struct frame *f);
/* Drops what was handed out. */
void frame_reader_compact (struct frame_reader *r);

/* Joins the pieces of one shell's frames. */
struct frame_pieces {
    char type; /* 0: no frame has begun */
    bool lost; /* the rest of the frame is dropped, too */
    struct buf buf;
};
void frame_pieces_fini (struct frame_pieces *p);
/* The frame that has begun is not to come: something of it was no frame. */
void frame_pieces_drop (struct frame_pieces *p);
/* 1: f is whole; its text may now be in *whole, which the caller frees. 0: more is to
 * come, or it is the rest of a frame that was dropped. -1 with EMSGSIZE or ENOMEM: a
 * frame longer than max is dropped. A frame of another type ends one that has begun and
 * takes nothing of it: its shell was killed meanwhile, and the server says so. */
int frame_join (struct frame_pieces *p, struct frame *f, size_t max, struct buf *whole);

/* One line, from its first byte to its newline: -1 if it is no frame, where f->id may be
 * known all the same. f->text points into it. */
int frame_parse (const char *line, const char *end, struct frame *f);

/* Appends one frame, unsplit. Newlines in text become spaces: they can only
 * be white space between JSON tokens. */
int frame_append (struct buf *b, char type, uint64_t id, const char *text, size_t len);

/* Collects the frames of one shell and writes them so that each write(2) is
 * atomic. */
struct frame_writer {
    int fd;
    void (*take) (const char *data, size_t len); /* whole lines, in the place of fd */
    uint64_t id;
    bool begun; /* something was written */
    size_t len;
    char data[FRAME_MAX];
};
void frame_writer_init (struct frame_writer *w, int fd, uint64_t id);
/* -1 if the reader has gone. */
int frame_write (struct frame_writer *w, char type, const char *text, size_t len);
int frame_flush (struct frame_writer *w);

#endif
