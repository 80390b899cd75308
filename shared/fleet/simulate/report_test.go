package simulate_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// perDay is what of a series a device takes in a day.
func (w *world) perDay(n int) float64 {
	return float64(w.peaks.total[n]) / 2 / float64(w.devices*w.days)
}

// alike holds what a device-day costs against another fleet's, in which fewer devices leave more to luck: one in 25 runs every
// hour, so that what devices cost deviates by nearly twice its mean.
func (w *world) alike(o *world) {
	few := 4 / math.Sqrt(float64(min(w.devices, o.devices)))
	for _, n := range []int{allWrites, allReads, requests, keyUses} {
		if a, b := w.perDay(n), o.perDay(n); math.Abs(a-b) > (0.01+few)*b {
			w.counts.violate(unlike, "%s: %.2f among %d devices and %.2f among %d", seriesName(n), b, o.devices, a, w.devices)
		}
	}
}

// report is the table of several plays.
func report(all []*world) string {
	var b strings.Builder
	row := func(name string, value func(w *world) string) {
		fmt.Fprintf(&b, "%-46s", name)
		for _, w := range all {
			fmt.Fprintf(&b, " %14s", value(w))
		}
		b.WriteByte('\n')
	}
	count := func(name string, value func(w *world) int64) {
		row(name, func(w *world) string { return grouped(value(w)) })
	}
	count("devices", func(w *world) int64 { return int64(w.devices) })
	count("days", func(w *world) int64 { return int64(w.days) })
	count("check-ins", func(w *world) int64 { return w.counts.polls })
	count("  known beforehand, billed and not played", func(w *world) int64 { return w.counts.skipped })
	count("  played all the same, to see that it is so", func(w *world) int64 { return w.counts.audited })
	count("runs begun", func(w *world) int64 { return w.counts.runs })
	count("  committed", func(w *world) int64 { return w.counts.committed })
	count("  unchanged", func(w *world) int64 { return w.counts.unchanged })
	count("  given up", func(w *world) int64 { return w.counts.failed })
	count("  begun again, an hour after that", func(w *world) int64 { return w.counts.again })
	count("  never ended", func(w *world) int64 { return w.counts.abandoned })
	count("  by the phone's own copy of the schedule", func(w *world) int64 { return w.counts.alone })
	count("  ordered", func(w *world) int64 { return w.counts.ordered })
	count("devices moved to another group", func(w *world) int64 { return w.counts.moves })
	count("backups owed that were made", func(w *world) int64 { return w.counts.served })
	count("  by their deadline", func(w *world) int64 { return w.counts.inTime })
	count("backups reported as overdue", func(w *world) int64 { return w.counts.reported })
	count("  made later", func(w *world) int64 { return w.counts.recovered })
	count("  most by one watch", func(w *world) int64 { return int64(w.mostLate) })
	count("  most seconds until it was told", func(w *world) int64 { return w.counts.delay })
	count("violations", func(w *world) (n int64) {
		for _, k := range w.counts.wrong {
			n += k
		}
		return n
	})
	for _, s := range []struct {
		name   string
		series int
	}{{"requests", requests}, {"uses of KMS", keyUses}, {"write request units", allWrites}, {"read request units", allReads}} {
		row(s.name+" by device and day", func(w *world) string { return fmt.Sprintf("%.2f", w.perDay(s.series)) })
	}
	row("notes by device and day", func(w *world) string {
		return fmt.Sprintf("%.2f", float64(w.counts.notes)/float64(w.devices*w.days))
	})
	row("starts in the fullest tenth of the window", func(w *world) string {
		all := w.counts.window[0]
		sum := int64(0)
		for _, n := range all {
			sum += n
		}
		return fmt.Sprintf("%.1f %%", 100*float64(slices.Max(all[:]))/float64(max(sum, 1)))
	})
	fmt.Fprintf(&b, "\nUnits (of requests, uses and events, so many) in the busiest second and the busiest minute among %s devices,\nand in the busiest minute by devices alone, without the watch:\n", grouped(int64(all[len(all)-1].devices)))
	w := all[len(all)-1]
	for n := range series {
		if w.peaks.total[n] > 0 && (n < dueWrites || n == w.most(dueWrites, dueShards) || n == w.most(lateWrites, dueShards) || n == w.most(fleetWrites, fleetShards) || n == w.most(fleetReads, fleetShards)) {
			fmt.Fprintf(&b, "%-30s %9.1f %11.1f %11.1f\n", seriesName(n), float64(w.peaks.second[n])/2, float64(w.peaks.minute[n])/2, float64(w.rates.minute[n])/2)
		}
	}
	return b.String()
}

