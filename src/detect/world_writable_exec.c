/* SPDX-License-Identifier: Apache-2.0
 *
 * A program runs from a folder that any user may write to, ATT&CK T1074.001
 * and T1059; the three Sigma rules that advisory AA24-190A prints ("World
 * Writable Execution": Temp, Non-Temp System Subdirectory, Users).
 *
 * Behaviour: the whole path of the new process lies in such a folder, in any
 * case of letters; the account and the parent are the rules' own filters.  In
 * 4688 SYSTEM and NETWORK SERVICE show as the computer's account (NAME$),
 * which is taken for them.
 *
 * Known false alarms: Windows itself runs programs from some of these folders
 * (servicing, ImmersiveControlPanel, Speech …), and installers from Temp.
 * share/allow/world-writable-exec.txt lists what is known to be good; with it
 * the rules can be used, and a site adds its own lines.  Format: see there.
 *
 * Bounds: ALLOW_MAX lines of SHARE_LINE bytes.
 * Cost: kind, event id and channel; of a process start the image in lower
 * case and 80 short searches; the allow list only for what is left.
 */

#include "detect.h"
#include "rule.h"

#define ALLOW_MAX	512u	/* shipped: some 20; sites add tens */
#define ALLOW_FILE	"allow/world-writable-exec.txt"

static const uint8_t kinds[] = { KIND_WINEVENT, KIND_NONE };

static const uint16_t fields[] = { HOST_FIELDS, FIELD_OTHER };

/* -- the allow list ------------------------------------------------------- */

/* Patterns in lower case, as glob_match() wants them; an empty one is true of
 * all. */
struct allow {
	char	text[SHARE_LINE];
	struct span image, parent, user;
};

/* Filled by load() before the workers start, then only read. */
static struct allow	allow[ALLOW_MAX];
static uint32_t		nallow;

/* A column as a pattern, behind those that stand in the text. */
static struct span
pattern(char *text, size_t *used, struct span s)
{
	char *from = text + *used;

	for (size_t i = 0; i < s.len; i++)
		from[i] = s.ptr[i] == '*' ? (char)WILD_MANY :
		    (char)ascii_lower(s.ptr[i]);
	*used += s.len;
	return span_of(from, s.len);
}

static bool
take_line(const struct span *col, unsigned n)
{
	struct allow *a = &allow[nallow];
	size_t used = 0;

	if (n > 3 || col[0].len == 0)
		return false;
	a->parent = a->user = SPAN_NONE;
	a->image = pattern(a->text, &used, col[0]);
	if (n > 1)
		a->parent = pattern(a->text, &used, col[1]);
	if (n > 2)
		a->user = pattern(a->text, &used, col[2]);
	nallow++;
	return true;
}

static bool
load(const char *share, struct buf *why)
{
	const size_t before = why->len;

	nallow = 0;
	if (!share_lines(share, ALLOW_FILE, "IMAGE [| PARENT [| USER]]",
	    ALLOW_MAX, take_line, why))
		return false;
	if (why->len != before)
		buf_str(why, "; nothing is allowed");
	return true;
}

static bool
is_allowed(struct span image, struct span parent, struct span user)
{
	for (uint32_t i = 0; i < nallow; i++) {
		const struct allow *a = &allow[i];

		if (glob_match(a->image, image) &&
		    (a->parent.len == 0 || glob_match(a->parent, parent)) &&
		    (a->user.len == 0 || glob_match(a->user, user)))
			return true;
	}
	return false;
}

/* -- the three rules ------------------------------------------------------ */

/* Rule 2: below the root, below Windows, System32 and SysWOW64.  Any drive. */
static const char *const below_root[] = {
	"$recycle.bin\\", "amd\\temp\\", "intel\\", "perflogs\\"
};

static const char *const below_windows[] = {
	"addins", "appcompat", "apppatch", "appreadiness", "bcastdvr", "boot",
	"branding", "cbstemp", "containers", "csc", "cursors", "debug",
	"diagnostics", "digitallocker", "dot3svc", "en-us", "fonts",
	"globalization", "help", "identitycrl", "ime", "immersivecontrolpanel",
	"inf", "intel", "l2schemas", "livekernelreports", "logs", "media",
	"migration", "modemlogs", "ms", "ocr", "panther", "performance", "pla",
	"policydefinitions", "prefetch", "printdialog", "provisioning",
	"registration\\crmlog", "remotepackages", "rescache", "resources",
	"schcache", "schemas", "security", "servicestate", "servicing",
	"setup", "shellcomponents", "shellexperiences", "skb", "tapi", "tasks",
	"textinput", "tracing", "vss", "waas", "web", "wlansvc",
	"system32\\com\\dmp", "system32\\fxstmp",
	"system32\\microsoft\\crypto\\rsa\\machinekeys", "system32\\speech",
	"system32\\spool\\drivers\\color", "system32\\spool\\printers",
	"system32\\spool\\servers",
	"system32\\tasks_migrated\\microsoft\\windows\\pla\\system",
	"system32\\tasks", "syswow64\\com\\dmp", "syswow64\\fxstmp",
	"syswow64\\tasks"
};

/* Rule 3. */
static const char *const below_users[] = {
	"all users\\", "contacts\\", "default\\", "public\\", "searches\\"
};

enum folder { IN_NONE, IN_TEMP, IN_SYSTEM, IN_USERS };

