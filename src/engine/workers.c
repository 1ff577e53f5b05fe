/* SPDX-License-Identifier: Apache-2.0
 *
 * Worker processes.  They share nothing but a page with the number of the
 * next unit and what each is at; each has spill files of its own and tells
 * what came of a unit through a pipe, once its runs are complete.
 *
 * A worker that dies loses the unit at hand: the parent names it and starts
 * another worker on the rest.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#ifdef PICKET_PROFILED
#include <gcov.h>
#endif

#include "engine.h"

#define EXIT_ERR	64	/* above the statuses of others, as asan's 1 */
#define NO_UNIT		UINT32_MAX
#define FRAME_MAX	(96u << 20)	/* a full reader_ctx.tell */
#define PROGRESS_MS	200

/* Shared by all; made before the first fork. */
struct board {
	_Atomic uint32_t	next;			/* unit to take */
	_Atomic uint64_t	bytes;			/* read by all */
	_Atomic uint32_t	at[HUNT_JOBS_MAX];	/* by worker */
};

struct worker {
	pid_t		 pid;		/* 0: ended */
	int		 pipe;
	int		 notes_fd, events_fd;
	struct buf	 in;
	bool		 greeted;	/* the first frame came */
};

struct crew {
	const struct hunt_options *opt;
	const struct demand	*want;
	const char *const	*path;
	const struct unit	*unit;
	uint32_t		 nunits;
	struct board		*board;
	struct worker		*worker;
	unsigned		 nworkers;
	struct gathered		*out;
	uint64_t		 total_bytes;
};

/* -- inside the worker --------------------------------------------------- */

static bool
write_frame(int fd, struct span s)
{
	uint8_t head[8];
	struct span part[2] = { { head, sizeof(head) }, s };

	for (unsigned i = 0; i < 8; i++)
		head[i] = (uint8_t)((uint64_t)s.len >> 8 * i);
	for (size_t i = 0; i < NITEMS(part); i++) {
		while (part[i].len != 0) {
			ssize_t n = write(fd, part[i].ptr, part[i].len);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)
				return false;
			part[i].ptr += n;
			part[i].len -= (size_t)n;
		}
	}
	return true;
}

/* The first frame of a worker is the text that says what holds it.  Returns
 * an enum err. */
static int
worker_main(struct crew *c, unsigned id, int fd)
{
	struct worker *w = &c->worker[id];
	struct reader_ctx *r = calloc(1, sizeof(*r));
	struct buf out;
	enum err err;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (r == NULL || !reader_init(r, c->opt, c->want, c->path,
	    w->notes_fd, w->events_fd))
		return ERR_NOMEM;
	r->progress = &c->board->bytes;
	buf_init(&out, FRAME_MAX);
	if (!write_frame(fd, span_str(sandbox_enter(c->opt->path,
	    c->opt->npaths))))
		return ERR_SYSTEM;
	for (;;) {
		uint32_t n = atomic_fetch_add(&c->board->next, 1);

		if (n >= c->nunits)
			break;
		atomic_store(&c->board->at[id], n);
		if ((err = reader_unit(r, &c->unit[n], n)) != ERR_OK)
			return (int)err;
		buf_reset(&out);
		told_pack(&out, &r->told);
		if (out.failed)
			return ERR_LIMIT;
		if (!write_frame(fd, buf_view(&out)))
			return ERR_SYSTEM;
		atomic_store(&c->board->at[id], NO_UNIT);
	}
	buf_fini(&out);
	reader_fini(r);
	free(r);
	return 0;
}

/* -- in the parent ------------------------------------------------------- */

static void *
grow_array(void *p, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return p;
	return realloc(p, (n == 0 ? 1 : n * 2) * size);
}

static bool
add_fd(struct gathered *g, int fd)
{
	int *p = grow_array(g->fd, g->nfds, sizeof(*p));

	if (p == NULL)
		return false;
	g->fd = p;
	g->fd[g->nfds++] = fd;
	return true;
}

