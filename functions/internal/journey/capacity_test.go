package journey_test

import (
	"fmt"
	"testing"
	"time"

	"zapas/functions/internal/gateway/gatewaytest"
	"zapas/localstack/deployment"
	"zapas/shared/api"
	"zapas/shared/aws/table"
	"zapas/shared/caller"
	"zapas/shared/vault"
)

// cost is what a request takes of the tables, in request units as "Read and write capacity" (Amazon DynamoDB Developer
// Guide) counts them.
type cost struct {
	part          string
	writes, reads float64
}

// mostWrites and mostReads are what an incremental backup may take, everything counted, at any age of its vault; one that carries
// out an order takes what ends the order besides.
const (
	mostWrites, mostReads   = 28, 12
	orderWrites, orderReads = 9, 2
)

// TestCapacityOfADay: an incremental backup takes so much of the tables, however many backups there were: the sum of its three
// requests, with their tokens, notes and records. The check-in before is not of it.
func TestCapacityOfADay(t *testing.T) {
	t.Parallel()
	issuer := gatewaytest.NewIssuer(t)
	for _, tt := range []struct {
		name          string
		others        int          // phones of the user
		open          []vault.Kind // what each of them is at
		ordered       bool
		writes, reads float64
	}{
		{"OnePhone", 0, nil, false, mostWrites, mostReads},
		{"TwoPhonesAtWork", 1, []vault.Kind{vault.Backup, vault.Restore}, false, mostWrites, mostReads},
		{"TenPhones", vault.MaxDevices - 1, nil, false, mostWrites, mostReads},
		{"Ordered", 1, nil, true, mostWrites + orderWrites, mostReads + orderReads},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := set(open(t, issuer))
			base := j.backup("", nil, [][]byte{chunk("first")}, 3, 0)
			j.age(base, tt.others, tt.open)
			j.stack.Clock.Advance(day)
			in := api.SessionInput{Kind: api.SessionInputKindBackup, Profile: &j.profile.Id, Base: &base}
			if tt.ordered {
				in.Order = new(good[api.Order](t, j.anna.ask("orderMyBackup", j.old.ID, "", nil), 202).Id)
			}
			j.checkIn(j.old)
			var parts []cost
			measure := func(part string, request func()) {
				writes, reads := j.stack.DynamoDB.Consumed()
				request()
				w, r := j.stack.DynamoDB.Consumed()
				parts = append(parts, cost{part, w - writes, r - reads})
			}
			var s api.Session
			measure("begin", func() { s = j.old.begin(in) })
			var added []api.AddedChunk
			measure("sign", func() { added = j.old.upload(*s.Session, chunk("a day later")) })
			measure("commit", func() {
				good[api.Committed](t, j.old.ask("commitSession", *s.Session, "", ending(added, []int{}, 1, 3)), 200)
			})
			var writes, reads float64
			for _, c := range parts {
				writes, reads = writes+c.writes, reads+c.reads
			}
			t.Logf("%v WRU and %v RRU: %+v", writes, reads, parts)
			if writes > tt.writes || reads > tt.reads {
				t.Errorf("a backup takes %v WRU and %v RRU, want %v and %v: %+v", writes, reads, tt.writes, tt.reads, parts)
			}
			if writes < 10 || reads < 5 {
				t.Errorf("a backup takes %v WRU and %v RRU: what has it not counted?", writes, reads)
			}
		})
	}
}

// age makes the vault one with years of backups, of other phones, too.
func (j *journey) age(base string, others int, open []vault.Kind) {
	j.t.Helper()
	j.stack.IAM.Enforce(nil)
	defer j.stack.IAM.Enforce(j.policies)
	vaults, user := table.Vaults{DB: table.Open(j.stack.Config()), Name: deployment.Table}, caller.UserID(j.old.user)
	h, err := vaults.Head(j.t.Context(), user)
	j.must(err)
	h.Quota, h.Bytes = 1<<50, 1<<45
	for n := range others {
		device := caller.DeviceID(fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ69G%04d", n))
		h.Devices = append(h.Devices, vault.Counter{Device: device, Last: 1 << 52, Session: vault.SessionID(base), Kept: 100_000})
		for _, kind := range open {
			h.Open = append(h.Open, vault.Entry{Device: device, Kind: kind, Session: vault.SessionID(fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ%04d%s", n, kind[:3])), Base: vault.SessionID(base),
				BaseSeq: 99_999, Counter: 1 << 52, Granted: 1 << 40, Location: location.ID, Lease: j.stack.Clock.Now().Add(vault.Lease).Truncate(time.Millisecond)})
		}
	}
	j.must(vaults.Write(j.t.Context(), user, vault.Change{Head: h}))
}
