package state

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"os"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"zapas/device/internal/alloctest"
	"zapas/device/internal/index"
	"zapas/shared/api"
)

// FuzzClosed gives the list of closed chunks whatever a crash may leave, with and without a right check sum: what is taken of it
// is kept as it is.
func FuzzClosed(f *testing.F) {
	const session = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	d, _ := kept(f, identityFile)
	sound, err := cbor.Marshal(Closed{Spooled: Spooled{ID: "A", SHA256: "B", Size: 3}, Runs: []index.Run{{Kind: 2, Count: 2}}, Records: make([]byte, 32), Parts: []Part{{Size: 1, Length: 1}}})
	if err != nil {
		f.Fatal(err)
	}
	noted := append([]byte{recordsNoted}, make([]byte, 48)...)
	for _, b := range [][]byte{sound, noted, sound[:len(sound)-1], {}} {
		f.Add(b, true)
		f.Add(b, false)
	}
	f.Fuzz(func(t *testing.T, b []byte, summed bool) {
		begin := func() (closed []Closed) {
			var err error
			alloctest.Within(t, 256<<10+uint64(len(b))*200, func() { closed, err = d.Begin(session) })
			if err != nil {
				t.Fatal(err)
			}
			return closed
		}
		write(t, d, nil, sessionFolder, closedFile)
		if begin() != nil {
			t.Error("a new session has closed chunks")
		}
		if summed {
			if err := d.note(b, true); err != nil {
				t.Fatal(err)
			}
		} else {
			there, err := os.ReadFile(d.Path(sessionFolder, closedFile))
			if err != nil {
				t.Fatal(err)
			}
			write(t, d, append(there, b...), sessionFolder, closedFile)
		}
		closed := begin()
		write(t, d, nil, sessionFolder, closedFile)
		begin()
		for _, c := range closed {
			if err := d.NoteClosed(c); err != nil {
				t.Fatal(err)
			}
		}
		if again := begin(); cmp.Diff(closed, again) != "" {
			t.Errorf("it was kept and is another: %s", cmp.Diff(closed, again))
		}
	})
}

// FuzzLost gives the list of lost chunks whatever may lie on a disk, under a right check sum.
func FuzzLost(f *testing.F) {
	d, _ := kept(f, identityFile)
	f.Add([]byte(`["01ARZ3NDEKTSV4RRFFQ69G5FAV"]`))
	f.Add([]byte(`["01ARZ3NDEKTSV4RRFFQ69G5FAV","01ARZ3NDEKTSV4RRFFQ69G5FAV"]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) {
			return
		}
		sum := sha256.Sum256(b)
		b, err := json.Marshal(checkedLost{b, sum[:]})
		if err != nil {
			t.Fatal(err)
		}
		write(t, d, b, lostFile)
		var l Lost
		alloctest.Within(t, 128<<10+uint64(len(b))*200, func() { l = d.Lost() })
		if err := d.PutLost(l); err != nil {
			t.Fatal(err)
		}
		if again := d.Lost(); !maps.Equal(l, again) {
			t.Errorf("%v was kept and is %v", l, again)
		}
	})
}

// FuzzAgenda gives the agenda whatever may lie on a disk: what is taken of it is kept as it is.
func FuzzAgenda(f *testing.F) {
	d, _ := kept(f, identityFile)
	sound, err := json.Marshal(Agenda{Profile: api.DeviceProfile{Id: "P", Elements: []api.Element{"contacts"}}, Planned: []api.Planned{{}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sound)
	f.Add([]byte(`{"planned":null,"begun":"9999-12-31T23:59:59Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		write(t, d, b, agendaFile)
		var a Agenda
		var err error
		alloctest.Within(t, 128<<10+uint64(len(b))*200, func() { a, err = d.Agenda() })
		if err != nil {
			t.Fatal(err)
		}
		if err := d.PutAgenda(a); err != nil {
			t.Fatal(err)
		}
		again, err := d.Agenda()
		one, _ := json.Marshal(a)
		two, _ := json.Marshal(again)
		if err != nil || string(one) != string(two) {
			t.Errorf("%s was kept and is %s: %v", one, two, err)
		}
	})
}
