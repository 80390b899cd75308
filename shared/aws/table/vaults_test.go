package table_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapas/localstack/deployment"
	"zapas/shared/caller"
	"zapas/shared/fault"
	"zapas/shared/vault"
)

const user = caller.UserID("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")

func TestVaults(t *testing.T) {
	t.Parallel()

	t.Run("ReadBackAsWritten", func(t *testing.T) {
		t.Parallel()
		v, n := open(t).vaults(), 0
		rapid.Check(t, func(r *rapid.T) {
			n++
			user := id[caller.UserID](n)
			c := made[vault.Change]().Draw(r, "change")
			c.Head.Rev = 0
			for i := range c.Sessions {
				c.Sessions[i].ID = id[vault.SessionID](i)
			}
			for i := range c.Snapshots {
				c.Snapshots[i].Seq = int64(i)
			}
			c.Sessions, c.Snapshots = c.Sessions[:min(len(c.Sessions), 3)], c.Snapshots[:min(len(c.Snapshots), 3)]
			must(r, v.Write(t.Context(), user, c))
			h, err := v.Head(t.Context(), user)
			must(r, err)
			c.Head.Rev = 1
			same(r, h, c.Head)
			for _, want := range c.Sessions {
				got, err := v.Session(t.Context(), user, want.ID)
				must(r, err)
				same(r, got, want)
			}
			for _, want := range c.Snapshots {
				got, err := v.Snapshot(t.Context(), user, want.Seq)
				must(r, err)
				same(r, got, want)
			}
		})
	})

	t.Run("WhatNeverWas", func(t *testing.T) {
		t.Parallel()
		v := open(t).vaults()
		h, err := v.Head(t.Context(), user)
		must(t, err)
		same(t, h, vault.Head{})
		_, err = v.Session(t.Context(), user, "S")
		wantKind(t, err, fault.NotFound)
		_, err = v.Snapshot(t.Context(), user, 1)
		wantKind(t, err, fault.NotFound)
		all, err := v.Snapshots(t.Context(), user)
		must(t, err)
		same(t, len(all), 0)
	})

	t.Run("TimesAreCutToMilliseconds", func(t *testing.T) {
		t.Parallel()
		v := open(t).vaults()
		s := vault.Session{ID: "S", At: start.Add(999 * time.Microsecond).In(time.FixedZone("", 7200))}
		must(t, v.Write(t.Context(), user, vault.Change{Sessions: []vault.Session{s}}))
		got, err := v.Session(t.Context(), user, "S")
		must(t, err)
		same(t, got.At, start)
	})
}

// TestSnapshots lists more than one page of an answer holds (1 MB), over the point where sequence numbers get one more
// digit.
func TestSnapshots(t *testing.T) {
	t.Parallel()
	v := open(t).vaults()
	long := strings.Repeat("x", 100_000)
	h := vault.Head{}
	for seq := int64(1); seq <= 12; seq++ {
		must(t, v.Write(t.Context(), user, vault.Change{Head: h, Snapshots: []vault.Snapshot{{Seq: seq, Location: long}}}))
		h.Rev++
	}
	must(t, v.Write(t.Context(), "other", vault.Change{Snapshots: []vault.Snapshot{{Seq: 5}}}))
	all, err := v.Snapshots(t.Context(), user)
	must(t, err)
	var seqs []int64
	for _, n := range all {
		seqs = append(seqs, n.Seq)
	}
	same(t, seqs, []int64{12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1})
}

