package main

import (
	"maps"
	"path/filepath"
	"testing"
)

func TestContent_Coverage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "contacts.vcf"), "")
	writeFile(t, filepath.Join(dir, "calls.xml"), `<calls count="0"/>`)
	for _, tt := range []struct {
		name            string
		limited, denied chosen
		want            map[string]string // nil for an error
	}{
		{"All", nil, nil, map[string]string{"contacts": "full", "calls": "full", "messages": "unavailable"}},
		{"Limited", chosen{"contacts"}, nil, map[string]string{"contacts": "limited", "calls": "full", "messages": "unavailable"}},
		{"Denied", nil, chosen{"calls", "messages"}, map[string]string{"contacts": "full", "calls": "denied", "messages": "denied"}},
		{"LimitedOfNothing", chosen{"messages"}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := (&content{From: []string{dir}, Limited: tt.limited, Denied: tt.denied}).find()
			if (err == nil) != (tt.want != nil) {
				t.Fatal(err)
			}
			if err == nil && !maps.Equal(p.Shown(), tt.want) {
				t.Errorf("%v", p.Shown())
			}
		})
	}
}