// most is the busiest of some series.
func (w *world) most(first, n int) int {
	best := first
	for i := first; i < first+n; i++ {
		if w.rates.minute[i] > w.rates.minute[best] || w.rates.minute[i] == w.rates.minute[best] && w.peaks.minute[i] > w.peaks.minute[best] {
			best = i
		}
	}
	return best
}

func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// quota is something of which there is so much a second.
type quota struct {
	name           string
	limit, used    float64 // a second; used in the busiest minute of the largest fleet that was played
	source, remedy string
}

const (
	goal     = 10_000_000 // devices
	duration = 0.1        // seconds that a request keeps a function busy: taken, not measured
)

func (w *world) quotas() []quota {
	a := func(n int) float64 { return float64(w.rates.minute[n]) / 2 / 60 }
	slots, runs := w.most(slotReads, maxScenes), w.most(runReads, maxScenes)
	due, late, fleets := w.most(dueWrites, dueShards), w.most(lateWrites, dueShards), w.most(fleetWrites, fleetShards)
	partition := "DynamoDB: Best practices for designing and using partition keys effectively"
	tables := "DynamoDB: Quotas in Amazon DynamoDB (adjustable)"
	all := []quota{
		{"P / REV, reads", 3000, a(revReads), partition, "an instance of a function asks again only when its answer is some seconds old (an edit is then seen so much later); or copies of the row, REV#0 to REV#15, each instance reading one"},
		{"SETTINGS, reads", 3000, a(settingsReads), partition, "the same: kept by each instance for some seconds"},
		{seriesName(slots), 3000, a(slots), partition, "the same; or left out, since the schedule itself says the slot: the row matters only within the minutes in which clocks differ"},
		{seriesName(runs), 3000, a(runs), partition, "sessions take the profile from the set that they keep, as check-ins do"},
		{"all of partition key P, reads, while it is not split", 3000, a(revReads) * (2 + float64(w.rates.total[profileReads]+w.rates.total[runReads+0])/float64(w.rates.total[revReads])), partition, "the same; DynamoDB parts hot rows of one key by itself, in minutes"},
		{"index due, the busiest shard D, writes", 1000, a(due), partition, "more shards: dueShards 64; rows move when they are next noted, the watch reads old and new shards meanwhile"},
		{"index due, the busiest shard O, writes", 1000, a(late), partition, "the same"},
		{"index fleet, the busiest of 4 shards, writes", 1000, a(fleets), partition, "take out of the projection what every note changes (seen, rev): lists read it from the rows that they show; else more shards"},
		{"table zapas, writes", 40000, a(allWrites), tables, "ask for more before; note that a phone is there less often: seenAgain 8 h"},
		{"table zapas, reads", 40000, a(allReads), tables, "ask for more before"},
		{"the API's own throttle (settings: throttling)", 500, a(requests), "infra/settings: throttling.rate", "set it with the quota of the account"},
		{"API Gateway, requests", 10000, a(requests), "API Gateway: Amazon API Gateway quotas (adjustable; 2,500 in some regions)", "ask for more; poll less often: pollMost 2 h halves it"},
		{"Lambda, concurrent executions of 0.1 s", 1000, a(requests) * duration, "Lambda: Lambda quotas (adjustable to tens of thousands)", "ask for more; measure the 0.1 s, which are taken, not measured"},
		{"KMS, symmetric cryptographic operations", 10000, a(keyUses), "AWS KMS: Request quotas (10,000 or more by region, adjustable; the region's figure not verified)", "a wider window: starts are what asks for keys"},
		{"EventBridge, PutEvents", 2400, a(announced), "EventBridge: Amazon EventBridge quotas (by region, adjustable; 2,400 taken for eu-central-1, not verified)", "ten entries a request where several are told at once; a wider window"},
		{"Scheduler, invocations", 1000, 0, "EventBridge Scheduler: Quotas for Amazon EventBridge Scheduler", "none needed: it calls by profile, never by device"},
		{"the watch: newly overdue devices, 2,000 in 15 minutes", 2000.0 / epoch, float64(w.mostLate) / epoch, "shared/fleet/watch.go", "look at more in one go: it is bounded by the function's 15 minutes, not by a quota; or a watch for each few shards. Until then events come later, none is lost"},
	}
	slices.SortFunc(all, func(x, y quota) int { return cmp.Compare(y.used/y.limit, x.used/x.limit) })
	return all
}

