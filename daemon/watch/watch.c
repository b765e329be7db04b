/* SPDX-License-Identifier: Apache-2.0
 *
 * watch.c - inotify and the clock, turned into scans and considerations.
 *
 * Two walks go on side by side: the whole scan (start, each period, overflow), which pauses while enough
 * files wait, and the walk of directories that events told of, which does not, so that a backlog never
 * blinds us for what is new.  A whole scan marks what it sees, files and directories alike; what it has
 * not seen at its end is forgotten. */
#include "daemon/watch/watch.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/watch/dirs.h"
#include "daemon/watch/rules.h"
#include "daemon/watch/scan.h"
#include "daemon/watch/settle.h"

#include <uv.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#define RESCAN_MS   60000
#define ROOT_MS     5000 /* a missing root is looked for at least this often */
#define RETRY_MS    5000 /* after a scan that the machine could not serve */
#define SOON_MS     100
#define SLICE_NS    2000000u
#define EVENT_BYTES 32768u
#define SAID_MAX    64u /* refusals that are said one by one */

#define EVENTS                                                                                   \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | \
	 IN_EXCL_UNLINK)

struct watch {
	struct watch_options options;
	struct rules *rules;
	struct settle *settle;
	struct scan *whole, *fresh; /* all of it; directories that events told of */
	struct dirs *dirs;
	uint32_t generation; /* of the whole scan */
	int inotify;         /* -1: none */
	uv_poll_t poll;
	uv_timer_t settle_timer, scan_timer;
	uv_idle_t idle;
	unsigned open_handles;

	bool root_known;
	dev_t root_dev;
	ino_t root_ino;

	bool scanning; /* a whole scan is under way */
	bool again;    /* and another one is due after it */
	bool spoiled;  /* it could not see everything: it forgets nothing */
	bool scanned;  /* the first one is over */
	bool missed;   /* something was not considered: scan when there is room */
	bool in_turn, polled, closing;
	/* Reasons in words, NULL: none. */
	const char *remote;               /* of the root's file system */
	const char *remote_below, *limit; /* met by this scan */
	const char *why;                  /* we are degraded */
	uint64_t said[SAID_MAX + 1];      /* hashes of paths whose refusal was said, in a bounded log */
	size_t said_count;
	size_t refused, refusing; /* by the last whole scan; by the one that is under way */
	char *such_as, *such_as_now;
	uint64_t scans, overflows;
	void (*closed)(void *cookie);
	void *closed_cookie;
};

static const struct log_ctx who = { .who = "watch" };

static void start_scan(struct watch *w);
static void update(struct watch *w);

/* ---- file systems that do not tell (W4) ---- */

#define ON(fs) "it lies on " fs ", which does not tell of changes"

/* NULL, or in words why there is no use in waiting for events. */
static const char *remote_kind(const char *path)
{
	static const struct {
		unsigned long magic;
		const char *why;
	} row[] = {
		{ 0x6969, ON("NFS") },
		{ 0xff534d42, ON("CIFS") },
		{ 0xfe534d42, ON("SMB") },
		{ 0x517b, ON("SMB") },
		{ 0x65735546, ON("FUSE") },
		{ 0x01021997, ON("9p") },
		{ 0x794c7630, ON("an overlay") },
		{ 0x00c36400, ON("Ceph") },
		{ 0x5346414f, ON("AFS") },
		{ 0x6b414653, ON("AFS") },
		{ 0x47504653, ON("GPFS") },
		{ 0x0bd00bd0, ON("Lustre") },
		{ 0x01161970, ON("GFS2") },
		{ 0x7461636f, ON("OCFS2") },
		{ 0x786f4256, ON("vboxsf") },
		{ 0xbacbacbc, ON("vmhgfs") },
		{ 0x6a656a63, ON("virtiofs") },
	};
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (((unsigned long)fs.f_type & 0xffffffffUL) == row[i].magic)
			return row[i].why;
	return NULL;
}

static bool wants_events(const struct watch *w)
{
	return !w->options.poll && (w->remote == NULL || w->options.force_inotify);
}

/* ---- how we are ---- */

static int64_t period_ms(const struct watch *w)
{
	int64_t poll_ms = w->options.poll_interval_ms > 0 ? w->options.poll_interval_ms : 1;
	int64_t ms = w->options.poll || w->why != NULL ? poll_ms : RESCAN_MS;

	if (!w->root_known && ms > ROOT_MS)
		ms = ROOT_MS;
	return ms;
}