static bool
begins(struct span *s, const char *text)
{
	struct span t = span_str(text);

	if (!span_starts(*s, t))
		return false;
	*s = span_sub(*s, t.len, SIZE_MAX);
	return true;
}

/* {8-4-4-4-12}\ right below: what Windows Update unpacks. */
static bool
is_guid_folder(struct span s)
{
	if (s.len < 39 || s.ptr[0] != '{' || s.ptr[37] != '}' ||
	    s.ptr[38] != '\\')
		return false;
	for (size_t i = 1; i < 37; i++) {
		bool dash = i == 9 || i == 14 || i == 19 || i == 24;

		if (dash ? s.ptr[i] != '-' : ascii_hex(s.ptr[i]) < 0)
			return false;
	}
	return true;
}

/* The folder after the drive, and whether it is one of those. */
static enum folder
folder_of(struct span image)
{
	size_t colon = span_find(image, SPAN_LIT(":\\"));
	struct span s = image;

	if (colon == SPAN_NPOS)
		return IN_NONE;
	if (begins(&s, "c:\\windows\\temp\\"))
		return is_guid_folder(s) ? IN_NONE : IN_TEMP;
	s = span_sub(image, colon + 2, SIZE_MAX);
	for (size_t i = 0; i < NITEMS(below_root); i++)
		if (span_starts(s, span_str(below_root[i])))
			return IN_SYSTEM;
	if (begins(&s, "users\\")) {
		for (size_t i = 0; i < NITEMS(below_users); i++)
			if (span_starts(s, span_str(below_users[i])))
				return IN_USERS;
		return IN_NONE;
	}
	if (!begins(&s, "windows\\"))
		return IN_NONE;
	for (size_t i = 0; i < NITEMS(below_windows); i++) {
		struct span t = span_str(below_windows[i]);

		if (span_starts(s, t) && s.len > t.len && s.ptr[t.len] == '\\')
			return IN_SYSTEM;
	}
	return IN_NONE;
}

/* The printed rules' own exceptions. */
static bool
is_filtered(enum folder in, struct span image, struct span parent,
    struct span user)
{
	static const char *const parents[] = {
		"\\esif_uf.exe", "\\vmtoolsd.exe", "\\cwainstaller.exe",
		"\\trolleyexpress.exe"
	};
	bool computer = user.len > 1 && user.ptr[user.len - 1] == '$';
	bool system = computer ||
	    span_find(user, SPAN_LIT("system")) != SPAN_NPOS;

	if (in != IN_TEMP)
		return system && span_find(image, SPAN_LIT("\\appdata\\")) !=
		    SPAN_NPOS;
	if (system || span_find(user, SPAN_LIT("network service")) !=
	    SPAN_NPOS || span_ends(image, SPAN_LIT("dismhost.exe")))
		return true;
	for (size_t i = 0; i < NITEMS(parents); i++)
		if (span_ends(parent, span_str(parents[i])))
			return true;
	return false;
}

static void
tell(struct detect *d, const struct event *e, enum folder in)
{
	static const char *const where[] = {
		[IN_TEMP] = "Windows' Temp folder",
		[IN_SYSTEM] = "a system folder that users may write to",
		[IN_USERS] = "a folder that all users share"
	};
	struct finding f;
	struct arena m;

	arena_init(&m, 256u << 10);
	finding_init(&f, d, e);
	host_entities(&f, &m, e);
	f.entity[ENTITY_FILE] = f.entity[ENTITY_PROCESS];
	if (in == IN_SYSTEM) {
		f.severity = SEV_HIGH;
		f.confidence = 75;
	}
	text_clip(&d->text, f.entity[ENTITY_PROCESS], 160);
	buf_str(&d->text, " was run from ");
	buf_str(&d->text, where[in]);
	host_text(&d->text, &m, &f, e);
	buf_span(&d->fold, f.entity[ENTITY_HOST]);
	buf_byte(&d->fold, '|');
	buf_span(&d->fold, f.entity[ENTITY_PROCESS]);
	finding_raise(&f, d);
	arena_fini(&m);
}

static void
world_writable_exec_event(struct detect *d, const struct event *e)
{
	struct span image, parent, user;
	struct scratch s;
	enum folder in;

	if (host_event(e) != HOST_PROCESS)
		return;
	s.used = 0;
	image = proc_image(&s, e);
	if ((in = folder_of(image)) == IN_NONE)
		return;
	parent = proc_parent(&s, e);
	user = proc_user(&s, e);
	if (!is_filtered(in, image, parent, user) &&
	    !is_allowed(image, parent, user))
		tell(d, e, in);
}

const struct detector detector_world_writable_exec = {
	.name = "world-writable-exec",
	.title = "Execution from a world-writable folder",
	.doc = "The three rules of AA24-190A on process starts (Sysmon 1, "
	    "4688): programs run from Windows\\Temp, writable system "
	    "folders and shared user folders. False alarms: installers; "
	    "share/allow/world-writable-exec.txt lists what is known to be "
	    "good. Cost: the image of each process start.",
	.attack = "T1074.001 T1059",
	.advice = "Keep a copy of the file and look up its hash; find out who "
	    "wrote it there and what started it. If it belongs there, add a "
	    "line to share/allow/world-writable-exec.txt.",
	.severity = SEV_MEDIUM,
	.confidence = 60,
	.kinds = kinds,
	.fields = fields,
	.event_ids = host_event_ids,
	.load = load,
	.event = world_writable_exec_event,
};
