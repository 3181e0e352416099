# SPDX-License-Identifier: GPL-2.0
#
# The report of scripts/bench/report: Markdown, from the rows of all guests. $limits
# and $reasons are the tables of tests/bench.

# Closer than this is the same: what ratios repeat to.
def close: 0.005;

def fixed($n):
	(. * pow(10; $n) | round | tostring) as $s |
	(if ($s | length) <= $n then "0" * ($n + 1 - ($s | length)) + $s else $s end) |
	.[:-$n] + "." + .[-$n:];

def ratio: if . == null then "-" else fixed(3) end;

def per_cent: (100 * . | fixed(2)) + " %";

def in_order: reduce .[] as $v ([]; if any(. == $v) then . else . + [$v] end);

def fits($pattern):
	. as $value | $pattern | split(",") |
	any(. as $p | $value | test("^" + ($p | gsub("\\*"; ".*")) + "$"));

def table_line: "| " + join(" | ") + " |";

def table($head):
	($head | table_line), ([range($head | length) | if . == 0 then "---" else "--:" end] |
	table_line), (.[] | table_line), "";

# --- one guest --------------------------------------------------------------------

def row($pattern; $system): first(.[] | select(.pattern == $pattern and .system == $system));

def total($pattern; $system): (row($pattern; $system) | .total) // null;

def over($a; $b): if $a == null or $b == null or $b == 0 then null else $a / $b end;

def to_base($pattern; $system; $base): over(total($pattern; $system); total($pattern; $base));

def geomean($system; $base):
	. as $rows | [.[] | select(.system == $base and (.extra | not)) | .pattern] | in_order |
	[.[] as $p | $rows | to_base($p; $system; $base) | select(. != null) | log] |
	if length == 0 then null else add / length | exp end;

def figure($pattern; $system; $base):
	if $pattern == "geomean" then geomean($system; $base)
	else to_base($pattern; $system; $base) end;

# Limits of a pattern: the first line for each system and base
def limits_of($pattern):
	.[0] as $r |
	[$limits[] | . as $l | select(($r.kernel | fits($l.kernel)) and
		($r.lower | fits($l.lower)) and ($pattern | fits($l.pattern)))] |
	group_by([.system, .base]) | map(.[0]);

def reason($pattern; $who):
	.[0] as $r |
	[$reasons[] | . as $l | select(($r.kernel | fits($l.kernel)) and
		($r.lower | fits($l.lower)) and ($pattern | fits($l.pattern)) and
		($who | fits($l.who)))] | .[0].reason // "NO REASON GIVEN";

def systems: [.[].system] | in_order;

def patterns: [.[].pattern] | in_order;