static void degrade(struct watch *w, const char *why)
{
	if (w->why == why)
		return;
	w->why = why;
	if (why != NULL)
		log_warning(&who, "\"%s\": %s; looking every %lld ms", w->options.path, why,
			    (long long)period_ms(w));
	else
		log_info(&who, "\"%s\": is watched", w->options.path);
}

static void on_scan_timer(uv_timer_t *timer)
{
	struct watch *w = timer->data;

	start_scan(w);
	update(w);
}

/* A whole scan in that time, or earlier where one is planned. */
static void schedule(struct watch *w, int64_t ms)
{
	if (uv_is_active((uv_handle_t *)&w->scan_timer) &&
	    uv_timer_get_due_in(&w->scan_timer) <= (uint64_t)ms)
		return;
	uv_update_time(w->options.loop);
	uv_timer_start(&w->scan_timer, on_scan_timer, (uint64_t)ms, 0);
}

/* ---- what is not read ---- */

static uint64_t hash_of(const char *text)
{
	uint64_t hash = 14695981039346656037u; /* FNV-1a */

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211u;
	return hash;
}

/* Said once for each path, as it is met again by each scan; with very many of them that some more there are. */
static void say_refused(struct watch *w, const char *relative, const char *why)
{
	uint64_t hash = hash_of(relative);

	for (size_t i = 0; i < w->said_count; i++)
		if (w->said[i] == hash)
			return;
	if (w->said_count > SAID_MAX)
		return;
	w->said[w->said_count++] = hash;
	if (w->said_count <= SAID_MAX)
		log_warning(&who, "\"%s\": \"%s\" is not read: %s", w->options.path, relative, why);
	else
		log_warning(&who, "\"%s\": more is not read; \"resultd status\" says how much",
			    w->options.path);
}

static void refuse(struct watch *w, const char *relative, const char *why)
{
	say_refused(w, relative, why);
	if (w->refusing++ == 0) {
		free(w->such_as_now);
		w->such_as_now = xasprintf("%s: %s", relative, why);
	}
}

static const char *strange_kind(mode_t mode)
{
	return S_ISLNK(mode)    ? "it is a symbolic link"
	       : S_ISFIFO(mode) ? "it is a FIFO"
	       : S_ISSOCK(mode) ? "it is a socket"
				: "it is a device";
}

/* ---- considering one path (W2) ---- */

static void absolute(const struct watch *w, const char *relative, char path[PATH_MAX])
{
	const char *root = rules_root(w->rules);

	if (relative[0] == '\0')
		snprintf(path, PATH_MAX, "%s", root[0] != '\0' ? root : "/");
	else
		snprintf(path, PATH_MAX, "%s/%s", root, relative);
}

static void see(struct watch *w, const char *relative, unsigned kind, const struct stat *st,
		enum settle_source source)
{
	bool trust_age = w->remote == NULL && w->remote_below == NULL;

	if (settle_see(w->settle, relative, kind, st, source, trust_age) < 0)
		w->missed = true;
}

static void consider(struct watch *w, const char *relative, enum settle_source source, nlink_t links_min)
{
	unsigned kind = rules_kind(w->rules, relative);
	char path[PATH_MAX];
	struct stat st;

	if (kind == RULES_NOTHING)
		return;
	absolute(w, relative, path);
	if (lstat(path, &st) < 0 || S_ISDIR(st.st_mode))
		return;
	if (!S_ISREG(st.st_mode)) {
		say_refused(w, relative, strange_kind(st.st_mode));
		return;
	}
	if (st.st_nlink < links_min)
		return;
	see(w, relative, kind, &st, source);
}

/* ---- walks ---- */

static bool on_enter(void *cookie, const char *dir)
{
	struct watch *w = cookie;

	return rules_enter(w->rules, dir);
}

static unsigned on_wants(void *cookie, const char *file)
{
	struct watch *w = cookie;

	return rules_kind(w->rules, file);
}

static void on_fresh_file(void *cookie, const char *file, unsigned kind, const struct stat *st)
{
	struct watch *w = cookie;

	see(w, file, kind, st, SETTLE_FRESH);
}

static void on_whole_file(void *cookie, const char *file, unsigned kind, const struct stat *st)
{
	struct watch *w = cookie;

	see(w, file, kind, st, w->scanned ? SETTLE_SCAN : SETTLE_OLD);
}

static void on_fresh_strange(void *cookie, const char *file, mode_t mode)
{
	say_refused(cookie, file, strange_kind(mode));
}

static void on_whole_strange(void *cookie, const char *file, mode_t mode)
{
	refuse(cookie, file, strange_kind(mode));
}

static bool on_full(void *cookie)
{
	struct watch *w = cookie;

	return settle_full(w->settle);
}