// TestWrite: every change is conditional on the head's Rev, alone or in a transaction, and what a lost answer leaves
// behind is never half of it.
func TestWrite(t *testing.T) {
	t.Parallel()
	none := []strike(nil)
	for _, test := range []struct {
		name    string
		rev     int64 // that was read
		stored  int64 // that is there
		strikes []strike
		want    [2]fault.Kind // of the head alone, and with rows
		after   [2]int64      // the stored Rev
	}{
		{"First", 0, 0, none, [2]fault.Kind{ok, ok}, [2]int64{1, 1}},
		{"Next", 2, 2, none, [2]fault.Kind{ok, ok}, [2]int64{3, 3}},
		{"NotTheFirst", 0, 1, none, [2]fault.Kind{fault.Conflict, fault.Conflict}, [2]int64{1, 1}},
		{"LostRace", 1, 2, none, [2]fault.Kind{fault.Conflict, fault.Conflict}, [2]int64{2, 2}},
		{"HeadHasGone", 1, 0, none, [2]fault.Kind{fault.Conflict, fault.Conflict}, [2]int64{0, 0}},
		{"FailedOnce", 1, 1, []strike{lostBefore}, [2]fault.Kind{ok, ok}, [2]int64{2, 2}},
		{"AnswerLostOnce", 1, 1, []strike{lostAfter}, [2]fault.Kind{fault.Conflict, ok}, [2]int64{2, 2}},
		{"FailedThrice", 1, 1, []strike{lostBefore, lostBefore, lostBefore}, [2]fault.Kind{fault.Unavailable, fault.Unavailable}, [2]int64{1, 1}},
		{"LastAnswerLost", 1, 1, []strike{lostBefore, lostBefore, lostAfter}, [2]fault.Kind{fault.Unavailable, fault.Unavailable}, [2]int64{2, 2}},
		{"Throttled", 1, 1, []strike{refusal(400, "ThrottlingException"), refusal(400, "ProvisionedThroughputExceededException"), refusal(400, "RequestLimitExceeded")},
			[2]fault.Kind{fault.Unavailable, fault.Unavailable}, [2]int64{1, 1}},
		{"ThrottledOnce", 1, 1, []strike{refusal(400, "ThrottlingException")}, [2]fault.Kind{ok, ok}, [2]int64{2, 2}},
		{"ServerErrors", 1, 1, []strike{refusal(500, "InternalServerError"), refusal(503, "InternalServerError"), refusal(500, "InternalServerError")},
			[2]fault.Kind{fault.Unavailable, fault.Unavailable}, [2]int64{1, 1}},
		{"AnotherWriteUnderWay", 1, 1, []strike{refusal(400, "TransactionConflictException")}, [2]fault.Kind{fault.Conflict, fault.Conflict}, [2]int64{1, 1}},
		{"Refused", 1, 1, []strike{refusal(400, "AccessDeniedException")}, [2]fault.Kind{fault.Internal, fault.Internal}, [2]int64{1, 1}},
		{"CancelledByAnother", 1, 1, []strike{cancelled("None", "TransactionConflict")}, [2]fault.Kind{fault.Conflict, fault.Conflict}, [2]int64{1, 1}},
		{"CancelledByThrottling", 1, 1, []strike{cancelled("ThrottlingError", "None")}, [2]fault.Kind{fault.Unavailable, fault.Unavailable}, [2]int64{1, 1}},
		{"CancelledForGood", 1, 1, []strike{cancelled("ValidationError", "None")}, [2]fault.Kind{fault.Internal, fault.Internal}, [2]int64{1, 1}},
	} {
		for i, rows := range []vault.Change{{}, {Sessions: []vault.Session{{ID: "S"}}, Snapshots: []vault.Snapshot{{Seq: 1}}}} {
			t.Run(test.name+"/"+[]string{"Head", "WithRows"}[i], func(t *testing.T) {
				t.Parallel()
				w := open(t)
				v := w.vaults()
				for rev := range test.stored {
					must(t, v.Write(t.Context(), user, vault.Change{Head: vault.Head{Rev: rev}}))
				}
				w.wire.strike(test.strikes...)
				c := rows
				c.Head = vault.Head{State: vault.Active, Rev: test.rev, Bytes: 77}
				wantKind(t, v.Write(t.Context(), user, c), test.want[i])
				same(t, w.wire.left(), 0)

				h, err := v.Head(t.Context(), user)
				must(t, err)
				same(t, h.Rev, test.after[i])
				wrote := test.after[i] == test.rev+1 && test.stored == test.rev
				same(t, h.Bytes == 77, wrote)
				for _, s := range c.Sessions {
					_, err := v.Session(t.Context(), user, s.ID)
					same(t, err == nil, wrote)
				}
				for _, n := range c.Snapshots {
					_, err := v.Snapshot(t.Context(), user, n.Seq)
					same(t, err == nil, wrote)
				}
			})
		}
	}
}