def exceeded($pattern; $system):
	. as $rows | limits_of($pattern) |
	any(.[] | select(.system == $system); . as $l |
		(($rows | figure($pattern; $system; $l.base)) // 0) > $l.limit + 0.0005);

def marked($pattern; $system):
	(if exceeded($pattern; $system) then "**" else "" end) as $mark |
	figure($pattern; $system; "lower") | ratio | $mark + . + $mark;

def ratios:
	. as $rows | systems as $systems |
	[patterns[] as $p | ($rows | row($p; "lower")) as $lower |
		[$p, ($lower.touches | tostring), ($lower.total / $lower.touches | fixed(1))] +
		[$systems[1:][] as $s | $rows | marked($p; $s)] +
		[[$rows[] | select(.pattern == $p and .kind != "other") | .spread] | max | per_cent]] +
	[["geometric mean", "", ""] + [$systems[1:][] as $s | $rows | marked("geomean"; $s)] + [""]] |
	table(["pattern", "touches", "lower"] + $systems[1:] + ["spread"]);

def checked:
	. as $rows |
	[((patterns + ["geomean"])[]) as $p | $rows | limits_of($p)[] as $l |
		{p: $p, l: $l, f: figure($p; $l.system; $l.base)} | select(.f != null) |
		.over = (.f > .l.limit + 0.0005)] | . as $all |
	"\([$all[] | select(.over | not)] | length) of \($all | length) figures are within their limits\(
		if any($all[]; .over) then "; beyond them:" else "." end)", "",
	([$all[] | select(.over)] | if length == 0 then empty else
		[.[] | . as $c | [.p, .l.system, .l.base, (.l.limit | fixed(2)), (.f | ratio),
			($rows | reason($c.p; "limit"))]] |
		table(["pattern", "system", "to", "limit", "is", "why"]) end);

# What installing costs in the largest window, for each page that is touched
def floor($pattern):
	row("seq"; "lower-2m") as $s | row($pattern; "lower") as $r |
	if $s == null or $pattern == "exec" then null else $r.pages * $s.total / $s.pages end;

def best_knob($pattern):
	[to_base($pattern; "lower"; "lower"), to_base($pattern; "lower-4k"; "lower"),
		to_base($pattern; "lower-2m"; "lower")] | min;

def floors:
	. as $rows |
	[patterns[] | select(. != "exec" and (startswith("store") | not)) as $p | $rows |
		floor($p) as $f | total($p; "lower") as $lower | select($f != null) |
		[$p, ($f / $lower | ratio), (best_knob($p) | ratio),
			(to_base($p; "default"; "lower") | ratio),
			(over(total($p; "default"); $f) | ratio),
			(over(to_base($p; "default"; "lower"); best_knob($p)) | ratio)]] |
	table(["pattern", "floor", "best knob", "default", "default to floor",
		"default to best knob"]);

def rivals: ["lower", "lower-4k", "lower-2m", "overlayfs", "bindfs"];

def not_first:
	. as $rows |
	[patterns[] as $p | $rows | to_base($p; "default"; "lower") as $ours |
		[rivals[] as $s | ($rows | to_base($p; $s; "lower")) as $f |
			select($f != null and $f < $ours * (1 - close)) | {s: $s, f: $f}] |
		sort_by(.f) | select(length > 0) | . as $ahead |
		[$p, ($ours | ratio), ([$ahead[] | .s + " " + (.f | ratio)] | join(", ")),
			($rows | reason($p; $ahead[0].s))]] |
	if length == 0 then "fmapfs is first everywhere.", ""
	else table(["pattern", "default", "ahead of it", "why"]) end;

def all_rows:
	[.[] | [.pattern, .system, (.touches | tostring), (.touch / .touches | fixed(1)),
		(.munmap / .touches | fixed(1)), (.total / .touches | fixed(1)),
		(.first / .touches | fixed(1)), (.minor | tostring), (.major | tostring),
		(.ptes | tostring), (.reads | tostring), (.bytes | tostring),
		(.rss_kib | tostring), (.spread | per_cent)]] |
	table(["pattern", "system", "touches", "touch", "munmap", "total", "first mapping",
		"minor", "major", "PTEs", "reads", "bytes", "RSS KiB", "spread"]);

def name: "\(.lower) on \(.kernel), \(.clock)";

def warm:
	.[0] as $r |
	"## \($r | name)", "",
	"![ratios](\($r.lower)-\($r.kernel)-\($r.clock).svg)", "",
	ratios, checked,
	"### The floor", "", floors,
	"### Where fmapfs is not first", "", not_first;

def cold:
	.[0] as $r |
	"## \($r.lower) on \($r.kernel), cold", "",
	([.[] | [.pattern, .system] + ([.touches, .reads, .bytes, .major, .minor] |
		map(tostring))] |
	table(["pattern", "system", "touches", "reads", "bytes", "major", "minor"]));

def guests: group_by([.kernel, .lower, .clock]) | .[];

"# The benchmark", "",
"What it takes to touch the pages of a file that is cached, and to unmap it: the median",
"of some rounds, all systems in turns in one boot, as a ratio to the plain lower",
"filesystem with its default window. `lower` is that in instructions (or ns) a touch;",
"exec is a whole program. Each pattern has a file of its own, whose first mapping does",
"not count. `lower-4k`, `lower-2m`: the kernel's one knob, fault_around_bytes. `native`:",
"fmapfs with engine=native; `kernel`: with the kernel's policies; `insert`: those, and",
"install=insert; `default`: mounted without options. Bold: beyond a limit. The spread is",
"the largest distance of a round from the median, of lower and fmapfs.", "",
"The floor is what the kernel's own installation of PTEs costs in the largest window",
"(seq, lower-2m), for each page that is touched: no fault that is alone, no page in",
"vain. The best knob is the best of the three windows for that pattern: with one",
"knob for all, only one pattern can have it.", "",
([.[] | select(has("total"))] | guests | warm),
([.[] | select(has("total") | not)] | guests | cold),
([.[] | select(has("total"))] | guests | "## All rows: \(.[0] | name)", "", all_rows)
