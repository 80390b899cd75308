package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/cwriter"
	"github.com/vbauerster/mpb/v8/decor"

	"zapas/device"
)

// watched finds out who is at the other end. Bars are for eyes alone, and so are questions.
func (t *terminal) watched() {
	if t.json {
		return
	}
	if isTerminal(t.errs) {
		t.bars = &bars{out: t.errs}
	}
	t.asks = isTerminal(t.in) && isTerminal(t.out)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && cwriter.IsTerminal(int(f.Fd()))
}

// bars shows how far each element has come, while that goes on. A nil one shows nothing.
type bars struct {
	out   io.Writer
	all   *mpb.Progress // nil while there is nothing to see
	shown map[string]*bar
}

// bar is that of one element.
type bar struct {
	*mpb.Bar
	mu sync.Mutex // the drawing is another goroutine's
	at device.Progress
}

// watching is what a device tells of its progress.
func (b *bars) watching() func(device.Progress) {
	if b == nil {
		return nil
	}
	return b.show
}

const barWidth = 30

func (b *bars) show(at device.Progress) {
	if b.all == nil {
		b.all, b.shown = mpb.New(mpb.WithOutput(b.out), mpb.WithAutoRefresh()), map[string]*bar{}
	}
	one, ok := b.shown[at.Element]
	if !ok {
		one = &bar{at: at}
		one.Bar = b.all.AddBar(0, mpb.BarWidth(barWidth), mpb.BarPriority(slices.Index(elements, at.Element)), // of no size: it does not end by itself
			mpb.PrependDecorators(decor.Name("  "+at.Element, decor.WCSyncSpaceR)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return one.told() })))
		b.shown[at.Element] = one
	}
	one.mu.Lock()
	one.at = at
	one.mu.Unlock()
	if at.Total == 0 && at.State == device.Running { // of what is not known, no part
		at.Done = 0
	}
	one.SetTotal(max(at.Total, at.Done, 1), false)
	one.SetCurrent(at.Done)
}

// told is what stands behind the bar.
func (b *bar) told() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	count := number
	if b.at.Work == device.Uploading || b.at.Work == device.Downloading {
		count = size
	}
	s := fmt.Sprintf("%s %s", b.at.Work, count(b.at.Done))
	if b.at.Total > 0 {
		s += " of " + count(b.at.Total)
	}
	if b.at.State == device.Broken {
		return s + ", broken off"
	}
	if b.at.Failed > 0 {
		s += fmt.Sprintf(", %s failed", count(b.at.Failed))
	}
	return s
}

// end takes the bars away.
func (b *bars) end() {
	if b == nil || b.all == nil {
		return
	}
	for _, one := range b.shown {
		one.Abort(true)
	}
	b.all.Wait()
	b.all = nil
}