/* Watched before it is read (W3). */
static bool on_before(void *cookie, const char *dir)
{
	struct watch *w = cookie;
	char path[PATH_MAX];

	if (w->inotify < 0 || !wants_events(w))
		return true;
	absolute(w, dir, path);
	const char *remote = dir[0] != '\0' && !w->options.force_inotify ? remote_kind(path) : NULL;
	if (remote != NULL) {
		w->remote_below = remote;
		return true;
	}
	if (w->limit != NULL && w->scanning)
		return true; /* one refusal a scan is enough to know */
	int wd = inotify_add_watch(w->inotify, path, dir[0] != '\0' ? EVENTS | IN_DONT_FOLLOW : EVENTS);
	if (wd >= 0) {
		dirs_put(w->dirs, wd, dir, w->generation);
		return true;
	}
	if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
		return false;
	if (errno == ENOSPC || errno == ENOMEM) { /* W5; anything else the scan itself will meet */
		w->limit = errno == ENOSPC ? "no inotify watch is left (fs.inotify.max_user_watches)"
					   : "no memory for inotify watches";
		degrade(w, w->limit);
	}
	return true;
}

static void on_failed(struct watch *w, const char *dir, int error, bool whole)
{
	if (error != EACCES && error != EPERM) {
		w->spoiled = true; /* what we did not see may be there all the same */
		log_warning(&who, "\"%s\": cannot look into \"%s\": %s", w->options.path, dir,
			    strerror(error));
	} else if (whole) {
		refuse(w, dir[0] != '\0' ? dir : ".", strerror(error));
	} else {
		say_refused(w, dir[0] != '\0' ? dir : ".", strerror(error));
	}
}

static void on_fresh_failed(void *cookie, const char *dir, int error)
{
	struct watch *w = cookie;

	on_failed(w, dir, error, false);
	if (w->spoiled)
		schedule(w, RETRY_MS); /* nothing else would look there before the next whole scan */
}

static void on_whole_failed(void *cookie, const char *dir, int error)
{
	on_failed(cookie, dir, error, true);
}

static void forget_dir(void *cookie, int wd)
{
	struct watch *w = cookie;

	if (w->inotify >= 0)
		inotify_rm_watch(w->inotify, wd);
}

static void forget_dirs(struct watch *w)
{
	w->generation++;
	dirs_sweep(w->dirs, w->generation, forget_dir, w);
}

static void end_scan(struct watch *w)
{
	w->scanning = false;
	w->scanned = true;
	w->scans++;
	w->refused = w->refusing;
	free(w->such_as);
	w->such_as = w->such_as_now;
	w->such_as_now = NULL;
	if (!w->spoiled) {
		settle_sweep(w->settle);
		dirs_sweep(w->dirs, w->generation, forget_dir, w);
	}
	const char *why = NULL;
	if (!w->options.poll) {
		if (w->remote != NULL && !w->options.force_inotify)
			why = w->remote;
		else
			why = w->limit != NULL ? w->limit : w->remote_below;
	}
	degrade(w, why);
	schedule(w, w->again ? SOON_MS : w->spoiled && period_ms(w) > RETRY_MS ? RETRY_MS : period_ms(w));
}

static void on_settle_timer(uv_timer_t *timer)
{
	struct watch *w = timer->data;

	w->in_turn = true;
	settle_turn(w->settle);
	w->in_turn = false;
	update(w);
}

static void on_idle(uv_idle_t *idle)
{
	struct watch *w = idle->data;

	if (scan_busy(w->fresh))
		scan_step(w->fresh, SLICE_NS);
	if (scan_busy(w->whole) && !settle_full(w->settle))
		scan_step(w->whole, SLICE_NS);
	update(w);
}

/* After everything that may have changed something: which handles have to run. */
static void update(struct watch *w)
{
	if (w->closing)
		return;
	if (w->scanning && !scan_busy(w->whole))
		end_scan(w);
	bool busy = scan_busy(w->fresh) || scan_busy(w->whole);
	settle_scanning(w->settle, busy);
	if (scan_busy(w->fresh) || (scan_busy(w->whole) && !settle_full(w->settle)))
		uv_idle_start(&w->idle, on_idle);
	else
		uv_idle_stop(&w->idle);
	if (w->missed && !w->scanning && !settle_full(w->settle)) {
		w->missed = false;
		schedule(w, SOON_MS);
	}
	int64_t due_ms = settle_due(w->settle), now_ms = clock_mono_ms();
	if (due_ms == INT64_MAX) {
		uv_timer_stop(&w->settle_timer);
		return;
	}
	uint64_t wait_ms = due_ms <= now_ms ? 1 : (uint64_t)(due_ms - now_ms);
	uv_update_time(w->options.loop);
	uv_timer_start(&w->settle_timer, on_settle_timer, wait_ms, 0);
}

