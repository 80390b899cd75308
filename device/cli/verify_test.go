package main

import (
	"bytes"
	"strings"
	"testing"

	"zapas/device"
)

func TestPage_Verify(t *testing.T) {
	t.Parallel()
	r := device.VerifyReport{Snapshot: "01SNAP", Outcome: device.Damaged, Objects: 2, Bytes: 2_500_000, Requests: device.Requests{API: 4, Gets: 2},
		Elements: map[string]device.ProvenElement{"contacts": {Items: 1, Proven: 1},
			"messages": {Items: 2060, Proven: 2058, Lost: 2, Reasons: map[string]int64{"chunk_missing": 2}}},
		Attachments: device.ProvenAttachments{Named: 1200, Proven: 120}, Sample: 10,
		Failures: []device.Failure{{Snapshot: "01SNAP", Element: "messages", Items: 2, Reason: "chunk_missing", Detail: "chunk 01C is not there"},
			{Snapshot: "01SNAP", Reason: "index_damaged", Detail: "its index cannot be read"}}}
	want := `DAMAGED: some of backup 01SNAP cannot be restored
  contacts     1 item = 1 proven + 0 lost
  messages     2,060 items = 2,058 proven + 2 lost (chunk missing 2)
  attachments  120 of 1,200 proven, a sample of 10 %
  downloaded   2 objects, 2.5 MB, 6 requests
  lost         2 items of messages: chunk 01C is not there
  lost         its index cannot be read
  card         it shows that damage was found, and the last proof in full
`
	if got := pageOf(t, func(p *page) { p.verify(r, true) }); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	for _, tt := range []struct {
		outcome    string
		told       bool
		head, card string
	}{
		{device.Proven, true, "Proven: backup 01SNAP can be restored\n", "it shows this proof"},
		{device.Sampled, true, "Looked at some of backup 01SNAP: that can be restored\n", "it shows the last proof in full, which this is not"},
		{device.Proven, false, "Proven: ", "it does not know of this"},
	} {
		got := pageOf(t, func(p *page) { p.verify(device.VerifyReport{Snapshot: "01SNAP", Outcome: tt.outcome}, tt.told) })
		if !strings.HasPrefix(got, tt.head) || !strings.HasSuffix(got, " "+tt.card+"\n") {
			t.Errorf("%s, told %v: %s", tt.outcome, tt.told, got)
		}
	}
}

func TestVerify_Exit(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[string]int{device.Proven: exitOK, device.Sampled: exitOK, device.Damaged: exitFailed} {
		var errs bytes.Buffer
		if code := (&terminal{errs: &errs}).exit(proof(device.VerifyReport{Outcome: outcome})); code != want || errs.Len() > 0 {
			t.Errorf("%s exits %d, want %d, and says %q", outcome, code, want, errs.String())
		}
	}
}
