package index

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/readertest"
)

// TestVectors_SecondReader: an implementation that shares no code with this one reads the same, and refuses the same for the
// reason that is written down.
func TestVectors_SecondReader(t *testing.T) {
	t.Parallel()
	valid, invalid := readVectors(t, "valid.json"), readVectors(t, "invalid.json")
	said := readertest.Read(t, "indexes", filepath.Join("testdata", "valid.json"))
	for _, v := range valid {
		var got told
		if s := said[v.Name]; s.Refused != "" {
			t.Errorf("%s: refused: %s", v.Name, s.Refused)
		} else if err := json.Unmarshal(s.Got, &got); err != nil {
			t.Error(err)
		} else if diff := cmp.Diff(v.Want, &got); diff != "" {
			t.Errorf("%s: %s", v.Name, diff)
		}
	}
	said = readertest.Read(t, "indexes", filepath.Join("testdata", "invalid.json"))
	reasons := map[string]string{}
	for _, v := range invalid {
		if reasons[v.Name] = said[v.Name].Refused; reasons[v.Name] == "" {
			t.Errorf("%s: accepted, though %s", v.Name, v.Why)
		}
	}
	readertest.Reasons(t, filepath.Join("testdata", "second.json"), reasons, *update)
	t.Logf("Node: %d valid and %d invalid vectors", len(valid), len(invalid))
}

// An idVector is an id and its bytes, or why it is none.
type idVector struct {
	Name  string `json:"name"`
	ID    string `json:"id"`
	Bytes string `json:"bytes"`
	Why   string `json:"why"`
}

// TestIDs: both readers read the ids of the vectors as the same bytes, write them as the same names, and refuse the same.
func TestIDs(t *testing.T) {
	t.Parallel()
	file := filepath.Join("testdata", "ids.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []idVector
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	told, valid := readertest.Read(t, "ids", file), 0
	for _, v := range all {
		id, err := Parse(v.ID)
		second := told[v.Name]
		if (err == nil) != (v.Why == "") || (second.Refused == "") != (v.Why == "") || (v.Bytes == "") != (v.Why != "") {
			t.Errorf("%s: %v, and the second reader: %s", v.Name, err, second.Refused)
			continue
		}
		if err != nil {
			continue
		}
		valid++
		if got := hex.EncodeToString(id[:]); got != v.Bytes || ID(unhex(t, v.Bytes)).String() != v.ID {
			t.Errorf("%s: %s is %s, written as %s", v.Name, v.ID, got, id)
		}
		var got idVector
		if err := json.Unmarshal(second.Got, &got); err != nil || got.ID != v.ID || got.Bytes != v.Bytes {
			t.Errorf("%s: the second reader: %s, %v", v.Name, second.Got, err)
		}
	}
	if valid < 8 || len(all)-valid < 10 {
		t.Errorf("only %d ids and %d that are none", valid, len(all)-valid)
	}
}

// TestLimits: an index has at most 4 MiB, to the byte, for both readers.
func TestLimits(t *testing.T) {
	t.Parallel()
	of := func(pad int) *Index {
		x := valid()
		x.Coverage = map[string]string{"sms": strings.Repeat("x", pad)}
		return x
	}
	const pad = 1 << 20
	short, err := of(pad).Encode()
	if err != nil {
		t.Fatal(err)
	}
	full, err := of(pad + MaxEncoded - len(short)).Encode()
	if err != nil || len(full) != MaxEncoded {
		t.Fatalf("%d bytes: %v", len(full), err)
	}
	if _, err := Decode(full); err != nil {
		t.Error(err)
	}
	if _, err := of(pad + MaxEncoded - len(short) + 1).Encode(); err == nil || !strings.Contains(err.Error(), "it has 4194305 bytes") {
		t.Errorf("a byte more is encoded: %v", err)
	}
	more := strings.Replace(string(full), "x", "xx", 1)
	at := strings.Index(more, "xx") - 4 // the length of the text
	more = more[:at] + string([]byte{more[at], more[at+1], more[at+2], more[at+3] + 1}) + more[at+4:]
	if _, err := Decode([]byte(more)); err == nil || !strings.Contains(err.Error(), "it has 4194305 bytes") {
		t.Errorf("a byte more is read: %v", err)
	}
	file := filepath.Join(t.TempDir(), "limits.json")
	b, err := json.Marshal([]vector{{Name: "full", CBOR: hex.EncodeToString(full)}, {Name: "more", CBOR: hex.EncodeToString([]byte(more))}})
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	told := readertest.Read(t, "indexes", file)
	if told["full"].Refused != "" || told["more"].Refused != "the index has too many bytes" {
		t.Errorf("the second reader: %q and %q", told["full"].Refused, told["more"].Refused)
	}
}
