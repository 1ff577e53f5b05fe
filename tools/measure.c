/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure: what a command costs, with all processes that it starts.
 *
 *	measure [-o FILE] [-t SECONDS] COMMAND [ARGUMENT...]
 *
 * The command's standard output goes to FILE (default: nowhere), its standard
 * error nowhere.  Prints one line:
 *
 *	USER SYS WALL LARGEST ALL STATUS
 *
 * seconds of processor time of the command and of the descendants that were
 * waited for; seconds that went by; KiB resident at the peak, of the largest
 * process (from the kernel) and of all together (the largest sum of
 * proportional set sizes that was seen, looked at every SAMPLE_MS, so short
 * peaks escape it); the exit status, 128 and the signal if one ended it, or
 * 124 if SECONDS were over.
 *
 * The command gets a process group of its own, by which its descendants are
 * known; at a time-out the whole group is ended.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_MS	25
#define STATUS_TIMEOUT	124
#define STATUS_NO_EXEC	127

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The process group from /proc/PID/stat, whose second field is a name in
 * parentheses and may hold anything; 0 when the process is gone. */
static pid_t
group_of(const char *pid)
{
	char path[64], line[1024];
	const char *end;
	size_t n = 0;
	int group = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	n = fread(line, 1, sizeof(line) - 1, f);
	fclose(f);
	line[n] = '\0';
	if ((end = strrchr(line, ')')) == NULL ||
	    sscanf(end + 1, " %*c %*d %d", &group) != 1)
		return 0;
	return group;
}

static long
resident_kib(const char *pid)
{
	char path[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.20s/smaps_rollup", pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Pss: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

static long
group_kib(pid_t group)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	long sum = 0;

	if (proc == NULL)
		return 0;
	while ((d = readdir(proc)) != NULL)
		if (isdigit((unsigned char)d->d_name[0]) &&
		    group_of(d->d_name) == group)
			sum += resident_kib(d->d_name);
	closedir(proc);
	return sum;
}

static void
become(char **argv, const char *out)
{
	int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	int null = open("/dev/null", O_WRONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	if (fd < 0 || null < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		_exit(STATUS_NO_EXEC);
	execvp(argv[0], argv);
	_exit(STATUS_NO_EXEC);
}

/* Sleeps until the child ended, looking at its memory meanwhile; returns
 * whether the time was over. */
static int
watch(pid_t pid, double until, long *most_kib)
{
	const struct timespec step = { 0, SAMPLE_MS * 1000000L };
	sigset_t chld;
	siginfo_t info;
	long kib;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	for (;;) {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)pid, &info,
		    WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid)
			return 0;
		if (until != 0 && now() > until) {
			kill(-pid, SIGKILL);
			return 1;
		}
		if (sigtimedwait(&chld, NULL, &step) >= 0)
			continue;
		if ((kib = group_kib(pid)) > *most_kib)
			*most_kib = kib;
	}
}

static double
seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

int
main(int argc, char **argv)
{
	const char *out = "/dev/null";
	double limit = 0, start, wall;
	struct rusage ru;
	long most_kib = 0;
	int opt, status, late;
	sigset_t chld;
	pid_t pid;

	while ((opt = getopt(argc, argv, "+o:t:")) != -1) {
		if (opt == 'o')
			out = optarg;
		else if (opt == 't')
			limit = strtod(optarg, NULL);
		else
			argc = 0;
	}
	if (optind >= argc) {
		fprintf(stderr, "usage: measure [-o FILE] [-t SECONDS] "
		    "COMMAND [ARGUMENT...]\n");
		return 2;
	}
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	start = now();
	if ((pid = fork()) == 0)
		become(argv + optind, out);
	if (pid < 0) {
		fprintf(stderr, "measure: fork: %s\n", strerror(errno));
		return 1;
	}
	setpgid(pid, pid);
	late = watch(pid, limit == 0 ? 0 : start + limit, &most_kib);
	if (wait4(pid, &status, 0, &ru) != pid) {
		fprintf(stderr, "measure: wait: %s\n", strerror(errno));
		return 1;
	}
	wall = now() - start;
	if (most_kib < ru.ru_maxrss)
		most_kib = ru.ru_maxrss;
	printf("%.4f %.4f %.4f %ld %ld %d\n", seconds(ru.ru_utime),
	    seconds(ru.ru_stime), wall, ru.ru_maxrss, most_kib,
	    late ? STATUS_TIMEOUT : WIFEXITED(status) ?
	    WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return 0;
}
