package android

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapas/device/internal/item"
)

func anyCall() *rapid.Generator[item.Item] {
	types := []item.CallType{item.Incoming, item.Outgoing, item.Missed, item.Rejected, item.Blocked, item.AnsweredElsewhere}
	return rapid.Custom(func(t *rapid.T) item.Item {
		p := item.Presentation(rapid.IntRange(0, 5).Draw(t, "presentation"))
		number := rapid.OneOf(rapid.SampledFrom([]string{"", "600 123 456", "112", "-1"}), nasty()).Draw(t, "number")
		return &item.Call{
			Type: rapid.SampledFrom(types).Draw(t, "type"), Date: rapid.Int64().Draw(t, "date"), Unit: item.Millisecond,
			Address: item.ParseCaller(number, p, "PL"), Duration: rapid.Int64Range(0, 1<<40).Draw(t, "duration"), Presentation: p,
			Read: rapid.Bool().Draw(t, "read"), New: rapid.Bool().Draw(t, "new"), Features: rapid.Int64().Draw(t, "features"), PostDial: nasty().Draw(t, "post"),
			ViaNumber: nasty().Draw(t, "via"), Line: nasty().Draw(t, "line"), LineOf: nasty().Draw(t, "of"), Country: nasty().Draw(t, "country"),
			Place: nasty().Draw(t, "place"), BlockReason: rapid.Int64().Draw(t, "block"), MissedReason: rapid.Int64().Draw(t, "missed"),
			DataUsage: rapid.Int64().Draw(t, "data"), Extras: extrasIn("android.call").Draw(t, "extras"),
		}
	})
}

func TestWriteCalls(t *testing.T) {
	t.Parallel()
	t.Run("ReadsBackEqual", rapid.MakeCheck(func(t *rapid.T) {
		calls := lists(anyCall()).Draw(t, "calls")
		var out bytes.Buffer
		all := func(yield func(item.Item) bool) {
			for _, it := range calls {
				if !yield(it) {
					return
				}
			}
		}
		if err := WriteCalls(&out, len(calls), all, Options{}); err != nil {
			t.Fatal(err)
		}
		e := export(out.String())
		var again []item.Item
		for it, err := range e.Items() {
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, it)
		}
		if diff := cmp.Diff(calls, again); diff != "" {
			t.Fatal(diff)
		}
		if element, err := e.Element(); err != nil || element != "calls" || e.Notes().Declared != len(calls) {
			t.Fatalf("%s, %v, %+v", element, err, e.Notes())
		}
	}))
}

func TestBadCall(t *testing.T) {
	t.Parallel()
	for xml, reason := range map[string]string{
		`<call number="1" duration="0" type="1"/>`:            "no date",
		`<call number="1" duration="0" date="1"/>`:            "no type",
		`<call number="1" date="1" type="8"/>`:                "none of 1 to 7",
		`<call number="1" date="1" type="1" type="1"></call>`: "type twice",
	} {
		o := readAll(t, export("<calls>"+xml+`<call number="1" date="1" type="1"/></calls>`))
		if len(o.bad) != 1 || len(o.items) != 1 || o.file != nil || !strings.Contains(o.bad[0].Reason, reason) || o.bad[0].Kind != item.KindCall {
			t.Errorf("%s: %+v", xml, o)
		}
	}
}

func TestCreateCalls(t *testing.T) {
	t.Parallel()
	call := &item.Call{Type: item.Missed, Date: 5, Unit: item.Millisecond, Address: item.ParseAddress("112", "PL")}
	path := filepath.Join(t.TempDir(), "calls.xml")
	for range 2 { // a new file, and one that is there
		w, err := CreateCalls(path, Options{Region: "PL"})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Put(call, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.Put(&item.Call{Type: item.Voicemail, Unit: item.Millisecond}, nil); !errors.Is(err, ErrVoicemail) {
			t.Errorf("a voicemail: %v", err)
		}
		if err := w.Put(text("x"), nil); err == nil {
			t.Error("a message was put among calls")
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if o := readAll(t, export(string(b))); len(o.items) != 2 || o.file != nil || !strings.Contains(string(b), `<calls count="2"`) {
		t.Errorf("%s", b)
	}
	if w, err := Create(path, Options{}); err == nil || !strings.Contains(err.Error(), "it is of calls, not of messages") {
		t.Errorf("messages were to be put among calls: %v, %v", w, err)
	}
}
