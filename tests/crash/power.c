/* SPDX-License-Identifier: Apache-2.0
 *
 * power.c - `power [--cuts N] [--from S] [--synchronous full|normal]`: the queue on a disk that loses power.
 *
 * A VFS beneath SQLite lets every write reach the real file, and remembers which of them no sync has
 * confirmed.  At a cut those are dropped, kept or torn at a sector, each by chance, as a disk's cache would;
 * what stands then is opened anew, and must hold all that was acknowledged: parts, intents, outcomes, and
 * nothing of them by halves.  With synchronous=NORMAL this must fail: it is the proof that it can. */
#include "tests/sim/rng.h"
#include "tests/unit/queue/fixture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>

enum { SECTOR = 512, FILES = 8, PARTS = 4, RESULTS = 3 };

/* ---- what a disk holds ---- */

struct pending { /* a write or a truncation (data NULL) that no sync has confirmed */
	struct pending *next;
	int64_t at;
	size_t len;
	unsigned char *data;
};
struct disk_file {
	char name[96];
	bool there;          /* its name would be found again */
	unsigned char *data; /* what is safe */
	int64_t size;
	struct pending *first, **last;
};

static struct {
	struct disk_file file[FILES];
	size_t count;
	int64_t calls, cut_at; /* of writes, truncations, syncs and removals */
	bool cut;
	struct rng rng;
	char to[96]; /* where the disk is put as the cut left it */
} disk;

static void forget_pending(struct disk_file *f)
{
	while (f->first != NULL) {
		struct pending *p = f->first;
		f->first = p->next;
		free(p->data);
		free(p);
	}
	f->last = &f->first;
}

static void disk_clear(void)
{
	for (size_t i = 0; i < disk.count; i++) {
		forget_pending(&disk.file[i]);
		free(disk.file[i].data);
	}
	disk.count = 0;
	disk.calls = 0;
	disk.cut_at = INT64_MAX;
	disk.cut = false;
}

static struct disk_file *file_of(const char *name)
{
	for (size_t i = 0; i < disk.count; i++)
		if (strcmp(disk.file[i].name, name) == 0)
			return &disk.file[i];
	assert_true(disk.count < FILES);
	struct disk_file *f = &disk.file[disk.count++];
	*f = (struct disk_file){ 0 };
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	f->last = &f->first;
	return f;
}

static void resize(struct disk_file *f, int64_t size)
{
	if (size > f->size) {
		f->data = xrealloc(f->data, (size_t)size, 1);
		memset(f->data + f->size, 0, (size_t)(size - f->size));
	}
	f->size = size;
}

static void apply(struct disk_file *f, const struct pending *p, size_t len)
{
	if (p->data == NULL) {
		resize(f, p->at);
		return;
	}
	if (len == 0)
		return;
	if (p->at + (int64_t)len > f->size)
		resize(f, p->at + (int64_t)len);
	memcpy(f->data + p->at, p->data, len);
}

static void put_down(const struct disk_file *f)
{
	char path[256];
	const char *base = strrchr(f->name, '/');

	(void)snprintf(path, sizeof(path), "%s%s", disk.to, base);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, f->data, (size_t)f->size), f->size);
	(void)close(fd);
}

/* The power goes: of what no sync has confirmed, each piece is there, is not, or ends at a sector. */
static void cut(void)
{
	disk.cut = true;
	unsigned lose = (unsigned)rng_between(&disk.rng, 100, 1000);
	for (size_t i = 0; i < disk.count; i++) {
		struct disk_file *f = &disk.file[i];
		for (const struct pending *p = f->first; p != NULL; p = p->next) {
			if (rng_often(&disk.rng, lose))
				continue;
			size_t len = p->len;
			if (p->data != NULL && rng_often(&disk.rng, 200))
				len = (size_t)rng_below(&disk.rng, (int64_t)(len / SECTOR + 1)) * SECTOR;
			apply(f, p, len);
		}
		/* A new file whose folder was not synced may have gone with its name. */
		if (!f->there && f->first != NULL && rng_often(&disk.rng, 500))
			f->there = true;
		if (f->there)
			put_down(f);
	}
}