/* ---- events ---- */

static void lose_root(struct watch *w)
{
	w->root_known = false;
	w->spoiled = true; /* a scan that is under way saw half of it at most */
	forget_dirs(w);
	schedule(w, SOON_MS);
}

static void on_event(struct watch *w, const struct inotify_event *e)
{
	char relative[PATH_MAX];

	if (e->mask & IN_Q_OVERFLOW) {
		w->overflows++;
		log_warning(&who, "\"%s\": events were lost, scanning", w->options.path);
		start_scan(w);
		return;
	}
	const char *dir = dirs_path(w->dirs, e->wd);
	if (dir == NULL)
		return; /* of a directory that we have let go */
	bool root = dir[0] == '\0';
	if (root && (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED))) {
		lose_root(w);
		return;
	}
	if (e->mask & IN_IGNORED) {
		dirs_remove(w->dirs, e->wd);
		return;
	}
	/* A directory that moved within the tree is walked again under its new name, by the event of its
	 * new parent; one that left is let go by the next scan. */
	if (e->len == 0 || e->name[0] == '\0')
		return;
	int n = snprintf(relative, sizeof(relative), "%s%s%s", dir, root ? "" : "/", e->name);
	if (n < 0 || (size_t)n + strlen(rules_root(w->rules)) + 2 > sizeof(relative))
		return;
	if (e->mask & IN_ISDIR) {
		if ((e->mask & (IN_CREATE | IN_MOVED_TO)) && rules_enter(w->rules, relative))
			scan_push(w->fresh, relative);
	} else if (e->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) {
		consider(w, relative, SETTLE_EVENT, 1);
	} else if (e->mask & IN_CREATE) {
		/* Somebody writes it, and will close it.  Only a second name for an old file is not
		 * written. */
		consider(w, relative, SETTLE_SCAN, 2);
	}
}

static void on_poll_closed(uv_handle_t *handle);

static void drop_inotify(struct watch *w)
{
	if (w->inotify < 0)
		return;
	uv_close((uv_handle_t *)&w->poll, on_poll_closed);
	forget_dirs(w);
	close(w->inotify);
	w->inotify = -1;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	_Alignas(struct inotify_event) char bytes[EVENT_BYTES];

	(void)events;
	if (w->closing)
		return;
	ssize_t n = status < 0 ? -1 : read(w->inotify, bytes, sizeof(bytes));
	if (n < 0 && status == 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		log_warning(&who, "\"%s\": events have failed, scanning", w->options.path);
		drop_inotify(w);
		schedule(w, SOON_MS);
		return;
	}
	/* One read a turn: others have work too, and what is left calls again. */
	for (char *at = bytes; at < bytes + n;) {
		const struct inotify_event *e = (const struct inotify_event *)(const void *)at;

		at += sizeof(*e) + e->len;
		on_event(w, e);
	}
	update(w);
}

static void open_inotify(struct watch *w)
{
	if (w->polled)
		return; /* the handle of the last one is closing still */
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd >= 0 && uv_poll_init(w->options.loop, &w->poll, fd) < 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0) {
		w->limit = "no inotify instance is left (fs.inotify.max_user_instances)";
		return;
	}
	w->inotify = fd;
	w->polled = true;
	w->open_handles++;
	w->poll.data = w;
	uv_poll_start(&w->poll, UV_READABLE, on_readable);
}

/* ---- whole scans ---- */

static void miss_root(struct watch *w, int error)
{
	if (w->root_known)
		lose_root(w);
	w->scanned = true; /* what will be there later was not there when we began */
	degrade(w, error == ENOENT    ? "the directory is not there"
		   : error == ENOTDIR ? "is not a directory"
				      : "the directory cannot be reached");
	uv_timer_stop(&w->scan_timer);
	schedule(w, period_ms(w));
}