func cancelled(codes ...string) strike {
	for i, c := range codes {
		codes[i] = `{"Code":` + strconv.Quote(c) + `}`
	}
	s := refusal(400, "TransactionCanceledException")
	s.body = strings.TrimSuffix(s.body, "}") + `,"CancellationReasons":[` + strings.Join(codes, ",") + `]}`
	return s
}

// full is a vault of two phones, each with a backup and a restore open, late in its life, and its newest snapshot.
func full() vault.Change {
	const many = 1 << 40
	counts := vault.Counts{"contacts": 4_999, "sms": 123_456, "mms": 12_345, "calls": 54_321}
	h := vault.Head{State: vault.Active, Version: 12, Seq: 123_456, Rev: 1 << 33, Bytes: many, Quota: many, Counts: counts}
	for d := range 2 {
		device := id[caller.DeviceID](d)
		h.Devices = append(h.Devices, vault.Counter{Device: device, Last: 123_456, Session: id[vault.SessionID](d), Kept: 123_456, Restored: 123_455, Brought: vault.Every})
		for _, k := range []vault.Kind{vault.Backup, vault.Restore} {
			h.Open = append(h.Open, vault.Entry{Device: device, Kind: k, Session: id[vault.SessionID](d), Base: id[vault.SessionID](9),
				BaseSeq: 123_455, Counter: 123_456, Granted: many, Location: "frankfurt", Lease: start})
		}
	}
	ledger := vault.Ledger{Seen: 123_456, Stored: 1234, Already: 122_000, Excluded: 200, Failed: 22, Reasons: map[string]int64{"too_large": 200, "unreadable": 22}}
	n := vault.Snapshot{Seq: 123_456, ID: id[vault.SessionID](1), State: vault.Kept, Device: id[caller.DeviceID](1), Location: "frankfurt", Version: 12,
		Counts: counts, Ledger: map[string]vault.Ledger{"contacts": ledger, "messages": ledger, "calls": ledger}, At: start,
		ListSum: strings.Repeat("a", 64), ListSize: 1 << 20, Hold: true}
	for d := range 4 {
		n.Origins = append(n.Origins, vault.Origin{Device: id[caller.DeviceID](d), Seq: 123_456})
	}
	s := vault.Session{ID: id[vault.SessionID](1), State: vault.Committed, Kind: vault.Backup, Device: n.Device, Base: id[vault.SessionID](9),
		Restore: string(id[vault.SessionID](3)), Location: n.Location, Version: 12, Seq: n.Seq, Request: n.ListSum, At: start, Origins: n.Origins, Adopted: true}
	return vault.Change{Head: h, Sessions: []vault.Session{s}, Snapshots: []vault.Snapshot{n}}
}

// TestSizes: a row up to 1 KB is one unit of writing.
func TestSizes(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := full()
	rev := c.Head.Rev
	c.Head.Rev = 0
	must(t, w.vaults().Write(t.Context(), user, c))
	head := w.row(t, deployment.Table, "V#"+string(user), "HEAD")
	rows := map[string]int{
		"HEAD": size(head) + len(strconv.FormatInt(rev, 10))/2,
		"S":    size(w.row(t, deployment.Table, "V#"+string(user), "S#"+string(c.Sessions[0].ID))),
		"N":    size(w.row(t, deployment.Table, "V#"+string(user), "N#000000123456")),
	}
	for name, n := range rows {
		t.Logf("%s: %d bytes", name, n)
		if n > 1024 || n < 200 {
			t.Errorf("the row %s has %d bytes, want up to 1024", name, n)
		}
	}
}