static void tick(void)
{
	if (!disk.cut && ++disk.calls >= disk.cut_at)
		cut();
}

static void remember(struct disk_file *f, const void *data, int64_t at, size_t len)
{
	struct pending *p = xcalloc(1, sizeof(*p));

	p->at = at;
	p->len = len;
	if (data != NULL) {
		p->data = xcalloc(1, len);
		memcpy(p->data, data, len);
	}
	*f->last = p;
	f->last = &p->next;
}

/* ---- the VFS ---- */

struct vfs_file {
	sqlite3_file base;
	struct disk_file *file; /* NULL: a temporary one, which no restart reads */
	sqlite3_file *real;     /* behind this struct */
};
static sqlite3_vfs *real_vfs;

static struct vfs_file *of(sqlite3_file *f)
{
	return (struct vfs_file *)f;
}

static int vfs_close(sqlite3_file *f)
{
	return of(f)->real->pMethods->xClose(of(f)->real);
}

static int vfs_read(sqlite3_file *f, void *data, int len, sqlite3_int64 at)
{
	return of(f)->real->pMethods->xRead(of(f)->real, data, len, at);
}

static int vfs_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 at)
{
	if (of(f)->file != NULL) {
		tick();
		remember(of(f)->file, data, at, (size_t)len);
	}
	return of(f)->real->pMethods->xWrite(of(f)->real, data, len, at);
}

static int vfs_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	if (of(f)->file != NULL) {
		tick();
		remember(of(f)->file, NULL, size, 0);
	}
	return of(f)->real->pMethods->xTruncate(of(f)->real, size);
}

/* Nothing is asked of the real disk: what it would promise is kept here. */
static int vfs_sync(sqlite3_file *f, int flags)
{
	struct disk_file *d = of(f)->file;

	(void)flags;
	if (d == NULL)
		return SQLITE_OK;
	tick();
	for (const struct pending *p = d->first; p != NULL; p = p->next)
		apply(d, p, p->len);
	forget_pending(d);
	d->there = true;
	return SQLITE_OK;
}

static int vfs_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return of(f)->real->pMethods->xFileSize(of(f)->real, size);
}

static int vfs_lock(sqlite3_file *f, int level)
{
	return of(f)->real->pMethods->xLock(of(f)->real, level);
}

static int vfs_unlock(sqlite3_file *f, int level)
{
	return of(f)->real->pMethods->xUnlock(of(f)->real, level);
}

static int vfs_reserved(sqlite3_file *f, int *reserved)
{
	return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, reserved);
}

static int vfs_control(sqlite3_file *f, int what, void *argument)
{
	return of(f)->real->pMethods->xFileControl(of(f)->real, what, argument);
}

static int vfs_sector(sqlite3_file *f)
{
	(void)f;
	return SECTOR;
}

static int vfs_traits(sqlite3_file *f)
{
	return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real);
}

/* Version 1: no shared memory, so that this also shows that none is used. */
static const sqlite3_io_methods methods = { 1,           vfs_close,  vfs_read,   vfs_write,  vfs_truncate,
					    vfs_sync,    vfs_size,   vfs_lock,   vfs_unlock, vfs_reserved,
					    vfs_control, vfs_sector, vfs_traits, NULL,       NULL,
					    NULL,        NULL,       NULL,       NULL };

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *given)
{
	struct vfs_file *v = of(f);

	(void)vfs;
	v->base.pMethods = NULL;
	v->file = NULL;
	v->real = (sqlite3_file *)(v + 1);
	int rc = real_vfs->xOpen(real_vfs, name, v->real, flags, given);
	if (rc != SQLITE_OK)
		return rc;
	if ((flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)) != 0) {
		v->file = file_of(name);
		/* The name of the database itself is synced with its first journal. */
		v->file->there |= (flags & SQLITE_OPEN_MAIN_DB) != 0;
	}
	v->base.pMethods = &methods;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	struct disk_file *f = file_of(name);

	(void)vfs;
	(void)sync;
	tick();
	forget_pending(f);
	f->size = 0;
	f->there = false;
	return real_vfs->xDelete(real_vfs, name, 0);
}

