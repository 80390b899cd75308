package android_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zapas/device/android"
	"zapas/device/internal/item"
	"zapas/device/sample"
)

// phones are samples of one kind of item each.
func phones() map[string]*sample.Phone {
	const history = 365 * 24 * time.Hour
	return map[string]*sample.Phone{
		"SMS":   sample.New(1, sample.Size{SMS: 10_000, History: history}),
		"MMS":   sample.New(1, sample.Size{MMS: 200, MinAttachment: 200 << 10, MaxAttachment: 200 << 10, History: history}),
		"Calls": sample.New(1, sample.Size{Calls: 10_000, History: history}),
	}
}

// exported writes what is on a phone as its one export, and answers its path.
func exported(b *testing.B, kind string, p *sample.Phone) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "export.xml")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	write := p.WriteXML
	if kind == "Calls" {
		write = p.WriteCalls
	}
	if err := write(f); err != nil {
		b.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

func opened(b *testing.B, path string) *android.Export {
	b.Helper()
	e, err := android.Open(path, android.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

func each(b *testing.B, e *android.Export, do func(item.Item)) {
	b.Helper()
	for it, err := range e.Items() {
		if err != nil {
			b.Fatal(err)
		}
		do(it)
	}
}

// BenchmarkItems reads an export for the first time.
func BenchmarkItems(b *testing.B) {
	for kind, p := range phones() {
		b.Run(kind, func(b *testing.B) {
			path := exported(b, kind, p)
			b.ReportAllocs()
			for b.Loop() {
				e := opened(b, path)
				each(b, e, func(item.Item) {})
				if err := e.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOpenBlob reads the attachments of an export that was read before.
func BenchmarkOpenBlob(b *testing.B) {
	e := opened(b, exported(b, "MMS", phones()["MMS"]))
	defer e.Close()
	var blobs []item.Blob
	each(b, e, func(it item.Item) { blobs = append(blobs, it.Blobs()...) })
	b.ReportAllocs()
	for b.Loop() {
		for _, blob := range blobs {
			r, err := e.OpenBlob(blob)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
