package main

import (
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"zapas/device"
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
			e, err := (&content{From: []string{dir}, Limited: tt.limited, Denied: tt.denied}).find()
			if (err == nil) != (tt.want != nil) {
				t.Fatal(err)
			}
			if err == nil && !maps.Equal(e.coverage(), tt.want) {
				t.Errorf("%v", e.coverage())
			}
		})
	}
}

// TestFind_NoExport shows that a file that is of no element is told why, by what it seems to be.
func TestFind_NoExport(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, file, content, want string }{
		{"NoCards", "x.vcf", "hello\n", "no vCard file"},
		{"MisspeltCards", "x.vcf", "BEGN:VCARD\nEND:VCARD\n", "no vCard file"},
		{"CardsOfUTF16", "x.VCF", "\xff\xfeB\x00", "UTF-16"},
		{"Anything", "x.txt", "hello\n", "neither contacts (a vCard file begins with BEGIN:VCARD) nor messages or calls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), tt.file)
			writeFile(t, path, tt.content)
			if _, err := find([]string{path}); err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Error(err)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "x.vcf")
	writeFile(t, path, "\ufeff\ufeffBEGIN:VCARD\nVERSION:3.0\nEND:VCARD\n")
	if e, err := find([]string{path}); err != nil || e.elements["contacts"] != path {
		t.Error(err)
	}
}

// TestExport_Blank shows that a file of contacts that is empty is told from one that has some.
func TestExport_Blank(t *testing.T) {
	t.Parallel()
	for content, blank := range map[string]bool{
		"": true, " \r\n\n": true, "\ufeff": true, strings.Repeat("\n", 500): true,
		"BEGIN:VCARD\nVERSION:3.0\nEND:VCARD\n": false, "BEGIN:VCARD\nEND:VCARD\n": false,
	} {
		path := filepath.Join(t.TempDir(), "x.vcf")
		writeFile(t, path, content)
		e, err := openExport("", path)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		got := false
		for _, err := range e.Items() {
			if b, ok := errors.AsType[*device.Blank](err); ok && b.Element == "contacts" {
				got = true
			}
		}
		if got != blank {
			t.Errorf("%q: %t", content, got)
		}
	}
}

func TestGaps_Count(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.xml")
	writeFile(t, path, `<smses count="1000000"><sms address="1" date="1" type="1" body="x"/></smses>`)
	e, err := openExport("", path)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var last error
	for _, err := range e.Items() {
		last = err
	}
	if gap, ok := errors.AsType[*device.Unreadable](last); !ok || gap.Count != 999_999 || !strings.Contains(gap.Err.Error(), "the file says that it holds 1,000,000 messages and 1 was read") {
		t.Error(last)
	}
}