static void install(void)
{
	static sqlite3_vfs vfs;

	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.zName = "losing-power";
	vfs.szOsFile = (int)sizeof(struct vfs_file) + real_vfs->szOsFile;
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

/* ---- the connection, for --synchronous ---- */

static bool lowered;
static sqlite3 *connection;

int __real_sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs);
int __wrap_sqlite3_open_v2(const char *name, sqlite3 **db, int flags, const char *vfs)
{
	int rc = __real_sqlite3_open_v2(name, db, flags, vfs);

	connection = *db;
	return rc;
}

static void lower(void)
{
	if (lowered)
		assert_int_equal(sqlite3_exec(connection, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL),
				 SQLITE_OK);
}

/* ---- the work, and what was said of it before the power went ---- */

struct said {
	size_t parts; /* that were acknowledged */
	int64_t delivery[PARTS];
	bool ended[PARTS], intended[PARTS], posted[PARTS], delivered[PARTS];
};

static int note(struct fx *f, int64_t delivery, enum settle settle, bool posted)
{
	struct arena a = ARENA_LIMIT(1 << 16);
	struct learned learned;

	learned_init(&learned, &a);
	for (size_t i = 0; posted && i < f->rows->count; i++)
		learned_posted(&learned, f->rows->row[i].id, "9");
	int rc = fx_note(f, delivery, settle, &learned, NULL);
	learned_done(&learned);
	arena_done(&a);
	return rc;
}

/* Each word is said once the call has been answered, and only if there was power then. */
#define SAY(what)               \
	do {                    \
		if (disk.cut)   \
			return; \
		what;           \
	} while (0)

static void work(struct fx *f, struct said *s)
{
	for (size_t i = 0; i < PARTS; i++) {
		char key[16], content[16], name[RESULTS][32];
		struct fx_result r[RESULTS];
		(void)snprintf(key, sizeof(key), "k%zu", i);
		(void)snprintf(content, sizeof(content), "c%zu", i);
		for (size_t k = 0; k < RESULTS; k++) {
			(void)snprintf(name[k], sizeof(name[k]), "t%zu-%zu", i, k);
			r[k] = (struct fx_result){ "a.B", name[k], OUTCOME_PASSED, .suite = { "s" } };
		}
		int64_t run = fx_part(f, &(struct fx_take){ .key = key, .content = content }, r, RESULTS);
		SAY(s->parts = i + 1);
		assert_int_equal(fx_end_run(f, run), 0);
		SAY(s->ended[i] = true);
		size_t due = fx_due(f, "rail", NOW + 1000000);
		int64_t delivery = 0;
		for (size_t k = 0; k < due; k++)
			delivery = f->due[k].delivery > delivery ? f->due[k].delivery : delivery;
		s->delivery[i] = delivery;
		assert_int_equal(fx_resolve(f, delivery, &fx_all), 0);
		struct rows *rows = fx_rows(f, delivery, ROWS_ALL, RESULTS);
		assert_int_equal(rows->count, RESULTS);
		assert_int_equal(fx_intend(f, delivery, "post", rows, "{\"body\":1}"), 0);
		SAY(s->intended[i] = true);
		assert_int_equal(note(f, delivery, SETTLE_GO_ON, true), 0);
		SAY(s->posted[i] = true);
		if (i % 2 == 0) { /* the others stay for later */
			assert_int_equal(note(f, delivery, SETTLE_DELIVERED, false), 0);
			SAY(s->delivered[i] = true);
		}
	}
}

/* ---- the judgement ---- */

static char failure[300];

#define MUST(holds, ...)                                                       \
	do {                                                                   \
		if (!(holds)) {                                                \
			(void)snprintf(failure, sizeof(failure), __VA_ARGS__); \
			return false;                                          \
		}                                                              \
	} while (0)

