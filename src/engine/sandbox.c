/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker may do once it reads hostile input: read below the given
 * paths, write to the descriptors it has, use memory, end.  No network, no
 * new programs, no writing by path.
 *
 * Landlock is asked for by raw system calls, since libc has none; a kernel
 * without it leaves seccomp alone at work, and the report says so.
 */
#define _GNU_SOURCE	/* O_PATH */
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <unistd.h>

#include "engine.h"

enum { HELD_SECCOMP = 1, HELD_LANDLOCK = 2 };

static const char *const texts[] = {
	[0] = "none",
	[HELD_SECCOMP] = "seccomp",
	[HELD_LANDLOCK] = "landlock",
	[HELD_SECCOMP | HELD_LANDLOCK] = "seccomp+landlock",
};

const char *
sandbox_known(struct span s)
{
	for (size_t i = 0; i < NITEMS(texts); i++)
		if (span_eq(s, span_str(texts[i])))
			return texts[i];
	return texts[0];
}

/* Sanitizers look at /proc and start helpers, and a profile is written at the
 * end; they run unheld. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    defined(PICKET_PROFILED)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* All rights of Landlock's first ABI: what is not granted is refused. */
#define RIGHTS_HANDLED	((UINT64_C(1) << 13) - 1)

static bool
allow_path(int ruleset, const char *path)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE
	};
	struct stat st;
	bool ok = true;

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return true;	/* cannot be read anyway */
	if (fstat(rule.parent_fd, &st) == 0 && S_ISDIR(st.st_mode))
		rule.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	if (syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		ok = false;
	close(rule.parent_fd);
	return ok;
}

static bool
enter_landlock(const char *const *path, size_t npaths)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = RIGHTS_HANDLED
	};
	int ruleset;
	bool ok = true;

	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr,
	    sizeof(attr), 0);
	if (ruleset < 0)
		return false;
	for (size_t i = 0; i < npaths && ok; i++)
		if (strcmp(path[i], "-") != 0)
			ok = allow_path(ruleset, path[i]);
	if (ok)
		ok = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
	close(ruleset);
	return ok;
}

static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv),
	SCMP_SYS(write), SCMP_SYS(pwrite64), SCMP_SYS(writev),
	SCMP_SYS(close), SCMP_SYS(lseek), SCMP_SYS(fadvise64),
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
	SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap),
	SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(brk),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(gettid),
	SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
	SCMP_SYS(rseq), SCMP_SYS(set_robust_list),
};

static bool
enter_seccomp(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	const uint64_t for_writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
	bool ok = ctx != NULL;

	for (size_t i = 0; i < NITEMS(allowed) && ok; i++)
		ok = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
	ok = ok && seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
	    SCMP_A2(SCMP_CMP_MASKED_EQ, for_writing, 0)) == 0;
	ok = ok && seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
	    SCMP_A1(SCMP_CMP_EQ, F_GETFL)) == 0;
	/* abort() and getrlimit(): on itself alone, not on its siblings. */
	ok = ok && seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
	    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) == 0;
	ok = ok && seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64),
	    2, SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0)) == 0;
	ok = ok && seccomp_load(ctx) == 0;
	if (ctx != NULL)
		seccomp_release(ctx);
	return ok;
}

const char *
sandbox_enter(const char *const *path, size_t npaths)
{
	unsigned held = 0;

	if (SANITIZED || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return texts[0];
	if (enter_landlock(path, npaths))
		held |= HELD_LANDLOCK;
	if (enter_seccomp())
		held |= HELD_SECCOMP;
	return texts[held];
}