static void start_scan(struct watch *w)
{
	char root[PATH_MAX];
	struct stat st;

	if (w->scanning) {
		w->again = true;
		return;
	}
	absolute(w, "", root);
	int error = stat(root, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
	if (error != 0) {
		miss_root(w, error);
		return;
	}
	if (w->root_known && (st.st_dev != w->root_dev || st.st_ino != w->root_ino))
		forget_dirs(w); /* it was replaced behind our back */
	w->root_known = true;
	w->root_dev = st.st_dev;
	w->root_ino = st.st_ino;
	w->again = w->spoiled = false;
	w->refusing = 0;
	w->limit = w->remote_below = NULL;
	w->remote = remote_kind(root);
	if (wants_events(w) && w->inotify < 0)
		open_inotify(w);
	settle_mark(w->settle);
	w->generation++;
	w->scanning = true;
	uv_timer_stop(&w->scan_timer);
	scan_push(w->whole, "");
}

void watch_rescan(struct watch *w)
{
	if (w->closing)
		return;
	start_scan(w);
	update(w);
}

/* ---- life ---- */

int watch_open(const struct watch_options *options, struct watch **out, struct err *err)
{
	struct rules *rules = NULL;
	int rc = rules_new(options, &rules, err);

	*out = NULL;
	if (rc < 0)
		return rc;
	struct watch *w = xcalloc(1, sizeof(*w));
	w->options = *options;
	w->options.path = xstrdup(options->path);
	w->options.files = w->options.exclude = w->options.marker = NULL; /* the rules have them */
	if (w->options.settle_ms < 0)
		w->options.settle_ms = 0;
	w->rules = rules;
	w->inotify = -1;
	w->dirs = dirs_new();
	w->settle = settle_new(&(struct settle_options){
		.root = rules_root(rules),
		.settle_ms = w->options.settle_ms,
		.on_file = options->on_file,
		.on_marker = options->on_marker,
		.cookie = options->cookie,
	});
	struct scan_ops ops = {
		.enter = on_enter,
		.wants = on_wants,
		.before = on_before,
		.file = on_whole_file,
		.strange = on_whole_strange,
		.full = on_full,
		.failed = on_whole_failed,
		.cookie = w,
	};
	w->whole = scan_new(rules_root(rules), &ops);
	ops.file = on_fresh_file;
	ops.strange = on_fresh_strange;
	ops.failed = on_fresh_failed;
	ops.full = NULL;
	w->fresh = scan_new(rules_root(rules), &ops);
	uv_timer_init(options->loop, &w->settle_timer);
	uv_timer_init(options->loop, &w->scan_timer);
	uv_idle_init(options->loop, &w->idle);
	w->settle_timer.data = w->scan_timer.data = w->idle.data = w;
	w->open_handles = 3;
	start_scan(w);
	update(w);
	*out = w;
	return 0;
}

const char *watch_root(const struct watch *w)
{
	return rules_root(w->rules);
}

bool watch_wants(const struct watch *w, const char *relative)
{
	return (rules_kind(w->rules, relative) & RULES_FILE) != 0;
}

void watch_resume(struct watch *w)
{
	settle_resume(w->settle);
	update(w);
}

bool watch_degraded(const struct watch *w, const char **why)
{
	if (why != NULL)
		*why = w->why;
	return w->why != NULL;
}

void watch_forget(struct watch *w, const char *relative)
{
	settle_forget(w->settle, relative);
	if (w->closing)
		return;
	if (w->in_turn)
		w->missed = true; /* it is in hand this moment: the next scan finds it */
	else
		consider(w, relative, SETTLE_SCAN, 1);
	update(w);
}

void watch_count(const struct watch *w, struct watch_counts *out)
{
	*out = (struct watch_counts){
		.directories = dirs_count(w->dirs),
		.remembered = settle_remembered(w->settle),
		.waiting = settle_waiting(w->settle),
		.scans = w->scans,
		.overflows = w->overflows,
		.scanned = w->scanned,
		.refused = w->refused,
		.refused_such_as = w->such_as,
	};
}

static void on_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;

	if (--w->open_handles > 0)
		return;
	void (*closed)(void *cookie) = w->closed;
	void *cookie = w->closed_cookie;
	if (w->inotify >= 0)
		close(w->inotify);
	scan_free(w->whole);
	scan_free(w->fresh);
	settle_free(w->settle);
	dirs_free(w->dirs);
	rules_free(w->rules);
	free((char *)w->options.path);
	free(w->such_as);
	free(w->such_as_now);
	free(w);
	if (closed != NULL)
		closed(cookie);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct watch *w = handle->data;

	w->polled = false;
	on_closed(handle);
}

void watch_close(struct watch *w, void (*closed)(void *cookie), void *cookie)
{
	if (w == NULL || w->closing)
		return;
	w->closing = true;
	w->closed = closed;
	w->closed_cookie = cookie;
	settle_stop(w->settle);
	scan_drop(w->whole);
	scan_drop(w->fresh);
	if (w->inotify >= 0)
		uv_close((uv_handle_t *)&w->poll, on_poll_closed);
	uv_close((uv_handle_t *)&w->settle_timer, on_closed);
	uv_close((uv_handle_t *)&w->scan_timer, on_closed);
	uv_close((uv_handle_t *)&w->idle, on_closed);
}