static bool judge(struct fx *f, const struct said *s)
{
	MUST(!f->opened.replaced, "the database was taken for damaged");
	const struct queue_status *st = fx_status(f);
	MUST(st->parts >= s->parts && st->parts <= s->parts + 1, "%zu parts of %zu", (size_t)st->parts,
	     s->parts);
	MUST(st->results == st->parts * RESULTS, "%zu results", (size_t)st->results);
	for (size_t i = 0; i < s->parts; i++) {
		if (s->delivery[i] == 0)
			continue;
		enum delivery_state state = fx_load(f, s->delivery[i])->state;
		uint64_t owed = fx_owed(f, s->delivery[i]).owed;
		/* The step that was under way may have come to be, nothing beyond it. */
		if (s->delivered[i])
			MUST(state == DELIVERY_DELIVERED && owed == 0,
			     "%zu was delivered: state %d, owed %zu", i, (int)state, (size_t)owed);
		else if (s->posted[i])
			MUST((state == DELIVERY_WAITING || (i % 2 == 0 && state == DELIVERY_DELIVERED)) &&
				     owed == 0,
			     "%zu was posted: state %d, owed %zu", i, (int)state, (size_t)owed);
		else if (s->intended[i])
			MUST((state == DELIVERY_UNKNOWN && owed == RESULTS) ||
				     (state == DELIVERY_WAITING && owed == 0),
			     "%zu was intended: state %d, owed %zu", i, (int)state, (size_t)owed);
		else
			MUST(state == DELIVERY_WAITING || state == DELIVERY_UNKNOWN, "%zu waited: state %d",
			     i, (int)state);
	}
	return true;
}

static void in_dir(struct fx *f, const char *dir)
{
	(void)snprintf(f->dir, sizeof(f->dir), "%s", dir);
	(void)snprintf(f->path, sizeof(f->path), "%s/queue.db", dir);
}

static void empty(const char *dir)
{
	char path[160];

	for (int i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/queue.db%s", dir,
			       i == 0   ? ""
			       : i == 1 ? "-wal"
					: "-journal");
		(void)unlink(path);
	}
}

/* One life and its end; false where something that was said was lost.  *calls: what a whole life makes. */
static bool one(uint64_t seed, const char *before, const char *after, int64_t *calls)
{
	struct fx f = { 0 };
	struct said said = { 0 };
	bool good = true;

	empty(before);
	empty(after);
	disk_clear();
	disk.rng = (struct rng){ seed };
	(void)snprintf(disk.to, sizeof(disk.to), "%s", after);
	disk.cut_at = *calls == 0 ? INT64_MAX : rng_between(&disk.rng, 1, *calls);
	in_dir(&f, before);
	fx_open(&f);
	lower();
	if (!disk.cut)
		work(&f, &said);
	if (*calls == 0)
		*calls = disk.calls;
	bool was = disk.cut;
	disk.cut = true; /* the end that this process sees is not the one that counts */
	fx_close(&f);
	if (was) {
		disk_clear();
		in_dir(&f, after);
		fx_open(&f);
		good = judge(&f, &said);
		fx_close(&f);
	}
	return good;
}

int main(int argc, char **argv)
{
	uint64_t cuts = 1000, from = 1, failed = 0, first = 0;
	/* What a real disk would hold is kept in memory here: so the real one may be memory, too. */
	const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	char before[64], after[64];
	char words[sizeof(failure)] = "";
	int64_t calls = 0;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--cuts") == 0)
			cuts = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--from") == 0)
			from = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--synchronous") == 0)
			lowered = strcmp(argv[i + 1], "normal") == 0;
	}
	(void)snprintf(before, sizeof(before), "%s/rd-power-XXXXXX", root);
	(void)snprintf(after, sizeof(after), "%s/rd-power-XXXXXX", root);
	assert_non_null(mkdtemp(before));
	assert_non_null(mkdtemp(after));
	install();
	(void)one(0, before, after, &calls);
	for (uint64_t i = 0; i < cuts; i++) {
		if (one(from + i, before, after, &calls))
			continue;
		if (failed++ == 0) {
			first = from + i;
			(void)snprintf(words, sizeof(words), "%s", failure);
		}
	}
	disk_clear();
	empty(before);
	empty(after);
	(void)rmdir(before);
	(void)rmdir(after);
	printf("%" PRIu64 " cuts among %" PRId64 " writes and syncs, %" PRIu64 " lost something", cuts, calls,
	       failed);
	if (failed > 0)
		printf("; first, seed %" PRIu64 ": %s", first, words);
	printf("\n");
	return failed > 0;
}