// scaling is the page that says what a large fleet takes.
func scaling(table string, w *world) string {
	var b strings.Builder
	b.WriteString(`# What a fleet takes

This page is written by ` + "`make simulate WRITE=1`" + `. It plays fleets by the rules of shared/fleet and shared/profile themselves: devices
with clocks that are off, spells without a network, phones that check-in refuses and that follow their own copy of the
schedule, runs that fail or never end, orders, moves between groups; six profiles in six zones (daily, weekly, every n hours,
cron; windows, quiet hours, conditions) that are edited, disabled and enabled meanwhile; a scheduler whose ticks come late and
twice; the watch every quarter of an hour. Clocks are set back on the way.

An oracle with slots of its own (a walk along the wall clock) judges each device: every run must have been due, and every
deadline that passes without a run that ended well must be reported once, by the first watch after it. Planted faults show
that it sees (TestPlanted). Units are billed as the tables bill them (TestBills: call by call against the adapters on the
stand-in). A check-in of which it is known that it answers as the last one did and writes nothing is billed and not played:
the row, the profiles and what the phone says are the same (but for its charger and its network, which matter to what is
due alone), and no slot, no start and no noting has come since; one in 200
is played all the same, and TestSkipping plays a fleet both ways, to the same rows and the same units.

Not played: HTTP, vaults (their units are added, 20 WRU and 11 RRU for a backup, as TestCapacityOfADay has them), restores,
orders to many devices at once. The watch and its walk bill 200 devices a second that they note, and ten pages of 1 MB a
second that they list. The walk passes over rows that nobody has written since the last one; TestSkipping plays that of
fleet.Watch over all rows, to the same rows.

## Output

` + "```\n" + table + "```\n\n")
	factor := goal / float64(w.devices)
	fmt.Fprintf(&b, "## At %s devices\n\nWhat devices take in their busiest minute above, times %s; the watch adds 200 notes a second and 1,280 RRU a second of\nlists, whatever the fleet. The first line binds first.\n\n", grouped(goal), grouped(int64(factor)))
	b.WriteString("| what | a second | there are | binds at devices | source | remedy |\n|---|---:|---:|---:|---|---|\n")
	for _, q := range w.quotas() {
		binds := "-"
		if q.used > 0 {
			at := int64(float64(w.devices) * q.limit / q.used)
			binds = grouped(at - at%1000)
		}
		fmt.Fprintf(&b, "| %s | %.1f | %s | %s | %s | %s |\n", q.name, q.used*factor, strings.TrimSuffix(fmt.Sprintf("%.1f", q.limit), ".0"), binds, q.source, q.remedy)
	}
	fmt.Fprintf(&b, `
Quiet hours stop a window: the starts that would lie in them are spread after their end as the others are before. What is
caught up in them starts when the phone next asks, within an hour of their end.

A device-day has %.1f notes, of three to five WRU: two or three for each run, and one every four hours. That a phone begins or
ceases to charge or changes its kind of network is written with one of these, and by itself only where its profile has a
backup that is due wait for it.

Two more, which are no rates. The walk goes through 200,000 rows in 15 minutes: %s devices take %.1f hours, and so long do
totals and classes lag (remedy: more rows in one go; a page of 1 MB takes about 128 RRU). And whoever has his MDM ring all
phones when backup.due comes has them check in at once, window or not: %s requests take %s seconds at 10,000 a second; let
the MDM ring over the window, or leave it to the phones, which poll at their own moment.

Sources are titles of pages of the AWS documentation. Figures marked as taken or not verified are to be looked up in Service
Quotas for the account and the region.
`, float64(w.counts.notes)/float64(w.devices*w.days), grouped(goal), float64(goal)/800_000, grouped(goal), grouped(goal/10_000))
	return b.String()
}