static int
spill_file(struct crew *c)
{
	int fd = temp_file();

	if (fd >= 0 && !add_fd(c->out, fd)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static enum err
start_worker(struct crew *c, unsigned id)
{
	struct worker *w = &c->worker[id];
	int fd[2];

	if ((w->notes_fd = spill_file(c)) < 0)
		return ERR_SYSTEM;
	w->events_fd = -1;
	if (c->opt->events != NULL && (w->events_fd = spill_file(c)) < 0)
		return ERR_SYSTEM;
	if (pipe(fd) != 0)
		return ERR_SYSTEM;
	atomic_store(&c->board->at[id], NO_UNIT);
	buf_init(&w->in, FRAME_MAX + 8);
	w->greeted = false;
	w->pid = fork();
	if (w->pid < 0) {
		close(fd[0]);
		close(fd[1]);
		w->pid = 0;
		return ERR_SYSTEM;
	}
	if (w->pid == 0) {
		int status;

		close(fd[0]);
		for (unsigned i = 0; i < c->nworkers; i++)
			if (i != id && c->worker[i].pid != 0)
				close(c->worker[i].pipe);
		status = worker_main(c, id, fd[1]);
#ifdef PICKET_PROFILED
		__gcov_dump();
#endif
		_exit(status == ERR_OK ? 0 : EXIT_ERR + status);
	}
	close(fd[1]);
	w->pipe = fd[0];
	return ERR_OK;
}

static int
by_unit(const void *a, const void *b)
{
	const struct told *x = a, *y = b;

	return x->unit < y->unit ? -1 : x->unit > y->unit;
}

static bool
add_runs(struct run_ref **refs, size_t *n, int fd, const struct run *run,
    size_t nruns)
{
	struct run_ref *p = realloc(*refs, (*n + nruns + 1) * sizeof(*p));

	if (p == NULL)
		return false;
	*refs = p;
	for (size_t i = 0; i < nruns; i++)
		p[(*n)++] = (struct run_ref){ fd, run[i] };
	return true;
}

static enum err
take_frame(struct crew *c, struct worker *w, struct span s)
{
	struct gathered *g = c->out;
	struct told *t;

	if (!w->greeted) {
		w->greeted = true;
		g->sandbox = sandbox_known(s);
		return ERR_OK;
	}
	t = grow_array(g->told, g->ntold, sizeof(*t));
	if (t == NULL)
		return ERR_NOMEM;
	g->told = t;
	t = &g->told[g->ntold];
	if (!told_unpack(&g->arena, s, t) || t->unit >= c->nunits)
		return ERR_FORMAT;
	t->notes_fd = w->notes_fd;
	t->events_fd = w->events_fd;
	g->ntold++;
	return ERR_OK;
}

/* The runs by unit, not by who was ready first: items with equal keys come
 * out in the order of their runs. */
static enum err
list_runs(struct gathered *g)
{
	bool ok = true;

	if (g->ntold > 1)
		qsort(g->told, g->ntold, sizeof(*g->told), by_unit);
	for (size_t i = 0; i < g->ntold && ok; i++) {
		const struct told *t = &g->told[i];

		ok = add_runs(&g->notes, &g->nnotes, t->notes_fd, t->notes,
		    t->nnotes) && add_runs(&g->events, &g->nevents,
		    t->events_fd, t->event_runs, t->nevent_runs);
	}
	return ok ? ERR_OK : ERR_NOMEM;
}

/* Whole frames in the worker's buffer. */
static enum err
take_frames(struct crew *c, struct worker *w)
{
	size_t at = 0;
	enum err err = ERR_OK;

	while (err == ERR_OK && w->in.len - at >= 8) {
		uint64_t n = load_le64(w->in.ptr + at);

		if (n > FRAME_MAX)
			return ERR_FORMAT;
		if (w->in.len - at - 8 < n)
			break;
		err = take_frame(c, w, span_of(w->in.ptr + at + 8, (size_t)n));
		at += 8 + (size_t)n;
	}
	if (at != 0) {
		memmove(w->in.ptr, w->in.ptr + at, w->in.len - at);
		w->in.len -= at;
	}
	return err;
}

/* false: the pipe is at its end. */
static bool
read_pipe(struct crew *c, struct worker *w, enum err *err)
{
	uint8_t *p = buf_room(&w->in, 64u << 10);
	ssize_t n;

	if (p == NULL) {
		*err = ERR_NOMEM;
		return false;
	}
	n = read(w->pipe, p, 64u << 10);
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	w->in.len += (size_t)n;
	*err = take_frames(c, w);
	return *err == ERR_OK;
}

static bool
told_already(const struct gathered *g, uint32_t unit)
{
	for (size_t i = 0; i < g->ntold; i++)
		if (g->told[i].unit == unit)
			return true;
	return false;
}

/* The worker's own words (a full disk), else it crashed. */
static enum err
exit_err(int status)
{
	int e = WIFEXITED(status) ? WEXITSTATUS(status) - EXIT_ERR : 0;

	return e > 0 && e < ERR_COUNT ? (enum err)e : ERR_CRASH;
}

/* The worker is gone: was it done?  If not, name its unit and go on. */
static enum err
end_worker(struct crew *c, unsigned id)
{
	struct worker *w = &c->worker[id];
	struct gathered *g = c->out;
	uint32_t unit = atomic_load(&c->board->at[id]);
	int status = 0;
	struct lost_unit *lost;

	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(w->pipe);
	buf_fini(&w->in);
	w->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return ERR_OK;
	if (unit == NO_UNIT)
		return ERR_CRASH;	/* died outside any unit: give up */
	if (!told_already(g, unit)) {
		lost = grow_array(g->lost, g->nlost, sizeof(*lost));
		if (lost == NULL)
			return ERR_NOMEM;
		g->lost = lost;
		g->lost[g->nlost++] = (struct lost_unit){ unit,
		    exit_err(status) };
	}
	if (atomic_load(&c->board->next) >= c->nunits)
		return ERR_OK;
	return start_worker(c, id);
}

static void
show_progress(const struct crew *c)
{
	double done = (double)atomic_load(&c->board->bytes);

	if (!c->opt->progress)
		return;
	fprintf(stderr, "\rpicket: %.1f MB read, %u of %u units taken ",
	    done / 1e6, MIN_OF(atomic_load(&c->board->next), c->nunits),
	    c->nunits);
}

static enum err
watch(struct crew *c)
{
	struct pollfd fds[HUNT_JOBS_MAX];
	unsigned who[HUNT_JOBS_MAX];
	enum err err = ERR_OK;

	while (err == ERR_OK) {
		nfds_t n = 0;

		for (unsigned i = 0; i < c->nworkers; i++) {
			if (c->worker[i].pid == 0)
				continue;
			who[n] = i;
			fds[n++] = (struct pollfd){ c->worker[i].pipe, POLLIN,
			    0 };
		}
		if (n == 0)
			break;
		if (poll(fds, n, c->opt->progress ? PROGRESS_MS : -1) < 0 &&
		    errno != EINTR)
			return ERR_SYSTEM;
		show_progress(c);
		for (nfds_t i = 0; i < n && err == ERR_OK; i++) {
			struct worker *w = &c->worker[who[i]];

			if (fds[i].revents == 0)
				continue;
			if (!read_pipe(c, w, &err) && err == ERR_OK)
				err = end_worker(c, who[i]);
		}
	}
	if (c->opt->progress)
		fprintf(stderr, "\n");
	return err;
}

static void
kill_all(struct crew *c)
{
	for (unsigned i = 0; i < c->nworkers; i++) {
		struct worker *w = &c->worker[i];

		if (w->pid == 0)
			continue;
		kill(w->pid, SIGKILL);
		waitpid(w->pid, NULL, 0);
		close(w->pipe);
		buf_fini(&w->in);
		w->pid = 0;
	}
}

enum err
workers_run(const struct hunt_options *opt, const struct demand *want,
    const char *const *path, const struct unit *unit, size_t nunits,
    struct gathered *out)
{
	struct crew c = { .opt = opt, .want = want, .path = path,
	    .unit = unit, .nunits = (uint32_t)nunits, .out = out };
	enum err err = ERR_OK;

	memset(out, 0, sizeof(*out));
	out->sandbox = "none";
	arena_init(&out->arena, SIZE_MAX / 2);
	c.nworkers = (unsigned)MIN_OF((size_t)opt->jobs, nunits);
	c.board = mmap(NULL, sizeof(*c.board), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	c.worker = calloc(MAX_OF(c.nworkers, 1u), sizeof(*c.worker));
	if (c.board == MAP_FAILED || c.worker == NULL) {
		free(c.worker);
		return ERR_NOMEM;
	}
	fflush(NULL);		/* nothing pending that a child could repeat */
	for (unsigned i = 0; i < c.nworkers && err == ERR_OK; i++)
		err = start_worker(&c, i);
	if (err == ERR_OK)
		err = watch(&c);
	kill_all(&c);
	if (err == ERR_OK)
		err = list_runs(out);
	munmap(c.board, sizeof(*c.board));
	free(c.worker);
	return err;
}

void
gathered_fini(struct gathered *g)
{
	for (size_t i = 0; i < g->nfds; i++)
		close(g->fd[i]);
	free(g->fd);
	free(g->told);
	free(g->lost);
	free(g->notes);
	free(g->events);
	arena_fini(&g->arena);
}
